/** What is left when a process, its log or its client misbehaves at a bad moment. */

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { LogEntry, LogWriter, ReplyLog } from "../../src/server/index.ts";
import { createRelay, memoryLog } from "../../src/server/index.ts";
import { recovery } from "../../src/stream/load-recovery.ts";
import { Gate, type ReplyScript, scriptedClient } from "../../src/testing/index.ts";
import { get, killable, post, read, runId, textOf, watch } from "../support/relay.ts";

await recovery.load(); // the clock of these tests waits for no file

const messages = [{ role: "user", content: "Count" }];
const authorize = "public" as const;
const recover = "continue" as const;
const onError = (): void => undefined;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** Returns a log that calls `before` of a method, when there is one, and then the method. */
function logWith(log: ReplyLog, before: Partial<Record<keyof ReplyLog, () => unknown>>): ReplyLog {
  return new Proxy(log, {
    get(target, name: keyof ReplyLog) {
      const value: unknown = target[name];
      const hook = before[name];
      if (typeof value !== "function") return value;
      if (!hook) return value.bind(target);
      return async (...args: unknown[]) => {
        await hook();
        return value.apply(target, args);
      };
    },
  });
}

/** Returns a log whose writers are made by `change`. */
function logOf(change: (writer: LogWriter) => LogWriter): ReplyLog {
  const log = memoryLog();
  const begin = log.begin.bind(log);
  log.begin = async (head) => {
    const writer = await begin(head);
    return writer && change(writer);
  };
  return log;
}

const never = (): Promise<never> => new Promise(() => undefined);

describe("a process that slept while another one took its run over", () => {
  test("shows a viewer that comes back to it the reply of the other one, to its end", async () => {
    const log = memoryLog();
    const asleep = killable(log);
    const gate = new Gate();
    const sleeper = scriptedClient([{ steps: [{ text: "Half " }, { pause: gate }, { text: "never" }] }]);
    const first = createRelay({ client: sleeper, authorize, log: asleep.log, recover, onError });
    const run = runId();
    const viewer = watch(await first.handle(post({ run, messages })));
    await vi.waitFor(() => expect(viewer.text).toBe("Half "));
    asleep.kill();
    const heir = scriptedClient([{ text: "and the rest" }]);
    const second = createRelay({ client: heir, authorize, log, recover });
    const there = watch(await second.handle(get(`${run}/stream`)));
    await vi.advanceTimersByTimeAsync(18_000);
    await there.over;
    asleep.wake();
    await vi.advanceTimersByTimeAsync(3_000);
    await viewer.over;
    expect(viewer.events.at(-1)).toMatchObject({ type: "reconnect" });
    const back = watch(await first.handle(get(`${run}/stream?after=1-1`)));
    await vi.advanceTimersByTimeAsync(3_000);
    expect(back.events.at(-1)).toMatchObject({ type: "complete", message: { content: "Half and the rest" } });
    await back.leave();
  });

  test.each<[wrote: string, chunks: Extract<LogEntry, { type: "chunks" }>["chunks"], end: object]>([
    [
      "a word, which is in the reply",
      [{ type: "text", content: "two ", isFinal: false }],
      { type: "complete", message: { content: "one two three" } },
    ],
    [
      "a call, which is made once",
      [{ type: "toolCall", content: "", toolCall: { id: "c", name: "pay", arguments: {} }, isFinal: false }],
      { type: "failed", error: { kind: "truncated", partial: { content: "one ", toolCalls: [{ name: "pay" }] } } },
    ],
  ])("has written at the last moment %s", async (_wrote, chunks, end) => {
    let zombie: LogWriter | undefined;
    const kept = memoryLog();
    const log = logWith(kept, {
      takeOver: () =>
        zombie?.append([{ id: "1-2", type: "chunks", chunks }]).then(() => vi.setSystemTime(Date.now() + 20_000)),
    });
    const run = runId();
    const request = { messages: [{ role: "user", content: "Count" }], options: {} } as const;
    const head = { id: run, chat: `public/${run}`, owner: "public", startedAt: 0, provider: "p", model: "m", request };
    zombie = await kept.begin(head);
    await zombie?.append([{ id: "1-1", type: "chunks", chunks: [{ type: "text", content: "one ", isFinal: false }] }]);
    await vi.advanceTimersByTimeAsync(16_000);
    const client = scriptedClient([{ text: "three" }]);
    const relay = createRelay({ client, authorize, log, recover, onError });
    const viewer = watch(await relay.handle(get(`${run}/stream`)));
    await vi.advanceTimersByTimeAsync(3_000);
    await viewer.over;
    expect(viewer.events.at(-1)).toMatchObject(end);
    expect((await kept.read(run))?.end).toMatchObject(end);
  });
});

