import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createRelay, memoryLog, type RelayOptions } from "../../src/server/index.ts";
import { recovery } from "../../src/stream/load-recovery.ts";
import { Gate, type ReplyScript, type ScriptedClient, scriptedClient } from "../../src/testing/index.ts";
import { get, killable, post, runId, watch } from "../support/relay.ts";

await recovery.load(); // the clock of these tests waits for no file

const messages = [{ role: "user", content: "Count" }];
const authorize = "public" as const;
const WORDS = Array.from({ length: 40 }, (_, index) => `word${index} `);
const WHOLE = WORDS.join("");

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A model that says the words, and when it is given a beginning, the rest of them. */
function counting(gates: ReadonlyMap<number, Gate> = new Map()): ScriptedClient {
  return scriptedClient(({ messages: sent }): ReplyScript => {
    const last = sent.at(-1);
    const said = last?.role === "assistant" ? last.content.length : 0;
    const from = WORDS.findIndex((_, index) => WORDS.slice(0, index).join("").length >= said);
    const rest = said >= WHOLE.length ? [] : WORDS.slice(said === 0 ? 0 : from);
    const steps = rest.flatMap((text) => {
      const gate = said === 0 ? gates.get(WORDS.indexOf(text)) : undefined;
      return gate ? [{ pause: gate }, { text }] : [{ text }];
    });
    return { steps };
  });
}

/** A run whose process is killed before word `at`, and a second relay on the same log. */
async function killedAt(at: number, options: Partial<RelayOptions> = {}) {
  const log = memoryLog({ leaseMs: 15_000 });
  const dying = killable(log);
  const gate = new Gate();
  const first = createRelay({ client: counting(new Map([[at, gate]])), authorize, log: dying.log, ...options });
  const run = runId();
  const viewer = watch(await first.handle(post({ run, messages })));
  await gate.reached;
  await vi.waitFor(() => expect(viewer.text).toBe(WORDS.slice(0, at).join("")));
  await vi.advanceTimersByTimeAsync(1_000);
  dying.kill();
  const client = counting();
  const second = createRelay({ client, authorize, log, onError: () => undefined, ...options });
  return { log, run, viewer, second, client, wake: () => gate.open(), dying };
}

describe("a process that is killed in the middle of a reply", () => {
  test("leaves a typed end with all that was logged, to each viewer, within the lease", async () => {
    const { log, run, second } = await killedAt(10);
    const viewers = [
      watch(await second.handle(get(`${run}/stream`))),
      watch(await second.handle(get(`${run}/stream?after=1-4`))),
    ];
    await vi.advanceTimersByTimeAsync(17_000);
    await Promise.all(viewers.map(({ over }) => over));
    for (const { events } of viewers) {
      expect(events.at(-1)).toMatchObject({
        type: "failed",
        error: { kind: "truncated", retryable: true, partial: { content: WORDS.slice(0, 10).join("") } },
      });
    }
    expect((await log.read(run))?.end).toMatchObject({ error: { code: "producerLost" } });
  });

  test("is found within a second by a viewer that comes after the lease", async () => {
    const { run, second } = await killedAt(10);
    await vi.advanceTimersByTimeAsync(60_000);
    const viewer = watch(await second.handle(get(`${run}/stream`)));
    await vi.advanceTimersByTimeAsync(1_000);
    await viewer.over;
    expect(viewer.events.at(-1)).toMatchObject({ type: "failed", error: { kind: "truncated" } });
  });

  test("is sealed once, however many look", async () => {
    const { log, run, second } = await killedAt(10);
    const seal = vi.spyOn(log, "seal");
    const third = createRelay({ client: counting(), authorize, log });
    const viewers = await Promise.all(
      [second, third, second, third].map(async (relay) => watch(await relay.handle(get(`${run}/stream`)))),
    );
    await vi.advanceTimersByTimeAsync(20_000);
    await Promise.all(viewers.map(({ over }) => over));
    const ends = viewers.map(({ events }) => events.at(-1));
    expect(ends.every(({ type } = { type: "reconnect", afterMs: 0 }) => type === "failed")).toBe(true);
    const results = await Promise.all(seal.mock.results.map(({ value }) => value));
    expect(new Set(results).size).toBe(1);
  });

  test("does not keep its chat from the next turn", async () => {
    const log = memoryLog();
    const dying = killable(log);
    const first = createRelay({ client: counting(new Map([[5, new Gate()]])), authorize, log: dying.log });
    const viewer = watch(await first.handle(post({ run: runId(), chat: "c", messages })));
    await vi.waitFor(() => expect(viewer.text).toContain("word4 "));
    dying.kill();
    await vi.advanceTimersByTimeAsync(16_000);
    const second = createRelay({ client: counting(), authorize, log });
    const answer = second.handle(post({ run: runId(), chat: "c", messages }));
    await vi.advanceTimersByTimeAsync(2_000); // it looks twice whether the writer is dead
    expect((await answer).status).toBe(200);
  });
});

