/** A limit that processes share through Redis: it holds for all of them, each gets its turn, and none waits for a dead one. */

import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { rateLimit, SendError, type SharedWindow } from "cloudllm";
import { type RedisLike, redisWindow } from "cloudllm/store/redis";
import { scriptedClient } from "cloudllm/testing";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { redisClientOf } from "../../src/store/redis/client.ts";
import { RedisWindow } from "../../src/store/redis/shared-window.ts";
import { driversMissing, redisDrivers } from "../interop/drivers.mjs";
import { type RedisServer, redisMissing, startRedis } from "../support/redis-server.ts";

const PROGRAM = fileURLToPath(new URL("limited.mjs", import.meta.url));
const isBuilt = existsSync(fileURLToPath(new URL("../../dist/store/redis/index.js", import.meta.url)));
const WINDOW_MS = 400;
const QUESTION = [{ role: "user" as const, content: "?" }];
const missing = redisMissing ?? driversMissing;
const title = missing === undefined ? "redisWindow" : `redisWindow [skipped: ${missing}]`;

describe.skipIf(missing !== undefined)(title, () => {
  let server: RedisServer;
  let client: RedisLike & { call(...args: string[]): Promise<unknown> };
  let close: () => Promise<void>;
  const [driver] = redisDrivers;

  beforeAll(async () => {
    server = await startRedis();
    const connected = await driver?.connect(server.url);
    client = connected?.client as typeof client;
    close = connected?.close ?? (async () => undefined);
  });
  beforeEach(async () => void (await client.call("FLUSHALL")));
  afterAll(async () => {
    await close();
    await server[Symbol.asyncDispose]();
  });

  /** A window of less than a minute, as one more process would have it. */
  const shortWindow = (lineMs?: number): SharedWindow =>
    new RedisWindow(redisClientOf(client), "short:{a}", 1_000, WINDOW_MS, lineMs);
  const size = async (key: string) => Number(await client.call("ZCARD", `cloudllm:limit:{all}:${key}`));

  test.skipIf(!isBuilt)(
    "ten processes keep one limit together; three that die in the line keep it from no other",
    { timeout: 60_000 },
    async () => {
      const begun = new Map<ChildProcess, number>();
      for (let process_ = 0; process_ < 10; process_++) {
        const child = spawn(process.execPath, [PROGRAM, server.url, "40", "50"], {
          stdio: ["ignore", "pipe", "inherit"],
        });
        begun.set(child, 0);
        child.stdout.on("data", (data: Buffer) =>
          begun.set(child, (begun.get(child) ?? 0) + data.toString().split("\n").length - 1),
        );
      }
      const total = () => [...begun.values()].reduce((sum, count) => sum + count, 0);
      try {
        // All are there, and each has one call in the line.
        await vi.waitFor(async () => expect(await size("line")).toBe(10), { timeout: 30_000, interval: 50 });
        await vi.waitFor(() => expect(total()).toBe(40));
        expect(await size("calls")).toBe(40);
        for (const child of [...begun.keys()].slice(0, 3)) child.kill("SIGKILL");
        await vi.waitFor(async () => expect(await size("line")).toBe(7), { timeout: 10_000, interval: 50 });
        expect(total()).toBe(40);
      } finally {
        for (const child of begun.keys()) child.kill("SIGKILL");
      }
    },
  );

  test("the tokens of calls that Redis has evicted do not slow the later ones for ever", async () => {
    const window = shortWindow();
    const ask = (id: string, tokens: number) => window.ask({ id, tokens, tokensPerMinute: 100 });
    await ask("evicted", 100);
    expect((await ask("waits", 50)).waitMs).toBeGreaterThan(0);
    await window.leave("waits");
    await client.call("DEL", "short:{a}:calls");
    for (const id of ["one", "two"]) expect((await ask(id, 50)).waitMs).toBe(0);
    expect((await ask("three", 50)).waitMs).toBeGreaterThan(0);
  });

  test("no window of time contains more calls than the limit, and processes that wait take turns", async () => {
    const [limit, processes, callsEach] = [10, 5, 8];
    const [asked, answered, order]: [number[], number[], number[]] = [[], [], []];
    const clients = Array.from({ length: processes }, (_, process_) => {
      const window = shortWindow();
      const noted: SharedWindow = {
        leave: (id) => window.leave(id),
        settle: (id, tokens) => window.settle(id, tokens),
        close: (forMs) => window.close(forMs),
        async ask(call) {
          const askedAt = performance.now();
          const answer = await window.ask(call);
          if (answer.waitMs > 0) return answer;
          asked.push(askedAt);
          answered.push(performance.now());
          order.push(process_);
          return answer;
        },
      };
      const calls = Array.from({ length: callsEach }, () => ({ text: "ok" }));
      return rateLimit(scriptedClient(calls), { requestsPerMinute: limit, shared: noted });
    });
    await Promise.all(clients.flatMap((each) => Array.from({ length: callsEach }, () => each.sendMessage(QUESTION))));
    expect(order).toHaveLength(processes * callsEach);
    // A call begins, by the server's clock, between its question and the answer.
    asked.sort((a, b) => a - b);
    for (const [index, answeredAt] of answered.slice(limit).entries())
      expect(answeredAt - (asked[index] ?? 0)).toBeGreaterThan(WINDOW_MS - 2);
    // Once the first window is full, every ten calls are two of each.
    for (let start = limit; start + limit <= order.length; start += limit) {
      const counts = Array.from(
        { length: processes },
        (_, each) => order.slice(start, start + limit).filter((process_) => process_ === each).length,
      );
      expect(Math.max(...counts), `${order}`).toBeLessThanOrEqual(3);
      expect(Math.min(...counts), `${order}`).toBeGreaterThanOrEqual(1);
    }
  });

  test("a place in the line that its process has left keeps nobody waiting for longer than a dead one may", async () => {
    const [dead, live] = [shortWindow(200), shortWindow(200)];
    const limits = { tokens: 0, requestsPerMinute: 1 };
    expect((await live.ask({ id: "first", ...limits })).waitMs).toBe(0);
    expect((await dead.ask({ id: "dead", ...limits })).waitMs).toBeGreaterThan(0);
    expect((await live.ask({ id: "next", ...limits })).waitMs).toBeGreaterThan(0);
    const begunAt = performance.now();
    await vi.waitFor(async () => expect((await live.ask({ id: "next", ...limits })).waitMs).toBe(0), {
      timeout: 5_000,
      interval: 20,
    });
    expect(performance.now() - begunAt).toBeLessThan(WINDOW_MS + 200 + 500);
  });

  test("tokens count by their estimate first, then as they were; a call above the limit begins alone", async () => {
    const window = shortWindow();
    const ask = (id: string, tokens: number) => window.ask({ id, tokens, tokensPerMinute: 100 });
    expect((await ask("a", 60)).waitMs).toBe(0);
    expect((await ask("b", 60)).waitMs).toBeGreaterThan(0);
    await window.settle("a", 10);
    expect((await ask("b", 60)).waitMs).toBe(0);
    expect((await ask("c", 500)).waitMs).toBeGreaterThan(0);
    await vi.waitFor(async () => expect((await ask("c", 500)).waitMs).toBe(0), { timeout: 3_000, interval: 20 });
  });

  test("a call that leaves the line leaves its room to the next", async () => {
    const window = shortWindow();
    const ask = (id: string, tokens: number) => window.ask({ id, tokens, tokensPerMinute: 100 });
    expect((await ask("a", 50)).waitMs).toBe(0);
    expect((await ask("large", 90)).waitMs).toBeGreaterThan(0);
    expect((await ask("small", 20)).waitMs).toBeGreaterThan(0); // it does not overtake
    await window.leave("large");
    expect((await ask("small", 20)).waitMs).toBe(0);
  });

  test("a wait that the provider asks of one process holds for all", async () => {
    const [one, other] = [shortWindow(), shortWindow()];
    const refusing = scriptedClient([{ refusal: { status: 429, headers: { "retry-after": "2" } } }]);
    const refused = rateLimit(refusing, { requestsPerMinute: 100, shared: one });
    await expect(refused.sendMessage(QUESTION, { retries: 0 })).rejects.toMatchObject({ kind: "rateLimit" });
    await vi.waitFor(async () => {
      const { waitMs, closedMs } = await other.ask({ id: "a", tokens: 0, requestsPerMinute: 100 });
      expect(Math.min(waitMs, closedMs)).toBeGreaterThan(500);
    });
    const impatient = rateLimit(scriptedClient([{ text: "ok" }]), { requestsPerMinute: 100, shared: other });
    const options = { retries: { maxRetryAfterMs: 100 } };
    await expect(impatient.sendMessage(QUESTION, options)).rejects.toMatchObject({ kind: "rateLimit" });
  });

  test("a call whose signal fires while it waits leaves the line", async () => {
    const window = shortWindow();
    const limited = rateLimit(scriptedClient([{ text: "ok" }]), { requestsPerMinute: 1, shared: window });
    await window.ask({ id: "other", tokens: 0, requestsPerMinute: 1 });
    const controller = new AbortController();
    const call = limited.sendMessage(QUESTION, { signal: controller.signal });
    await vi.waitFor(async () => expect(Number(await client.call("ZCARD", "short:{a}:line"))).toBe(1));
    controller.abort();
    await expect(call).rejects.toMatchObject({ kind: "aborted" });
    await vi.waitFor(async () => expect(Number(await client.call("ZCARD", "short:{a}:line"))).toBe(0));
  });

  test("every key goes by itself", async () => {
    const window = redisWindow(client, { name: "all" });
    await window.ask({ id: "a", tokens: 5, requestsPerMinute: 1, tokensPerMinute: 10 });
    await window.ask({ id: "b", tokens: 5, requestsPerMinute: 1, tokensPerMinute: 10 });
    await window.close(1_000);
    const keys = (await client.call("KEYS", "*")) as string[];
    expect(keys.length).toBe(5);
    for (const key of keys) expect(Number(await client.call("PTTL", key)), key).toBeGreaterThan(0);
  });

  test("while Redis is away each process keeps the limit for itself, and reports it once", {
    timeout: 30_000,
  }, async () => {
    await using engine = await startRedis();
    const connected = await driver?.connect(engine.url);
    const onUnshared = vi.fn();
    const limited = rateLimit(scriptedClient(Array.from({ length: 6 }, () => ({ text: "ok" }))), {
      requestsPerMinute: 5,
      shared: redisWindow(connected?.client as RedisLike, { name: "all", timeoutMs: 200 }),
      onUnshared,
    });
    await limited.sendMessage(QUESTION);
    expect(onUnshared).not.toHaveBeenCalled();
    await engine.kill();
    for (let call = 0; call < 4; call++) await limited.sendMessage(QUESTION);
    expect(onUnshared).toHaveBeenCalledTimes(1);
    const sixth = limited.sendMessage(QUESTION, { timeouts: { total: 300 } });
    await expect(sixth).rejects.toBeInstanceOf(SendError); // its own window is full
    await connected?.close();
  });
});

test("an invalid option is refused", () => {
  const redis = { command: async () => null };
  expect(() => redisWindow(redis, { name: 1 as never })).toThrow("`name` must be a string. Received 1.");
  expect(() => redisWindow(redis, { name: "a", timeoutMs: 0 })).toThrow("`timeoutMs` must be a number");
  expect(() => rateLimit(scriptedClient([]), { shared: {} as SharedWindow })).toThrow(
    "`shared` must be a shared window",
  );
});
