/** Calls that wait their turn. */

import { type ClientWrapper, type RateLimitOptions, rateLimit, SendError } from "cloudllm";
import { scriptedClient } from "cloudllm/testing";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { rateLimitsOf } from "../../src/call/rate-limits.ts";
import { SlidingWindow } from "../../src/reliability/sliding-window.ts";
import { withLongerTimes } from "../support/longer-times.ts";
import { httpChunk, LAST_CHUNK, type RawServer, rawServer, response, STREAM_HEAD } from "../support/raw-server.ts";
import { CHAT } from "../support/wires.ts";

const QUESTION = [{ role: "user", content: "hi" }] as const;
const script = { text: "Hello.", ending: { usage: { inputTokens: 50, outputTokens: 50 } } };

await rateLimit(
  scriptedClient(() => script),
  {},
).sendMessage(QUESTION); // the first call loads the queue

/** Lets everything happen that is due now. */
const settle = () => vi.advanceTimersByTimeAsync(0);

describe("in line", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  function limited(options: RateLimitOptions) {
    const client = scriptedClient(() => script);
    return { client, limited: rateLimit(client, options) };
  }

  test("no more than so many requests begin in any minute, in the order of the calls", async () => {
    const { client, limited: line } = limited({ requestsPerMinute: 3 });
    const order: number[] = [];
    for (let call = 0; call < 8; call++)
      void line.sendMessage([{ role: "user", content: `${call}` }]).then(() => order.push(call));
    await settle();
    expect(client.calls).toHaveLength(3);
    await vi.advanceTimersByTimeAsync(59_000);
    expect(client.calls).toHaveLength(3);
    await vi.advanceTimersByTimeAsync(1_001);
    expect(client.calls).toHaveLength(6);
    await vi.advanceTimersByTimeAsync(60_001);
    expect(client.calls).toHaveLength(8);
    expect(order).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  test("a reply that costs less than was thought makes room", async () => {
    const { client, limited: line } = limited({ tokensPerMinute: 1_250 });
    await line.sendMessage(QUESTION);
    await line.sendMessage(QUESTION);
    expect(client.calls).toHaveLength(2);
    const third = line.sendMessage(QUESTION);
    await settle();
    expect(client.calls).toHaveLength(3);
    await third;
    void line.sendMessage(QUESTION);
    await settle();
    expect(client.calls).toHaveLength(3); // 300 were spent, and about 1 000 are thought of
    await vi.advanceTimersByTimeAsync(60_001);
    expect(client.calls).toHaveLength(4);
  });

  test("only so many are under way; a stream until it is read, left or has failed", async () => {
    const client = scriptedClient([script, { text: ["a", "b"] }, { text: "x", ending: "cut" }, script]);
    const line = rateLimit(client, { concurrency: 1 });
    const first = await line.sendMessageStream(QUESTION);
    const second = line.sendMessageStream(QUESTION);
    const third = line.sendMessageStream(QUESTION);
    const fourth = line.sendMessage(QUESTION);
    await settle();
    expect(client.calls).toHaveLength(1);
    await first.finalMessage();
    for await (const _chunk of await second) break;
    await expect((await third).finalMessage()).rejects.toMatchObject({ kind: "truncated" });
    expect((await fourth).content).toBe("Hello.");
  });

  test("a call whose signal fires leaves the line, and those behind it move up", async () => {
    const { client, limited: line } = limited({ concurrency: 1 });
    const first = await line.sendMessageStream(QUESTION);
    const abort = new AbortController();
    const reason = new Error("enough");
    const second = line.sendMessage(QUESTION, { signal: abort.signal }).catch((error: unknown) => error);
    const third = line.sendMessage(QUESTION);
    abort.abort(reason);
    const error = await second;
    expect(error).toBeInstanceOf(SendError);
    expect(error).toMatchObject({ kind: "aborted", cause: reason, provider: "scripted" });
    await first.stop();
    expect((await third).content).toBe("Hello.");
    expect(client.calls).toHaveLength(2);
    await expect(line.sendMessage(QUESTION, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      kind: "aborted",
    });
  });

  test("a call whose limit passes while it waits leaves the line; what it has waited is no more there for its reply", async () => {
    const { client, limited: line } = limited({ concurrency: 1 });
    const first = await line.sendMessageStream(QUESTION);
    const calls = [500, 1_000].map((total) =>
      line.sendMessage(QUESTION, { timeouts: { total } }).catch((error: unknown) => error),
    );
    await vi.advanceTimersByTimeAsync(600);
    expect(await calls[0]).toMatchObject({
      kind: "timeout",
      phase: "total",
      waitedMs: 500,
      retryable: true,
      attempts: [],
    });
    await first.stop();
    await settle();
    expect(await calls[1]).toMatchObject({ content: "Hello." });
    expect(client.calls).toHaveLength(2);
    expect(client.calls[1]?.options.timeouts?.total).toBe(400);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("a call that is refused lets the next one in", async () => {
    const client = scriptedClient([{ refusal: { status: 500, message: "no" } }, script]);
    const line = rateLimit(client, { concurrency: 1 });
    await expect(line.sendMessageStream(QUESTION)).rejects.toMatchObject({ kind: "server" });
    expect((await line.sendMessage(QUESTION)).content).toBe("Hello.");
  });

  test("a call that is wrong throws what the client throws", async () => {
    const { limited: line } = limited({ tokensPerMinute: 10, concurrency: 1 });
    for (const messages of [[], "x", undefined, [null], [{ role: "user" }]]) {
      await expect(line.sendMessage(messages as never)).rejects.toMatchObject({ kind: "invalidRequest" });
    }
  });
});

describe("what the provider says, over sockets", () => {
  let server: RawServer | undefined;
  afterEach(async () => await server?.[Symbol.asyncDispose]());

  async function client(answer: (index: number) => string): Promise<ClientWrapper> {
    server = await rawServer(({ socket }, index) => void socket.write(answer(index)));
    return CHAT.client(server.port, { retries: 0 });
  }

  const good = (headers = "") =>
    STREAM_HEAD.replace("\r\n\r\n", `\r\n${headers}\r\n`) +
    httpChunk(CHAT.text("Hello.", 0) + CHAT.end(1)) +
    LAST_CHUNK;

  test.each([
    ["a refusal with a wait", response(429, "{}", { "retry-after-ms": "150" })],
    [
      "nothing that remains of the requests",
      good("x-ratelimit-remaining-requests: 0\r\nx-ratelimit-reset-requests: 150ms\r\n"),
    ],
    [
      "nothing that remains of the tokens",
      good("x-ratelimit-remaining-tokens: 0\r\nx-ratelimit-reset-tokens: 0.15\r\n"),
    ],
    [
      "a time of Anthropic's",
      () =>
        good(
          `anthropic-ratelimit-requests-remaining: 0\r\nanthropic-ratelimit-requests-reset: ${new Date(Date.now() + 200).toISOString()}\r\n`,
        ),
    ],
  ])("%s keeps everybody waiting", async (_name, first) => {
    const line = rateLimit(
      await client((index) => (index > 0 ? good() : typeof first === "string" ? first : first())),
      {},
    );
    const read = async () => (await line.sendMessageStream(QUESTION)).finalMessage();
    await read().catch(() => undefined);
    const asked = performance.now();
    await Promise.all([read(), read()]);
    expect(performance.now() - asked).toBeGreaterThan(100);
  });
});

describe("a wait that is longer than a call takes", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  const HOUR_MS = 3_600_000;

  test("is reported at once, to the calls that wait and to those that come; nothing is sent before it is over", async () => {
    const client = scriptedClient([{ refusal: { status: 429, headers: { "retry-after": "3600" } } }, script, script]);
    const line = rateLimit(client, { concurrency: 1 });
    const [first, second] = [line.sendMessage(QUESTION), line.sendMessage(QUESTION)];
    for (const call of [first, second, line.sendMessageStream(QUESTION)]) {
      const error = await call.then(
        () => undefined,
        (reason: unknown) => reason,
      );
      expect(error).toMatchObject({ kind: "rateLimit", retryable: true, provider: "scripted" });
      expect((error as SendError).retryAfterMs).toBeGreaterThan(HOUR_MS - 1_000);
    }
    expect(client.calls).toHaveLength(1);
    const patient = line.sendMessage(QUESTION, { retries: { maxRetryAfterMs: 2 * HOUR_MS } });
    await vi.advanceTimersByTimeAsync(HOUR_MS - 10_000);
    expect(client.calls).toHaveLength(1);
    const late = line.sendMessage(QUESTION); // ten seconds are no hour
    await vi.advanceTimersByTimeAsync(10_001);
    expect((await patient).content).toBe("Hello.");
    expect((await late).content).toBe("Hello.");
  });
});

test("what the provider says of its limits counts from the headers on, not from the end of the reply", () =>
  withLongerTimes(async (times) => {
    const head = STREAM_HEAD.replace(
      "\r\n\r\n",
      `\r\nx-ratelimit-remaining-requests: 0\r\nx-ratelimit-reset-requests: ${200 * times}ms\r\n\r\n`,
    );
    let finish: () => unknown = () => undefined;
    await using server = await rawServer(({ socket }, index) => {
      socket.write((index === 0 ? head : STREAM_HEAD) + httpChunk(CHAT.text("Hello.", 0)));
      const end = () => socket.write(httpChunk(CHAT.end(1)) + LAST_CHUNK);
      if (index > 0) end();
      else finish = end;
    });
    const line = rateLimit(CHAT.client(server.port), {});
    const started = performance.now();
    const first = await line.sendMessageStream(QUESTION);
    const second = line.sendMessage(QUESTION);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(server.requests).toHaveLength(1);
    await second;
    expect(performance.now() - started).toBeGreaterThan(195 * times);
    finish();
    await first.stop();
    const third = performance.now();
    await line.sendMessage(QUESTION);
    expect(performance.now() - third).toBeLessThan(150 * times);
  }));

test.each([
  ["1", 1_000],
  ["0.25", 250],
  ["120ms", 120],
  ["1m30s", 90_000],
  ["2m59.56s", 179_560],
  ["6h0m0s", 21_600_000],
  ["1d", 86_400_000],
  ["2030-01-01T00:00:10Z", 10_000],
  ["Tue, 01 Jan 2030 00:00:10 GMT", 10_000],
  ["1893456010", 10_000],
  ["1893456010000", 10_000],
  ["2029-01-01T00:00:00Z", 0],
  ["soon", undefined],
  ["", undefined],
])("a limit that is whole again after %j", (text, expected) => {
  const now = Date.parse("2030-01-01T00:00:00Z");
  const headers: Record<string, string> = {
    "x-ratelimit-remaining-requests": "0",
    "x-ratelimit-reset-requests": text,
  };
  const limits = rateLimitsOf({ status: 200, header: (name) => headers[name] }, now);
  expect(limits?.requests?.remaining).toBe(0);
  if (expected === undefined) expect(limits?.requests?.resetMs).toBeUndefined();
  else expect(limits?.requests?.resetMs).toBeCloseTo(expected, 6);
});

describe("a window of one minute", () => {
  test("reports how long to wait, and forgets what is older", () => {
    const window = new SlidingWindow(10);
    expect(window.waitMs(10, 0)).toBe(0);
    const correct = window.spend(6, 0);
    window.spend(4, 10_000);
    expect(window.waitMs(1, 20_000)).toBe(40_000);
    expect(window.waitMs(7, 20_000)).toBe(50_000);
    correct(2);
    expect(window.waitMs(4, 20_000)).toBe(0);
    expect(window.waitMs(10, 70_001)).toBe(0);
  });

  test("lets more than the limit pass when nothing else has", () => {
    const window = new SlidingWindow(10);
    expect(window.waitMs(50, 0)).toBe(0);
    window.spend(50, 0);
    expect(window.waitMs(1, 1)).toBe(59_999);
  });
});

test.each([{ requestsPerMinute: 0 }, { tokensPerMinute: -1 }, { concurrency: Number.NaN }])(
  "%j is refused",
  (options) => {
    expect(() => rateLimit(scriptedClient([]), options)).toThrow(TypeError);
  },
);
