/** Signals while a call is waited for. */

import { ClaudeClient, fallback, LLMSession, type Message, rateLimit, reportWaiting, type Waiting } from "cloudllm";
import { scriptedClient } from "cloudllm/testing";
import { relayClient } from "cloudllm/web";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

const HI: readonly Message[] = [{ role: "user", content: "hi" }];

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
});

afterEach(() => {
  vi.useRealTimers();
});

/** Collects signals as `phase elapsed waited`, in seconds. */
function recorder() {
  const signals: string[] = [];
  const seconds = (ms: number) => Math.round(ms / 100) / 10;
  const report = ({ phase, elapsedMs, waitedMs }: Waiting): void => {
    signals.push(`${phase} ${seconds(elapsedMs)} ${seconds(waitedMs)}`);
  };
  return { signals, report };
}

const never = () => new Promise<never>(() => undefined);
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);
const silent = (options: Partial<ConstructorParameters<typeof ClaudeClient>[0]> = {}) =>
  new ClaudeClient({ apiKey: "k", model: "m", fetch: never, ...options });

describe("before a reply begins", () => {
  test.each(["sendMessage", "sendMessageStream"] as const)(
    "a silent server is reported every ten seconds (%s)",
    async (method) => {
      const { signals, report } = recorder();
      const controller = new AbortController();
      const call = reportWaiting<unknown>(() => silent()[method](HI, { signal: controller.signal }), report);
      const failed = call.catch((error: unknown) => error);
      await pass(25_000);
      expect(signals).toEqual(["opening 10 10", "opening 20 20"]);
      controller.abort();
      expect(await failed).toMatchObject({ kind: "aborted" });
      await pass(60_000);
      expect(signals).toHaveLength(2);
      expect(vi.getTimerCount()).toBe(0);
    },
  );

  test("the pauses between retries are reported", async () => {
    const { signals, report } = recorder();
    let ask: () => void = () => undefined;
    const asked = new Promise<void>((resolve) => {
      ask = resolve;
    });
    const refuse = async () => {
      ask();
      return new Response("{}", { status: 529, headers: { "retry-after": "15" } });
    };
    const client = silent({ fetch: refuse, retries: { max: 1 } });
    const failed = reportWaiting(() => client.sendMessageStream(HI), report).catch((error: unknown) => error);
    await asked; // the protocol is loaded, and the body of the refusal is read, outside of fake time
    let isOver = false;
    void failed.then(() => {
      isOver = true;
    });
    while (!isOver) {
      await turn();
      await pass(1_000);
    }
    expect(await failed).toMatchObject({ kind: "overloaded" });
    expect(signals[0]).toBe("opening 10 10");
  });

  test("the queue of a `rateLimit` is reported", async () => {
    const { signals, report } = recorder();
    const client = rateLimit(
      scriptedClient(() => ({ text: "ok" })),
      { requestsPerMinute: 1 },
    );
    await client.sendMessage(HI);
    const reply = reportWaiting(() => client.sendMessage(HI), report, { everyMs: 25_000 });
    await pass(61_000);
    expect((await reply).content).toBe("ok");
    expect(signals).toEqual(["opening 25 25", "opening 50 50"]);
  });

  test.each([
    ["a wrapper", () => fallback([silent()])],
    ["a relay", () => relayClient({ url: "http://relay.test/", fetch: never })],
  ])("%s is reported as its client is", async (_name, made) => {
    const { signals, report } = recorder();
    const controller = new AbortController();
    const call = reportWaiting(() => made().sendMessageStream(HI, { signal: controller.signal }), report);
    const failed = call.catch((error: unknown) => error);
    await pass(12_000);
    controller.abort();
    await failed;
    expect(signals).toEqual(["opening 10 10"]);
  });
});