describe("a process that ends", () => {
  test("in the moment of a reply's end waits until the log has that", async () => {
    const log = logOf((writer) => ({
      ...writer,
      end: async (end) => {
        await new Promise((resolve) => setTimeout(resolve, 1_000));
        return writer.end(end);
      },
    }));
    const relay = createRelay({ client: scriptedClient([{ text: "All" }]), authorize, log });
    const run = runId();
    await read(await relay.handle(post({ run, messages })));
    const page = relay.drain(3_000).then(() => log.read(run));
    await vi.advanceTimersByTimeAsync(3_000);
    expect((await page)?.end).toMatchObject({ type: "complete", message: { content: "All" } });
  });

  test("without a limit on time lets each reply come to its end", async () => {
    const gate = new Gate();
    const client = scriptedClient([{ steps: [{ text: "All " }, { pause: gate }, { text: "of it" }] }]);
    const relay = createRelay({ client, authorize });
    const viewer = watch(await relay.handle(post({ run: runId(), messages })));
    const drained = relay.drain(Number.POSITIVE_INFINITY);
    await vi.advanceTimersByTimeAsync(30_000);
    gate.open();
    await drained;
    await viewer.over;
    expect(viewer.events.at(-1)).toMatchObject({ type: "complete", message: { content: "All of it" } });
  });

  test("while a run begins asks no provider for it, and leaves nothing of it", async () => {
    const gate = new Gate();
    const log = logWith(memoryLog(), { setLatestRun: () => gate.pass() });
    const client = scriptedClient([{ text: "never" }]);
    const relay = createRelay({ client, authorize, log });
    const run = runId();
    const answer = relay.handle(post({ run, chat: "c", messages }));
    await gate.reached;
    const drained = relay.drain(1_000);
    gate.open();
    await drained;
    expect([(await answer).status, client.calls.length, await log.head(run)]).toEqual([503, 0, undefined]);
  });
});

describe("a log that answers late", () => {
  test("has the end of a reply that was over before it began", async () => {
    const gate = new Gate();
    const log = logWith(memoryLog(), { begin: () => gate.pass() });
    const relay = createRelay({ client: scriptedClient([{ text: "All" }]), authorize, log, onError });
    const run = runId();
    const answer = relay.handle(post({ run, messages }));
    await vi.advanceTimersByTimeAsync(3_000);
    expect(textOf(await read(await answer))).toBe("All");
    await vi.advanceTimersByTimeAsync(5_000);
    gate.open();
    await vi.advanceTimersByTimeAsync(20_000);
    const page = await log.read(run);
    expect(page).toMatchObject({ isOwned: false, end: { type: "complete", message: { content: "All" } } });
  });
});

describe("a log that was away for longer than a lease", () => {
  async function afterwards() {
    const log = memoryLog({ leaseMs: 15_000 });
    const cut = killable(log);
    let isAway = false;
    const read = () => isAway && Promise.reject(new Error("away"));
    const gate = new Gate();
    const client = scriptedClient([{ steps: [{ text: "Half " }, { pause: gate }, { text: "and the rest" }] }]);
    const first = createRelay({ client, authorize, log: cut.log, onError });
    const second = createRelay({ client: scriptedClient([]), authorize, log: logWith(log, { read }), onError });
    const run = runId();
    const here = watch(await first.handle(post({ run, messages })));
    const there = watch(await second.handle(get(`${run}/stream`)));
    await vi.advanceTimersByTimeAsync(2_000);
    expect([here.text, there.text]).toEqual(["Half ", "Half "]);
    [isAway] = [true, cut.kill()];
    await vi.advanceTimersByTimeAsync(20_000);
    isAway = false;
    return { here, there, cut, gate };
  }

  test("and back lets a reply go on whose process comes back to it some seconds later", async () => {
    const { here, there, cut, gate } = await afterwards();
    await vi.advanceTimersByTimeAsync(8_000);
    cut.wake();
    await vi.advanceTimersByTimeAsync(2_000);
    gate.open();
    await vi.advanceTimersByTimeAsync(2_000);
    for (const { events, text } of [here, there])
      expect([text, events.at(-1)?.type]).toEqual(["Half and the rest", "complete"]);
  });

  test("and back ends a reply whose process has died meanwhile, a lease later", async () => {
    const { there, here } = await afterwards();
    await vi.advanceTimersByTimeAsync(18_000);
    expect(there.events.at(-1)).toMatchObject({ type: "failed", error: { kind: "truncated" } });
    await here.leave();
  });
});