describe("a reply that another process goes on with", () => {
  const recover = "continue" as const;

  test.each([1, 10, 39])("is complete and exact, cut before word %i", async (at) => {
    const { log, run, second, client } = await killedAt(at, { recover });
    const viewers = [
      watch(await second.handle(get(`${run}/stream`))),
      watch(await second.handle(get(`${run}/stream?after=1-${at}`))),
    ];
    await vi.advanceTimersByTimeAsync(18_000);
    await Promise.all(viewers.map(({ over }) => over));
    expect(viewers[0]?.text).toBe(WHOLE);
    expect(viewers[1]?.text).toBe(WORDS.slice(at).join(""));
    expect(viewers[0]?.events.at(-1)).toMatchObject({ type: "complete", message: { content: WHOLE } });
    expect(client.calls[0]?.messages.at(-1)).toMatchObject({ role: "assistant", interrupted: true });
    expect(client.calls.length).toBe(1);
    expect((await log.read(run))?.entries[0]).toMatchObject({ id: "2-0", type: "snapshot" });
  });

  test("is shown whole to a viewer that had seen more than the log has", async () => {
    const { run, second } = await killedAt(10, { recover });
    const ahead = watch(await second.handle(get(`${run}/stream?after=1-14`)));
    await vi.advanceTimersByTimeAsync(18_000);
    await ahead.over;
    expect(ahead.events.map(({ type }) => type).slice(0, 2)).toEqual(["opened", "snapshot"]);
    expect(ahead.text).toBe(WHOLE);
  });

  test("is written by one process, though several look", async () => {
    const { log, run, second, client } = await killedAt(10, { recover });
    const third = counting();
    const other = createRelay({ client: third, authorize, log, recover });
    const viewers = await Promise.all(
      [second, other].map(async (relay) => watch(await relay.handle(get(`${run}/stream`)))),
    );
    await vi.advanceTimersByTimeAsync(20_000);
    await Promise.all(viewers.map(({ over }) => over));
    expect(viewers.map(({ text }) => text)).toEqual([WHOLE, WHOLE]);
    expect(client.calls.length + third.calls.length).toBe(1);
  });

  test("is not disturbed by its first process, which wakes up", async () => {
    const { log, run, viewer, second, wake, dying } = await killedAt(10, { recover });
    const there = watch(await second.handle(get(`${run}/stream`)));
    await vi.advanceTimersByTimeAsync(18_000);
    await there.over;
    const before = await log.read(run);
    dying.wake();
    wake();
    await vi.advanceTimersByTimeAsync(5_000);
    await viewer.over;
    expect(await log.read(run)).toEqual(before);
    expect(there.text).toBe(WHOLE);
  });

  test("is sealed when it had called a tool: that would be called twice", async () => {
    const log = memoryLog();
    const dying = killable(log);
    const gate = new Gate();
    const script = { steps: [{ text: "Let me " }, { toolCall: { name: "pay" } }, { pause: gate }] };
    const tools = [{ name: "pay" }];
    const first = createRelay({ client: scriptedClient([script]), authorize, log: dying.log, recover, tools });
    const run = runId();
    const viewer = watch(await first.handle(post({ run, messages })));
    await gate.reached;
    await vi.waitFor(() => expect(viewer.text).toBe("Let me "));
    dying.kill();
    const client = scriptedClient([]);
    const second = createRelay({ client, authorize, log, recover, tools });
    const late = watch(await second.handle(get(`${run}/stream`)));
    await vi.advanceTimersByTimeAsync(20_000);
    await late.over;
    expect(late.events.at(-1)).toMatchObject({ type: "failed", error: { kind: "truncated" } });
    expect(client.calls.length).toBe(0);
  });
});