describe("between chunks", () => {
  const paused = (pause: number) => scriptedClient(() => ({ steps: [{ text: "one" }, { pause }, { text: "two" }] }));

  test("a pause is reported, with the time since the last chunk", async () => {
    const { signals, report } = recorder();
    const stream = await reportWaiting(() => paused(25_000).sendMessageStream(HI), report);
    const chunks = stream[Symbol.asyncIterator]();
    await chunks.next();
    await pass(4_000); // the consumer is busy
    const second = chunks.next();
    await pass(25_000);
    await second;
    expect(signals).toEqual(["reply 14 10", "reply 24 20"]);
    await chunks.next();
    expect(vi.getTimerCount()).toBe(0);
  });

  test("`finalMessage` waits as a loop does", async () => {
    const { signals, report } = recorder();
    const stream = await reportWaiting(() => paused(15_000).sendMessageStream(HI), report);
    const reply = stream.finalMessage();
    await pass(15_000);
    expect((await reply).content).toBe("onetwo");
    expect(signals).toEqual(["reply 10 10"]);
  });

  test("a consumer that takes its time gets no signal, and a stream that is left gets none either", async () => {
    const { signals, report } = recorder();
    const stream = await reportWaiting(() => paused(5).sendMessageStream(HI), report);
    await pass(30_000);
    expect(signals).toEqual([]);
    await stream.stop();
    expect(vi.getTimerCount()).toBe(0);
  });

  test("a quick reply gets no signal", async () => {
    const { signals, report } = recorder();
    await (
      await reportWaiting(() => scriptedClient([{ text: ["a", "b"] }]).sendMessageStream(HI), report)
    ).finalMessage();
    await pass(60_000);
    expect(signals).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("a turn of a session", () => {
  test("reports its tools as tools, and the requests around them as replies", async () => {
    const { signals, report } = recorder();
    const client = scriptedClient([
      { steps: [{ toolCall: { name: "look", arguments: {} } }] },
      { opensAfter: 12_000, text: "Blue." },
    ]);
    const look = {
      name: "look",
      run: () => new Promise<string>((resolve) => setTimeout(() => resolve("blue"), 25_000)),
    };
    const session = new LLMSession({ client, tools: [look] });
    const stream = await reportWaiting(() => session.sendMessageStream("Which colour?"), report);
    const reply = stream.finalMessage();
    await pass(40_000);
    expect((await reply).content).toBe("Blue.");
    expect(signals).toEqual(["tools 10 10", "tools 20 20", "reply 35 10"]);
  });
});

test.each([
  [
    "throws",
    () => {
      throw new Error("no");
    },
  ],
  ["rejects", () => Promise.reject(new Error("no"))],
])("a callback that %s changes nothing", async (_name, broken) => {
  const report = vi.fn(broken);
  const client = scriptedClient([{ opensAfter: 25_000, text: "ok" }]);
  const reply = reportWaiting(() => client.sendMessage(HI), report);
  await pass(25_000);
  expect((await reply).content).toBe("ok");
  expect(report).toHaveBeenCalledTimes(2);
});

test("a call that has begun already is refused with the form of one that has not", async () => {
  const begun = Promise.resolve("reply");
  await expect(reportWaiting(begun as never, () => undefined)).rejects.toThrow("() => client.sendMessageStream");
});

test.each([0, -1, Number.NaN, "10"])("an interval of %s is refused before the call", async (everyMs) => {
  const call = vi.fn();
  await expect(reportWaiting(call, () => undefined, { everyMs: everyMs as number })).rejects.toThrow(/`everyMs`/);
  expect(call).not.toHaveBeenCalled();
});

test("the clock can be the caller's own", async () => {
  let time = 0;
  const seen: number[] = [];
  const reply = reportWaiting(never, ({ elapsedMs }) => seen.push(elapsedMs), { everyMs: 10, now: () => time });
  void reply;
  time = 5;
  await pass(10);
  expect(seen).toEqual([]);
  time = 12;
  await pass(5);
  expect(seen).toEqual([12]);
});