test("a log that goes away under a run whose writer has died is asked twice a second, and not without a pause", async () => {
  const log = memoryLog({ leaseMs: 15_000 });
  const cut = killable(log);
  let [isAway, reads] = [false, 0];
  const read = () => {
    reads++;
    if (isAway) throw new Error("away");
  };
  const client = scriptedClient([{ steps: [{ text: "Half " }, { pause: new Gate() }] }]);
  const first = createRelay({ client, authorize, log: cut.log, onError });
  const second = createRelay({ client: scriptedClient([]), authorize, log: logWith(log, { read }), onError });
  const run = runId();
  const here = watch(await first.handle(post({ run, messages })));
  const there = watch(await second.handle(get(`${run}/stream`)));
  await vi.advanceTimersByTimeAsync(1_000);
  cut.kill();
  while ((await log.read(run))?.isOwned) await vi.advanceTimersByTimeAsync(100);
  await vi.advanceTimersByTimeAsync(600); // the lease was seen gone once
  isAway = true;
  await vi.advanceTimersByTimeAsync(5_000);
  isAway = false;
  reads = 0;
  await vi.advanceTimersByTimeAsync(10_000);
  expect(reads).toBeLessThan(30);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(there.events.at(-1)).toMatchObject({ type: "failed", error: { kind: "truncated" } });
  await here.leave();
});

test("a log that another program has locked for longer than a lease, and that can be read, ends no reply", async () => {
  const log = memoryLog({ leaseMs: 15_000 });
  const cut = killable(log);
  let [isLocked, unlock] = [false, (): void => undefined];
  const unlocked = new Promise<void>((resolve) => {
    unlock = resolve;
  });
  const wait = () => isLocked && unlocked;
  const gate = new Gate();
  const client = scriptedClient([{ steps: [{ text: "Half " }, { pause: gate }, { text: "and the rest" }] }]);
  const first = createRelay({ client, authorize, log: cut.log, onError });
  const locked = logWith(log, { markViewed: wait, seal: wait });
  const second = createRelay({ client: scriptedClient([]), authorize, log: locked, onError });
  const run = runId();
  const viewers = [watch(await first.handle(post({ run, messages })))];
  viewers.push(watch(await second.handle(get(`${run}/stream`))));
  await vi.advanceTimersByTimeAsync(2_000);
  [isLocked] = [true, cut.kill()];
  await vi.advanceTimersByTimeAsync(19_000);
  unlock();
  await vi.advanceTimersByTimeAsync(900); // the writer tries again each second
  cut.wake();
  await vi.advanceTimersByTimeAsync(2_000);
  gate.open();
  await vi.advanceTimersByTimeAsync(2_000);
  for (const { events, text } of viewers)
    expect([text, events.at(-1)?.type]).toEqual(["Half and the rest", "complete"]);
});

describe.each<[what: string, refused: (refuse: () => never) => Parameters<typeof logWith>[1]]>([
  ["write", (refuse) => ({ markViewed: refuse, seal: refuse })],
  ["end of a run", (refuse) => ({ seal: refuse })],
])("a log that can be read and takes no %s, whose writer is dead", (_what, refused) => {
  test("leaves no viewer waiting for ever", async () => {
    const log = memoryLog({ leaseMs: 15_000 });
    const cut = killable(log);
    const client = scriptedClient([{ steps: [{ text: "Half " }, { pause: new Gate() }] }]);
    const first = createRelay({ client, authorize, log: cut.log, onError });
    const full = logWith(
      log,
      refused(() => {
        throw new Error("OOM command not allowed when used memory > 'maxmemory'.");
      }),
    );
    const second = createRelay({ client: scriptedClient([]), authorize, log: full, onError });
    const run = runId();
    const here = watch(await first.handle(post({ run, messages })));
    await vi.advanceTimersByTimeAsync(1_000);
    const there = watch(await second.handle(get(`${run}/stream`)));
    cut.kill();
    await vi.advanceTimersByTimeAsync(70_000);
    expect(there.events.at(-1)?.type).not.toBe("failed"); // the log may yet take writes
    await vi.advanceTimersByTimeAsync(30_000);
    const error = { kind: "truncated", code: "producerLost", partial: { content: "Half " } };
    expect(there.events.at(-1)).toMatchObject({ type: "failed", error });
    await here.leave();
  });
});

