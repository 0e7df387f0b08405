/** A store whose database is away never answers: a call of the session ends after ten seconds, and says so. */

import { LLMSession, MemoryStore, MessageStream, type SessionStore, type Timeouts } from "cloudllm";
import { scriptedClient } from "cloudllm/testing";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { DONE, plain, reopened } from "./stored-session.ts";

const SILENCE = {
  kind: "storage",
  message: expect.stringMatching(/^The store of the session failed: it has not answered for [16]0,000 ms$/),
};

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.restoreAllMocks(); // a spy on a fake clock gives that one back: before the real ones
  vi.useRealTimers();
});

type Method = "claim" | "load" | "append" | "release";

/** A store whose method is answered when `wake` is called, from its nth call on. */
function sleeping(method: Method, nth = 1) {
  const store = new MemoryStore();
  let calls = 0;
  let wake = (): void => undefined;
  const awake = new Promise<void>((resolve) => {
    wake = resolve;
  });
  const sleeps: SessionStore = new Proxy(store, {
    get: (object, name) => {
      const value: unknown = Reflect.get(object, name);
      if (typeof value !== "function") return value;
      const call = value.bind(object) as (...given: unknown[]) => Promise<unknown>;
      if (name !== method) return call;
      return async (...given: unknown[]) => {
        if (++calls >= nth) await awake;
        return call(...given);
      };
    },
  });
  return { store: sleeps, inner: store, calls: () => calls, wake: () => wake() };
}

/** Resolves with the outcome after ten seconds of silence; the replies themselves take no time. */
async function late<T>(outcome: Promise<T>, ms = 10_100): Promise<T> {
  outcome.catch(() => undefined);
  await vi.advanceTimersByTimeAsync(ms);
  return outcome;
}

const open = (store: SessionStore): Promise<LLMSession> => reopened(store, { client: scriptedClient([DONE, DONE]) });

test.each<[Method, number]>([
  ["claim", 10_100],
  ["load", 60_100],
])("`%s` ends the opening, and lets another session open when it is back", async (method, ms) => {
  const { store, inner, wake } = sleeping(method);
  await expect(late(open(store), ms)).rejects.toMatchObject(SILENCE);
  wake();
  await vi.advanceTimersByTimeAsync(0);
  await (await open(inner)).close();
});

test("a long history that comes over a slow network opens", async () => {
  const { store, wake } = sleeping("load");
  const opening = open(store);
  setTimeout(wake, 50_000);
  expect((await late(opening, 50_100)).history).toEqual([]);
});

test("before the request nothing is sent, and no record is written twice when it is back", async () => {
  const { store, inner, calls, wake } = sleeping("append");
  const session = await open(store);
  await expect(late(session.sendMessage("one"))).rejects.toMatchObject(SILENCE);
  await expect(late(session.sendMessage("two"))).rejects.toMatchObject(SILENCE);
  expect(calls()).toBe(1);
  wake();
  await vi.advanceTimersByTimeAsync(0);
  expect((await session.sendMessage("three")).content).toBe("It is done.");
  await session.close();
  expect((await open(inner)).history).toEqual(plain(session.history));
  expect(session.history).toHaveLength(2);
});

test("behind a reply that reply arrives, and the next call reports", async () => {
  const { store, inner, wake } = sleeping("append", 2);
  const session = await open(store);
  expect((await late(session.sendMessage("one"))).content).toBe("It is done.");
  await expect(late(session.close())).rejects.toMatchObject(SILENCE);
  await expect(open(inner), "what is under way may still be written").rejects.toMatchObject({ kind: "busy" });
  wake();
  await vi.advanceTimersByTimeAsync(0);
  const again = await open(inner);
  expect(again.history).toEqual(plain(session.history));
});

test("an append that is never answered keeps its conversation for a minute, and not for ever", async () => {
  const { store, inner } = sleeping("append", 2);
  const session = await open(store);
  await late(session.sendMessage("one"));
  await expect(late(session.close())).rejects.toMatchObject(SILENCE);
  await vi.advanceTimersByTimeAsync(30_000);
  await expect(open(inner)).rejects.toMatchObject({ kind: "busy" });
  await vi.advanceTimersByTimeAsync(30_000);
  expect((await open(inner)).unanswered).toBe("one");
});

test("an append that is never answered keeps no program from its end behind the closing", async () => {
  const { store } = sleeping("append", 2);
  const session = await open(store);
  await late(session.sendMessage("one"));
  const timers = vi.spyOn(globalThis, "setTimeout");
  await expect(late(session.close())).rejects.toMatchObject(SILENCE);
  await vi.advanceTimersByTimeAsync(100);
  const waits = timers.mock.results.flatMap(({ value }, at) => (timers.mock.calls[at]?.[1] === 60_000 ? [value] : []));
  expect(waits.map((timer) => timer.hasRef())).toEqual([false]);
});

test("`release` ends the closing", async () => {
  const { store } = sleeping("release");
  const session = await open(store);
  await session.sendMessage("one");
  await expect(late(session.close())).rejects.toMatchObject(SILENCE);
});

test.each([
  ["streamed", (session: LLMSession, timeouts: Timeouts) => session.sendMessageStream("one", { timeouts })],
  ["non-streamed", (session: LLMSession, timeouts: Timeouts) => session.sendMessage("one", { timeouts })],
])("the time that a slow store took is not given to a reply again: %s", async (_form, send) => {
  const { store, wake } = sleeping("append");
  setTimeout(wake, 600);
  const opened = reopened(store, { client: scriptedClient([{ text: ["It"], ending: "hang" }]) });
  const session = await opened;
  const startedAt = performance.now();
  const outcome = send(session, { total: 1_000 }).then((reply) =>
    reply instanceof MessageStream ? reply.finalMessage() : reply,
  );
  const failed = outcome.catch((error: unknown) => ({ error, afterMs: performance.now() - startedAt }));
  await vi.advanceTimersByTimeAsync(5_000);
  expect(await failed).toMatchObject({ error: { kind: "timeout", phase: "total", waitedMs: 1_000 }, afterMs: 1_000 });
});

test.each([-5, Number.NaN, "5"])("a limit that is none (%s) is refused by name, not reached", async (total) => {
  const timeouts = { total } as Timeouts;
  const client = scriptedClient([DONE]);
  for (const session of [new LLMSession({ client }), await open(new MemoryStore())])
    await expect(session.sendMessage("one", { timeouts })).rejects.toMatchObject({
      kind: "invalidRequest",
      message: expect.stringContaining("`timeouts.total`"),
    });
});
