/** A scripted client in a test suite: fake timers move its pauses, and one signal may end any number of its calls. */

import { getEventListeners } from "node:events";
import { Gate, type ReplyScript, scriptedClient } from "cloudllm/testing";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

const ASK = [{ role: "user", content: "?" }] as const;
const slow = (pause: number): ReplyScript => ({ steps: [{ text: "a" }, { pause }, { text: "b" }], opensAfter: pause });

describe("under fake timers", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  test("a pause passes when the timers are advanced, and not before", async () => {
    const call = scriptedClient([slow(30_000)]).sendMessage(ASK);
    const done = vi.fn();
    void call.then(done);
    await vi.advanceTimersByTimeAsync(59_999);
    expect(done).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    expect(await call).toMatchObject({ content: "ab", metrics: { durationMs: 60_000 } });
  });

  test("running all timers ends the reply, and no deadline before it", async () => {
    const call = scriptedClient([slow(50_000)]).sendMessage(ASK);
    await vi.runAllTimersAsync();
    expect((await call).content).toBe("ab");
  });

  test("a deadline that passes within a pause is reported", async () => {
    const call = scriptedClient([slow(9_000)]).sendMessage(ASK, { timeouts: { total: 10_000 } });
    const failed = expect(call).rejects.toMatchObject({ kind: "timeout", phase: "total", waitedMs: 10_000 });
    await vi.advanceTimersByTimeAsync(10_000);
    await failed;
  });

  test("a pause that is given up leaves no timer", async () => {
    const abort = new AbortController();
    const failed = expect(scriptedClient([slow(9_000)]).sendMessage(ASK, { signal: abort.signal })).rejects.toThrow();
    await vi.advanceTimersByTimeAsync(1);
    abort.abort();
    await failed;
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("one signal for many calls", () => {
  const HOW_MANY = 40;
  const calls = (one: () => Promise<unknown>) => Promise.allSettled(Array.from({ length: HOW_MANY }, one));

  test("has one listener while they run, and none after them, however they end", async () => {
    const { signal } = new AbortController();
    const warned = vi.fn();
    process.on("warning", warned);
    const gate = new Gate();
    const waiting = scriptedClient(() => ({ steps: [{ text: "a" }, { pause: gate }, { text: "b" }] }));
    const all = calls(() => waiting.sendMessage(ASK, { signal }));
    await gate.reached;
    expect(getEventListeners(signal, "abort")).toHaveLength(1);
    gate.open();
    await all;
    const left = scriptedClient(() => slow(0));
    await calls(async () => {
      for await (const _ of await left.sendMessageStream(ASK, { signal })) break;
    });
    for (const script of [{ refusal: { status: 400 } }, { text: "a", ending: "cut" }] as const)
      await calls(() => scriptedClient([script]).sendMessage(ASK, { signal }));
    await calls(() => scriptedClient([]).sendMessage(ASK, { signal }));
    await new Promise((resolve) => setImmediate(resolve)); // warnings come later
    process.off("warning", warned);
    expect(getEventListeners(signal, "abort")).toEqual([]);
    expect(warned).not.toHaveBeenCalled();
  });

  test("ends them all", async () => {
    const abort = new AbortController();
    const client = scriptedClient(() => ({ text: "a", ending: "hang" }));
    const all = calls(() => client.sendMessage(ASK, { signal: abort.signal }));
    await new Promise((resolve) => setImmediate(resolve));
    abort.abort();
    for (const result of await all) expect(result).toMatchObject({ status: "rejected", reason: { kind: "aborted" } });
    expect(client.calls).toHaveLength(HOW_MANY);
  });
});