test("a log that takes no write, and then is away, and comes back within a minute ends no reply", async () => {
  const log = memoryLog({ leaseMs: 15_000 });
  const cut = killable(log);
  const [more, end] = [new Gate(), new Gate()];
  const steps = [{ text: "Half " }, { pause: more }, { text: "and " }, { pause: end }, { text: "the rest" }];
  const client = scriptedClient([{ steps }]);
  const first = createRelay({ client, authorize, log: cut.log, onError });
  let failing: "none" | "writes" | "all" = "none";
  const fails = (isRead: boolean): void => {
    if (failing === "all" || (failing === "writes" && !isRead)) throw new Error("the log is away");
  };
  const weak = logWith(log, { markViewed: () => fails(false), seal: () => fails(false), read: () => fails(true) });
  const second = createRelay({ client: scriptedClient([]), authorize, log: weak, onError });
  const run = runId();
  const here = watch(await first.handle(post({ run, messages })));
  await vi.advanceTimersByTimeAsync(1_000);
  const there = watch(await second.handle(get(`${run}/stream`)));
  await vi.advanceTimersByTimeAsync(1_000);
  failing = "writes";
  cut.kill();
  await vi.advanceTimersByTimeAsync(20_000); // the lease is gone, and no write was taken
  failing = "all";
  more.open();
  await vi.advanceTimersByTimeAsync(58_000);
  failing = "none";
  await vi.advanceTimersByTimeAsync(900); // the writer tries again each second
  cut.wake();
  end.open();
  await vi.advanceTimersByTimeAsync(2_000);
  for (const { text, events } of [here, there])
    expect([text, events.at(-1)?.type]).toEqual(["Half and the rest", "complete"]);
});

test("a log that is slow to read does not hold up a stop for longer than the stop takes", async () => {
  const log = memoryLog({ leaseMs: 15_000 });
  const client = scriptedClient([{ steps: [{ text: "Half " }, { pause: new Gate() }] }]);
  const cut = killable(log); // its writer hears of no stop
  const first = createRelay({ client, authorize, log: cut.log, onError });
  const read = () =>
    new Promise((resolve) => {
      setTimeout(resolve, 900);
    });
  const slow = logWith(log, { read });
  const second = createRelay({ client: scriptedClient([]), authorize, log: slow, onError });
  const run = runId();
  const here = watch(await first.handle(post({ run, chat: "c", messages })));
  await vi.advanceTimersByTimeAsync(1_000);
  cut.kill();
  let status: number | undefined;
  void second.handle(post({ run }, "c/stop")).then((response) => {
    ({ status } = response);
  });
  await vi.advanceTimersByTimeAsync(6_000);
  expect(status).toBe(200);
  await here.leave();
});

test("a message to a chat right after its log was away does not cut the reply that is under way elsewhere", async () => {
  const log = memoryLog({ leaseMs: 15_000 });
  const cut = killable(log);
  const gate = new Gate();
  const client = scriptedClient([{ steps: [{ text: "Half " }, { pause: gate }, { text: "and the rest" }] }]);
  const first = createRelay({ client, authorize, log: cut.log, onError });
  const second = createRelay({ client: scriptedClient([{ text: "More" }]), authorize, log, onError });
  const viewer = watch(await first.handle(post({ run: runId(), chat: "c", messages })));
  await vi.advanceTimersByTimeAsync(1_000);
  cut.kill();
  await vi.advanceTimersByTimeAsync(20_000);
  const answer = second.handle(post({ run: runId(), chat: "c", messages }));
  await vi.advanceTimersByTimeAsync(100);
  cut.wake(); // its writer tries again each second
  await vi.advanceTimersByTimeAsync(2_000);
  expect((await answer).status).toBe(409);
  gate.open();
  await vi.advanceTimersByTimeAsync(2_000);
  expect([viewer.text, viewer.events.at(-1)?.type]).toEqual(["Half and the rest", "complete"]);
});

