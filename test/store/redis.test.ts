/** The store in Redis, on the real engine, with each driver. */

import { setTimeout as elapse } from "node:timers/promises";
import { type RedisLike, RedisStore } from "cloudllm/store/redis";
import { storeSuite } from "cloudllm/testing";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type Driver, driversMissing, redisDrivers } from "../interop/drivers.mjs";
import { type RedisServer, redisMissing, startRedis } from "../support/redis-server.ts";
import { cutClient, SECRETS } from "./cut-client.ts";

const LEASE_MS = 400;
const missing = redisMissing ?? driversMissing;
const title = missing === undefined ? "RedisStore" : `RedisStore [skipped: ${missing}]`;

/** The one method that sends a command, for each kind of client. */
interface Sender {
  call?(...args: string[]): Promise<unknown>;
  sendCommand?(args: string[]): Promise<unknown>;
}

describe.skipIf(missing !== undefined)(title, () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server?.[Symbol.asyncDispose]());

  const connected = async (driver: Driver) => {
    const { client, close } = await driver.connect(server.url);
    const run = (...args: string[]) => {
      const { call, sendCommand } = client as Sender;
      return call ? call.apply(client, args) : (sendCommand?.call(client, args) ?? Promise.reject(new TypeError()));
    };
    return { client: client as RedisLike, close, run };
  };

  describe.each(redisDrivers.map((driver) => [driver.name, driver] as const))("with %s", (_name, driver) => {
    const cases = storeSuite({
      async open() {
        const [mine, others] = [await connected(driver), await connected(driver)];
        await mine.run("FLUSHALL");
        const { client, ...disturb } = cutClient(mine.client);
        const store = new RedisStore(client, { leaseMs: LEASE_MS });
        const other = new RedisStore(others.client, { leaseMs: LEASE_MS });
        const dispose = async () => void (await Promise.all([mine.close(), others.close()]));
        return { store, other, ...disturb, secrets: SECRETS, dispose };
      },
      leaseMs: LEASE_MS,
    });
    for (const { name, skip, run } of cases) test.skipIf(skip !== undefined)(name, run);
  });

  const [driver] = redisDrivers as readonly [Driver];

  test("with `ttlMs` a session goes after its last write, also from the listing, and leaves nothing", async () => {
    const { client, run, close } = await connected(driver);
    await run("FLUSHALL");
    const store = new RedisStore(client, { ttlMs: 300, leaseMs: 100 });
    for (const id of ["ann/1", "ann/2"]) {
      await store.append(id, [{ type: "text", text: "short-lived" }]);
      await store.release(id);
    }
    expect((await store.list()).sessions).toHaveLength(2);
    await vi.waitFor(async () => expect(await store.load("ann/1")).toEqual([]));
    await vi.waitFor(async () => expect((await store.list()).sessions).toEqual([]));
    expect((await store.list({ prefix: "ann/" })).sessions).toEqual([]);
    await vi.waitFor(async () => expect(await run("DBSIZE")).toBe(0));
    await close();
  });

  test("a session that was opened and never written to goes by itself; one that was written to stays", async () => {
    const { client, run, close } = await connected(driver);
    await run("FLUSHALL");
    const store = new RedisStore(client, { prefix: "p" });
    await store.claim("empty");
    expect(Number(await run("PTTL", "p:session:{empty}:log"))).toBeGreaterThan(0);
    await store.append("kept", [{ type: "text", text: "kept" }]);
    expect(await run("PTTL", "p:session:{kept}:log")).toBe(-1);
    await store.release("empty");
    await store.release("kept");
    expect(((await run("KEYS", "*:own:*")) as string[]).length).toBe(0);
    await close();
  });

  test("prefixes keep the sessions of two programs apart", async () => {
    const { client, run, close } = await connected(driver);
    await run("FLUSHALL");
    const [one, two] = [new RedisStore(client, { prefix: "one" }), new RedisStore(client, { prefix: "two" })];
    await one.append("a", [{ type: "text", text: "one" }]);
    expect(await two.load("a")).toEqual([]);
    expect((await two.list()).sessions).toEqual([]);
    await two.claim("a");
    await close();
  });

  test("a Redis without memory takes no session from its holder", async () => {
    const { client, run, close } = await connected(driver);
    const [store, other] = [new RedisStore(client, { leaseMs: 300 }), new RedisStore(client, { leaseMs: 300 })];
    await store.append("full", [{ type: "text", text: "before" }]);
    await run("CONFIG", "SET", "maxmemory", "1");
    for (const end = performance.now() + 900; performance.now() < end; await elapse(30))
      await expect(other.claim("full")).rejects.toMatchObject({ kind: "busy" });
    await run("CONFIG", "SET", "maxmemory", "0");
    await store.append("full", [{ type: "text", text: "after" }]);
    expect(await other.load("full")).toHaveLength(2);
    await store.release("full");
    await close();
  });

  test("a Redis that has lost its data refuses the writes of open sessions, rather than keep halves", async () => {
    const { client, run, close } = await connected(driver);
    const store = new RedisStore(client);
    await store.append("a", [{ type: "text", text: "before" }]);
    await run("FLUSHALL");
    await expect(store.append("a", [{ type: "text", text: "after" }])).rejects.toMatchObject({ kind: "busy" });
    expect(await store.load("a")).toEqual([]);
    expect((await store.list()).sessions).toEqual([]);
    await close();
  });

  test("a Redis that comes back with the data of a moment ago keeps the conversation until then, without a hole", async () => {
    const { client, run, close } = await connected(driver);
    const store = new RedisStore(client);
    const log = "cloudllm:session:{older}:log";
    const append = (text: string) => store.append("older", [{ type: "text", text }]);
    await append("one");
    await run("COPY", log, "before");
    await append("two");
    await run("COPY", "before", log, "REPLACE"); // a failover
    for (const text of ["three", "four"]) await expect(append(text)).rejects.toMatchObject({ kind: "busy" });
    expect(await store.load("older")).toEqual([{ type: "text", text: "one" }]);
    await store.release("older");
    await append("five");
    expect(await store.load("older")).toEqual(["one", "five"].map((text) => ({ type: "text", text })));
    await store.release("older");
    await run("DEL", "before");
    await close();
  });

  test("an append does not read back what was written before it, such as a picture", async () => {
    const { client, run, close } = await connected(driver);
    const store = new RedisStore(client);
    const sentBytes = async () => Number(/total_net_output_bytes:(\d+)/.exec(String(await run("INFO", "stats")))?.[1]);
    await store.append("pictures", [{ type: "text", text: "x".repeat(1_000_000) }]);
    const before = await sentBytes();
    await store.append("pictures", [{ type: "text", text: "And this one?" }]);
    expect((await sentBytes()) - before).toBeLessThan(100_000);
    expect(await store.load("pictures")).toHaveLength(2);
    await store.release("pictures");
    await close();
  });
});

test("an invalid option or client is refused", () => {
  const client = { command: async () => null };
  expect(() => new RedisStore(client, { ttlMs: 0.5 })).toThrow("`ttlMs` must be an integer number of milliseconds");
  expect(() => new RedisStore(client, { leaseMs: 0 })).toThrow("`leaseMs` must be a number of milliseconds");
  expect(() => new RedisStore({} as RedisLike)).toThrow("The Redis client is of an unknown kind.");
});