describe("a reply that no process goes on with", () => {
  const recover = "continue" as const;

  test("is one that a relay without `recover` has begun: the log does not have its request", async () => {
    const { log, run } = await killedAt(10);
    const client = counting();
    const second = createRelay({ client, authorize, log, recover, onError: () => undefined });
    const viewer = watch(await second.handle(get(`${run}/stream`)));
    await vi.advanceTimersByTimeAsync(18_000);
    await viewer.over;
    expect(viewer.events.at(-1)).toMatchObject({ type: "failed", error: { kind: "truncated" } });
    expect(client.calls.length).toBe(0);
  });

  test("is one that five processes have written: it would kill a sixth", async () => {
    const { log, run } = await killedAt(10, { recover });
    for (let attempt = 2; attempt <= 5; attempt++) {
      const gate = new Gate();
      const dying = killable(log);
      const client = scriptedClient([{ steps: [{ text: `more${attempt} ` }, { pause: gate }] }]);
      const relay = createRelay({ client, authorize, log: dying.log, recover, onError: () => undefined });
      const viewer = watch(await relay.handle(get(`${run}/stream`)));
      await vi.advanceTimersByTimeAsync(18_000);
      expect(viewer.text).toContain(`more${attempt} `);
      dying.kill();
    }
    const client = counting();
    const last = createRelay({ client, authorize, log, recover, onError: () => undefined });
    const viewer = watch(await last.handle(get(`${run}/stream`)));
    await vi.advanceTimersByTimeAsync(18_000);
    await viewer.over;
    expect(viewer.events.at(-1)).toMatchObject({ type: "failed", error: { kind: "truncated" } });
    expect(viewer.text).toBe(`${WORDS.slice(0, 10).join("")}more2 more3 more4 more5 `);
    expect(client.calls.length).toBe(0);
  });
});

describe("a process that ends in peace", () => {
  test("refuses new runs, and gives those under way their time", async () => {
    const gate = new Gate();
    const log = memoryLog();
    const relay = createRelay({ client: counting(new Map([[5, gate]])), authorize, log });
    const viewer = watch(await relay.handle(post({ run: runId(), messages })));
    await gate.reached;
    const drained = relay.drain(10_000);
    const refused = await relay.handle(post({ run: runId(), messages }));
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "1"]);
    gate.open();
    await viewer.over;
    await drained;
    expect(viewer.text).toBe(WHOLE);
  });

  test("ends the others as cut, with their text", async () => {
    const client = counting(new Map([[5, new Gate()]]));
    const log = memoryLog();
    const relay = createRelay({ client, authorize, log, onError: () => undefined });
    const run = runId();
    const viewer = watch(await relay.handle(post({ run, messages })));
    const drained = relay.drain(10_000);
    await vi.advanceTimersByTimeAsync(10_000);
    await drained;
    await viewer.over;
    expect(viewer.events.at(-1)).toMatchObject({
      type: "failed",
      error: {
        kind: "truncated",
        code: "serverShutdown",
        retryable: true,
        partial: { content: WORDS.slice(0, 5).join(""), finishReason: "interrupted", interrupted: true },
      },
    });
    await client.calls[0]?.closed;
    expect((await log.read(run))?.end).toMatchObject({ error: { code: "serverShutdown" } });
  });

  test("hands the others over, and sends their viewers to the next process", async () => {
    const client = counting(new Map([[5, new Gate()]]));
    const log = memoryLog();
    const relay = createRelay({ client, authorize, log, recover: "continue" });
    const run = runId();
    const viewer = watch(await relay.handle(post({ run, messages })));
    const drained = relay.drain(1_000);
    await vi.advanceTimersByTimeAsync(1_000);
    await drained;
    await viewer.over;
    await client.calls[0]?.closed;
    expect(viewer.events.at(-1)?.type).toBe("reconnect");
    const next = createRelay({ client: counting(), authorize, log, recover: "continue" });
    const back = watch(await next.handle(get(`${run}/stream?after=1-5`)));
    await vi.advanceTimersByTimeAsync(1_600);
    await back.over;
    expect(viewer.text + back.text).toBe(WHOLE);
  });
});