describe("a log that never answers", () => {
  const waiting: ReplyScript = { steps: [{ text: "on and " }, { pause: new Gate() }, { text: "on" }] };

  test("whether somebody watches elsewhere does not keep a reply running that nobody watches", async () => {
    const log = logWith(memoryLog(), { isViewed: never });
    const client = scriptedClient([waiting]);
    const relay = createRelay({ client, authorize, log, linger: 10_000 });
    const viewer = watch(await relay.handle(post({ run: runId(), messages })));
    await vi.waitFor(() => expect(viewer.text).toBe("on and "));
    await viewer.leave();
    await vi.advanceTimersByTimeAsync(17_000);
    await client.calls[0]?.closed;
  });

  test.each<[route: string, status: number, ask: () => Request]>([
    ["start", 200, () => post({ run: runId(), chat: "c", messages })],
    ["attach", 503, () => get(`${runId()}/stream`)],
    ["attach to a chat", 503, () => get("c/stream")],
    ["stop", 503, () => post({ run: runId() }, "c/stop")],
  ])("leaves no request without an answer: %s", async (_route, status, ask) => {
    const log = logWith(memoryLog(), { head: never, latestRun: never, requestStop: never, delete: never });
    const relay = createRelay({ client: scriptedClient([{ text: "All" }]), authorize, log, onError });
    const answer = relay.handle(ask());
    await vi.advanceTimersByTimeAsync(11_000);
    expect((await answer).status).toBe(status);
  });

  test.each(["takeOver", "seal"] as const)("to `%s` hinders only the first try", async (name) => {
    let calls = 0;
    const kept = memoryLog();
    const log = logWith(kept, { [name]: () => (calls++ === 0 ? never() : undefined) });
    const run = runId();
    const request =
      name === "takeOver" ? { messages: [{ role: "user", content: "Hi" }] as const, options: {} } : undefined;
    const head = { id: run, chat: `public/${run}`, owner: "public", startedAt: 0, provider: "p", model: "m", request };
    await (await kept.begin(head))?.append([
      { id: "1-1", type: "chunks", chunks: [{ type: "text", content: "one ", isFinal: false }] },
    ]);
    const relay = createRelay({ client: scriptedClient([{ text: "two" }]), authorize, log, recover, onError });
    const viewer = watch(await relay.handle(get(`${run}/stream`)));
    await vi.advanceTimersByTimeAsync(40_000);
    expect(["complete", "failed"]).toContain(viewer.events.at(-1)?.type);
    await viewer.leave();
  });
});

test("a log that can be read and not written shows what it has at once", async () => {
  const kept = memoryLog();
  const client = scriptedClient([{ steps: [{ text: "Half" }, { pause: new Gate() }] }]);
  const first = createRelay({ client, authorize, log: kept });
  const run = runId();
  const here = watch(await first.handle(post({ run, messages })));
  await vi.waitFor(() => expect(here.text).toBe("Half"));
  const full = logWith(kept, { markViewed: never });
  const second = createRelay({ client, authorize, log: full });
  const there = watch(await second.handle(get(`${run}/stream`)));
  await vi.advanceTimersByTimeAsync(1_000);
  expect(there.text).toBe("Half");
  await Promise.all([here.leave(), there.leave()]);
});

test("a reply with a value that JSON does not have still has an end", async () => {
  const inner = scriptedClient([{ text: "12" }]);
  const output = { "~standard": { version: 1, vendor: "test", validate: () => ({ value: 12n }) } } as const;
  const client = {
    ...inner,
    sendMessageStream: (turns, options) => inner.sendMessageStream(turns, { ...options, output }),
  } as typeof inner;
  const relay = createRelay({ client, authorize, onError });
  const viewer = watch(await relay.handle(post({ run: runId(), messages })));
  await vi.advanceTimersByTimeAsync(1_000);
  expect(viewer.events.at(-1)).toMatchObject({ type: "failed", error: { kind: "server" } });
  await viewer.over;
});

test("hooks that reject end neither the reply nor the process", async () => {
  const rejections = vi.fn();
  process.on("unhandledRejection", rejections);
  const fail = async (): Promise<never> => {
    throw new Error("The hook has failed.");
  };
  const client = scriptedClient([{ text: "Half", ending: "reset" }]);
  const hooks = { onError: fail, onRunEnd: fail, describe: fail as unknown as () => string };
  const relay = createRelay({ client, authorize, ...hooks });
  const events = await read(await relay.handle(post({ run: runId(), messages })));
  vi.useRealTimers();
  await new Promise((resolve) => setTimeout(resolve, 10));
  process.off("unhandledRejection", rejections);
  expect(events.at(-1)).toMatchObject({ type: "failed", error: { partial: { content: "Half" } } });
  expect(rejections).not.toHaveBeenCalled();
});
