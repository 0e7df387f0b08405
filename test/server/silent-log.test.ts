/** A log that does not answer when a run begins: the same request may reach two processes in that time. */

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createRelay, memoryLog, type ReplyLog } from "../../src/server/index.ts";
import { Gate, type ReplyScript, scriptedClient } from "../../src/testing/index.ts";
import { get, post, runId, type Watching, watch } from "../support/relay.ts";

const messages = [{ role: "user", content: "Hi" }];
const authorize = "public" as const;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A log whose `begin` is answered when `wake` is called. */
function sleeping(log: ReplyLog): { readonly log: ReplyLog; wake(): void } {
  let wake = (): void => undefined;
  const awake = new Promise<void>((resolve) => {
    wake = resolve;
  });
  const begin: ReplyLog["begin"] = (head) => awake.then(() => log.begin(head));
  const sleeps = new Proxy(log, {
    get: (object, name) => {
      if (name === "begin") return begin;
      const value: unknown = Reflect.get(object, name);
      return typeof value === "function" ? value.bind(object) : value;
    },
  });
  return { log: sleeps, wake: () => wake() };
}

/** One request at each of two processes whose log sleeps. */
function two(scripts: readonly ReplyScript[]) {
  const inner = memoryLog();
  const { log, wake } = sleeping(inner);
  const client = scriptedClient(scripts);
  const relays = [1, 2].map(() => createRelay({ client, authorize, log, onError: () => undefined }));
  const run = runId();
  const send = async (at: number): Promise<Watching> =>
    watch((await relays[at]?.handle(post({ run, messages }))) as Response);
  const late = async (at: number): Promise<Watching> =>
    watch((await relays[at]?.handle(get(`${run}/stream?run=${run}`))) as Response);
  return { client, wake, send, late };
}

test("a log that is slow for two seconds starts a request once, in two processes", async () => {
  const { client, wake, send } = two([{ text: ["one ", "two"] }]);
  const viewers = [send(0), send(1)];
  await vi.advanceTimersByTimeAsync(2_500);
  expect(client.calls.length).toBe(0);
  wake();
  const shown = await Promise.all(viewers);
  await vi.advanceTimersByTimeAsync(1_000);
  await Promise.all(shown.map(({ over }) => over));
  expect(shown.map(({ text }) => text)).toEqual(["one two", "one two"]);
  expect(client.calls.length).toBe(1);
});

test("of two runs that began without their log, one stops when the log is back, and its words are not mixed", async () => {
  const gate = new Gate();
  const script = (text: string): ReplyScript => ({ steps: [{ text }, { pause: gate }, { text: "end" }] });
  const { client, wake, send, late } = two([script("first "), script("second ")]);
  const viewers = [send(0), send(1)];
  await vi.advanceTimersByTimeAsync(3_100);
  const shown = await Promise.all(viewers);
  await vi.waitFor(() => expect(shown.map(({ text }) => text)).toEqual(["first ", "second "]));
  wake();
  await vi.advanceTimersByTimeAsync(2_000);
  await shown[1]?.over;
  expect(shown[1]?.events.at(-1)).toMatchObject({
    type: "failed",
    error: { kind: "truncated", retryable: true, partial: { content: "second " } },
  });
  await client.calls[1]?.closed;
  const again = await late(1);
  gate.open();
  await vi.advanceTimersByTimeAsync(2_000);
  await Promise.all([shown[0]?.over, again.over]);
  expect([shown[0]?.text, again.text]).toEqual(["first end", "first end"]);
});

test("a run that has shown nothing sends its viewers to the other one", async () => {
  const opens = new Gate();
  const { wake, send } = two([{ text: "first" }, { opensAfter: opens, text: "second" }]);
  const first = send(0);
  await vi.advanceTimersByTimeAsync(3_100);
  expect((await first).text).toBe("first");
  const second = send(1);
  await vi.advanceTimersByTimeAsync(8_100);
  wake();
  await vi.advanceTimersByTimeAsync(2_000);
  const viewer = await second;
  await viewer.over;
  expect(viewer.events.at(-1)?.type).toBe("reconnect");
});

test("a log that is known to be away delays the next start for a second only", async () => {
  const client = scriptedClient(() => ({ text: "word" }));
  const relay = createRelay({ client, authorize, log: sleeping(memoryLog()).log, onError: () => undefined });
  const first = relay.handle(post({ run: runId(), messages }));
  await vi.advanceTimersByTimeAsync(2_900);
  expect(client.calls.length).toBe(0);
  await vi.advanceTimersByTimeAsync(200);
  await first;
  const second = relay.handle(post({ run: runId(), messages }));
  await vi.advanceTimersByTimeAsync(1_100);
  await second;
  expect(client.calls.length).toBe(2);
});

test("a run that was refused while the log was away is not in the log when it is back", async () => {
  const inner = memoryLog();
  const { log, wake } = sleeping(inner);
  const client = scriptedClient(() => ({ steps: [{ text: "word" }, { pause: new Gate() }] }));
  const relay = createRelay({ client, authorize, log, limits: { runsPerUser: 1 }, onError: () => undefined });
  const [accepted, refused] = [runId(), runId()];
  const first = relay.handle(post({ run: accepted, messages }));
  await vi.advanceTimersByTimeAsync(3_100);
  const viewer = watch(await first);
  const second = relay.handle(post({ run: refused, messages }));
  await vi.advanceTimersByTimeAsync(1_100);
  expect((await second).status).toBe(429);
  wake();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(await inner.head(accepted)).toBeDefined();
  expect(await inner.head(refused)).toBeUndefined();
  await viewer.leave();
});
