/** The process of a session's turn is killed, and another one goes on with the turn: nothing happens twice. */

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { MemoryStore, type SendError, type SessionRecord, type SessionStore, type Tool } from "../../src/index.ts";
import { createRelay, memoryLog, type Relay, type ReplyLog } from "../../src/server/index.ts";
import { recovery } from "../../src/stream/load-recovery.ts";
import { Gate, type ReplyScript, type ScriptedClient, scriptedClient } from "../../src/testing/index.ts";
import { counting, endIn, isAt } from "../support/killed-tools.ts";
import { get, killable, post, runId, type Watching, watch } from "../support/relay.ts";

await recovery.load(); // the clock of these tests waits for no file

const authorize = "public" as const;
const recover = "continue" as const;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A store as one process sees it. After `kill`, nothing of that process reaches it; its lease has passed. */
function storeOf(inner: MemoryStore, holds: (what: keyof SessionStore, records: readonly SessionRecord[]) => boolean) {
  let isDead = false;
  const never = new Promise<never>(() => undefined);
  const store: SessionStore = {
    append: (id, records) => (isDead || holds("append", records) ? never : inner.append(id, records)),
    load: (id) => (isDead ? never : inner.load(id)),
    list: (options) => inner.list(options),
    claim: async () => undefined,
    release: async () => undefined,
  };
  return {
    store,
    kill: () => {
      isDead = true;
    },
  };
}

interface Scene {
  readonly inner: MemoryStore;
  readonly log: ReplyLog;
  /** The process that dies. */
  readonly relay: Relay;
  readonly run: string;
  readonly viewer: Watching;
  readonly kill: () => void;
  /** The log alone answers the process no more. */
  readonly silence: () => void;
  readonly next: (client: ScriptedClient, tools?: readonly Tool[]) => Relay;
}

/** A turn that is under way in one process. */
async function begun(
  client: ScriptedClient,
  tools: readonly Tool[] = [],
  holds: Parameters<typeof storeOf>[1] = () => false,
): Promise<Scene> {
  const inner = new MemoryStore();
  const log = memoryLog({ leaseMs: 15_000 });
  const dying = killable(log);
  const place = storeOf(inner, holds);
  const options = { authorize, recover, onError: () => undefined } as const;
  const first = createRelay({ ...options, client, log: dying.log, sessions: { store: place.store }, tools });
  const run = runId();
  const viewer = watch(await first.handle(post({ run, chat: "c", message: "How is it in Oslo?" })));
  return {
    inner,
    log,
    relay: first,
    run,
    viewer,
    silence: () => dying.kill(),
    kill: () => {
      dying.kill();
      place.kill();
    },
    next: (its, own = tools) =>
      createRelay({ ...options, client: its, log, sessions: { store: storeOf(inner, () => false).store }, tools: own }),
  };
}

const pathOf = (run: string) => `c/stream?run=${run}`;

async function historyOf(relay: Relay): Promise<readonly { role: string; content: string; interrupted?: true }[]> {
  const { messages } = (await (await relay.handle(get("c"))).json()) as { messages: [] };
  return messages;
}

/** A store that is slow to take replies. */
const hasReply = (_what: keyof SessionStore, records: readonly SessionRecord[]) =>
  records.some(({ type }) => type === "reply");

const asks: ReplyScript = { steps: [{ text: "I look. " }, { toolCall: { name: "weather", arguments: { a: 1 } } }] };

describe("a turn whose process is killed", () => {
  test("in the middle of its text is written on, and stored once", async () => {
    const gate = new Gate();
    const script = { steps: [{ text: "It is " }, { text: "quite " }, { pause: gate }, { text: "never" }] };
    const scene = await begun(scriptedClient([script]));
    await isAt(gate);
    scene.kill();
    const client = scriptedClient([{ text: ["warm ", "today."] }]);
    const relay = scene.next(client);
    const viewer = await endIn(relay, pathOf(scene.run));
    expect(viewer.text).toBe("It is quite warm today.");
    expect(viewer.events.at(-1)).toMatchObject({ type: "complete", message: { content: "It is quite warm today." } });
    expect(client.calls[0]?.messages.at(-1)).toMatchObject({ content: "It is quite ", interrupted: true });
    expect(await historyOf(relay)).toMatchObject([{ role: "user" }, { content: "It is quite warm today." }]);
    expect((await historyOf(relay)).length).toBe(2);
    expect((await historyOf(relay))[1]?.interrupted).toBeUndefined();
  });

  test("after a tool has run keeps the result, and runs no tool again", async () => {
    const gate = new Gate();
    const { calls, tool } = counting();
    const second = { steps: [{ text: "It is " }, { pause: gate }] };
    const scene = await begun(scriptedClient([asks, second]), [tool]);
    await isAt(gate);
    scene.kill();
    const client = scriptedClient([{ text: "clear." }]);
    const relay = scene.next(client, [tool]);
    const viewer = await endIn(relay, pathOf(scene.run));
    expect(viewer.text).toBe("I look. It is clear.");
    expect(calls.length).toBe(1);
    const end = viewer.events.at(-1);
    expect(end?.type === "complete" && end.message.steps?.map(({ content }) => content)).toEqual([
      "I look. ",
      "It is clear.",
    ]);
    const roles = ["user", "assistant", "tool", "assistant"];
    expect((await historyOf(relay)).map(({ role }) => role)).toEqual(roles);
  });

  test("while a tool runs has a typed end: the tool has perhaps run", async () => {
    const running = new Gate();
    const calls: string[] = [];
    const tool: Tool = {
      name: "weather",
      run: async (_args, { toolCallId }) => {
        calls.push(toolCallId);
        await running.pass();
      },
    };
    const scene = await begun(scriptedClient([asks]), [tool]);
    await isAt(running);
    scene.kill();
    const client = scriptedClient([]);
    const relay = scene.next(client);
    const viewer = await endIn(relay, pathOf(scene.run));
    expect(viewer.events.at(-1)).toMatchObject({
      type: "failed",
      error: { kind: "truncated", partial: { content: "I look. ", toolCalls: [{ name: "weather" }] } },
    });
    expect([calls.length, client.calls.length]).toEqual([1, 0]);
    expect((await historyOf(relay)).map(({ role }) => role)).toEqual(["user", "assistant", "tool"]);
    expect((await scene.log.read(scene.run))?.end).toMatchObject({ error: { code: "producerLost" } });
  });

  test("while a tool runs whose call the store does not have keeps that call: the model learns that it has begun", async () => {
    const running = new Gate();
    const slow: Tool = { name: "weather", run: () => running.pass() };
    const scene = await begun(scriptedClient([asks]), [slow], hasReply);
    await isAt(running);
    scene.kill();
    const relay = scene.next(scriptedClient([]));
    const viewer = await endIn(relay, pathOf(scene.run));
    expect(viewer.events.at(-1)).toMatchObject({ type: "failed", error: { kind: "truncated" } });
    expect(await historyOf(relay)).toMatchObject([
      { role: "user" },
      { role: "assistant", content: "I look. ", toolCalls: [{ name: "weather" }] },
      { role: "tool", isError: true },
    ]);
  });

  test("after a tool has run whose call the store does not have keeps the result, and runs no tool again", async () => {
    const { calls, tool } = counting();
    const scene = await begun(scriptedClient([asks, { text: "never" }]), [tool], hasReply);
    await vi.advanceTimersByTimeAsync(2_000); // the store is waited for
    scene.kill();
    const relay = scene.next(scriptedClient([{ text: "It is clear." }]));
    const viewer = await endIn(relay, pathOf(scene.run));
    expect([viewer.text, viewer.events.at(-1)?.type]).toEqual(["I look. It is clear.", "complete"]);
    expect(calls.length).toBe(1);
    const roles = ["user", "assistant", "tool", "assistant"];
    expect((await historyOf(relay)).map(({ role }) => role)).toEqual(roles);
  });

  test("while a tool runs that a user has allowed has a typed end, and does not run the tool again", async () => {
    const running = new Gate();
    const { calls, tool } = counting();
    const asking: Tool = { ...tool, approve: "ask" };
    const slow: Tool = {
      ...asking,
      run: async (args, context) => {
        await tool.run?.(args, context);
        await running.pass();
      },
    };
    const scene = await begun(scriptedClient([asks]), [slow]);
    await scene.viewer.over;
    const { waiting } = (await (await scene.next(scriptedClient([])).handle(get("c"))).json()) as { waiting: [string] };
    const run = runId();
    const answers = [{ toolCallId: waiting[0], approved: true }];
    void scene.relay.handle(post({ run, chat: "c", answers }));
    await isAt(running);
    scene.kill();
    const client = scriptedClient([{ text: "Clear." }]);
    const viewer = await endIn(scene.next(client, [asking]), pathOf(run));
    expect(viewer.events.at(-1)).toMatchObject({ type: "failed", error: { kind: "truncated" } });
    expect([calls.length, client.calls.length]).toEqual([1, 0]);
    expect((await scene.log.read(run))?.end).toMatchObject({ error: { code: "producerLost" } });
  });

  test("between a call and its tool runs the tool, once", async () => {
    const { calls, tool } = counting();
    const gate = new Gate();
    const script = { steps: [{ text: "I look. " }, { toolCall: { name: "weather" } }, { pause: gate }] };
    const scene = await begun(scriptedClient([script]), [tool]);
    await isAt(gate);
    scene.kill();
    const client = scriptedClient([{ text: "Clear." }]);
    const relay = scene.next(client);
    const viewer = await endIn(relay, pathOf(scene.run));
    expect(viewer.text).toBe("I look. Clear.");
    expect(viewer.events.at(-1)).toMatchObject({ type: "complete" });
    expect((await endIn(relay, pathOf(scene.run))).text, "a viewer that comes after the end").toBe("I look. Clear.");
    expect([calls.length, client.calls.length]).toEqual([1, 1]);
    const roles = ["user", "assistant", "tool", "assistant"];
    expect((await historyOf(relay)).map(({ role }) => role)).toEqual(roles);
  });

  test("between two tools of one reply keeps the first result, and does not run the second again", async () => {
    const running = new Gate();
    const first = counting("first");
    const slow: Tool = { name: "second", run: () => running.pass() };
    const both = { steps: [{ toolCall: { name: "first" } }, { toolCall: { name: "second" } }] };
    const scene = await begun(scriptedClient([both]), [first.tool, slow]);
    await isAt(running);
    scene.kill();
    const relay = scene.next(scriptedClient([]));
    const viewer = await endIn(relay, pathOf(scene.run));
    expect(viewer.events.at(-1)).toMatchObject({ type: "failed", error: { kind: "truncated" } });
    expect(await historyOf(relay)).toMatchObject([
      { role: "user" },
      { role: "assistant" },
      { role: "tool", content: "clear 1" },
      { role: "tool", isError: true },
    ]);
  });

  test("behind its end, before its viewers learn of it, is complete and asked for once", async () => {
    const scene = await begun(scriptedClient([{ text: "All of it." }]), [], (_what, records) => {
      if (!records.some(({ type }) => type === "end")) return false;
      void scene.inner.append("public/c", records).then(scene.kill); // the store has it, the process does not know
      return true;
    });
    await vi.waitFor(async () => expect((await scene.inner.load("public/c")).at(-1)?.type).toBe("end"));
    const client = scriptedClient([]);
    const relay = scene.next(client);
    const viewer = await endIn(relay, pathOf(scene.run));
    expect(viewer.events.at(-1)).toMatchObject({ type: "complete", message: { content: "All of it." } });
    expect([viewer.text, client.calls.length]).toEqual(["All of it.", 0]);
    expect((await endIn(relay, pathOf(scene.run))).text, "a viewer that comes after the end").toBe("All of it.");
    expect((await historyOf(relay)).length).toBe(2);
  });

  test("is shown whole, to early and late viewers, where the store knows more of it than the log", async () => {
    const [first, second] = [new Gate(), new Gate()];
    const steps = [{ text: "It is " }, { pause: first }, { text: "quite " }, { pause: second }];
    const scene = await begun(scriptedClient([{ steps }]));
    await isAt(first);
    scene.silence();
    first.open();
    await isAt(second);
    scene.kill();
    const relay = scene.next(scriptedClient([{ text: "warm." }]));
    const early = watch(await relay.handle(get(`c/stream?run=${scene.run}&after=1-1`)));
    const viewer = await endIn(relay, pathOf(scene.run));
    await early.over;
    const late = await endIn(relay, pathOf(scene.run));
    expect([early.text, viewer.text, late.text]).toEqual(Array(3).fill("It is quite warm."));
  });

  test("before the provider was asked is sent by the other process", async () => {
    const client = scriptedClient([{ text: "never" }]);
    const dead = begun(client, [], () => true); // the store does not take the question
    await vi.advanceTimersByTimeAsync(6_000);
    const scene = await dead;
    scene.kill();
    const other = scriptedClient([{ text: "Clear." }]);
    const viewer = await endIn(scene.next(other), pathOf(scene.run));
    expect([viewer.text, client.calls.length, other.calls.length]).toEqual(["Clear.", 0, 1]);
  });

  test("keeps its text in a typed end where the session cannot be opened", async () => {
    const gate = new Gate();
    const scene = await begun(scriptedClient([{ steps: [{ text: "It is " }, { pause: gate }] }]));
    await isAt(gate);
    scene.kill();
    await scene.inner.claim("public/c"); // by another program, which keeps it
    const client = scriptedClient([]);
    const sessions = { store: scene.inner };
    const relay = createRelay({ authorize, recover, client, log: scene.log, sessions, onError: () => undefined });
    const viewer = watch(await relay.handle(get(`c/stream?run=${scene.run}`)));
    await vi.advanceTimersByTimeAsync(90_000);
    await viewer.over;
    expect(viewer.events.at(-1)).toMatchObject({ type: "failed", error: { partial: { content: "It is " } } });
    expect(client.calls.length).toBe(0);
  });

  /** A turn that another process takes over, and whose session a third one still has. */
  async function waiting() {
    const gate = new Gate();
    const scene = await begun(scriptedClient([{ steps: [{ text: "It is " }, { pause: gate }] }]));
    await isAt(gate);
    scene.kill();
    await scene.inner.claim("public/c");
    const options = { authorize, recover, log: scene.log, sessions: { store: scene.inner } } as const;
    const errors: SendError[] = [];
    const relay = createRelay({ ...options, client: scriptedClient([]), onError: (error) => errors.push(error) });
    const viewer = watch(await relay.handle(get(`c/stream?run=${scene.run}`)));
    await vi.advanceTimersByTimeAsync(20_000); // the lease in the log has passed
    return { ...scene, options, relay, viewer, errors };
  }

  test("is handed over by a process that ends while it waits for the session", async () => {
    const { inner, log, run, options, relay, viewer, errors } = await waiting();
    const drained = relay.drain(0);
    await vi.advanceTimersByTimeAsync(1_000);
    await drained;
    expect([viewer.events.at(-1)?.type, (await log.read(run))?.end, errors]).toEqual(["reconnect", undefined, []]);
    await inner.release("public/c");
    const back = await endIn(createRelay({ ...options, client: scriptedClient([{ text: "warm." }]) }), pathOf(run));
    expect([back.text, back.events.at(-1)?.type]).toEqual(["It is warm.", "complete"]);
  });

  test("is handed over by a process that ends while it reads the session", async () => {
    const scene = await begun(scriptedClient([{ steps: [{ text: "It is " }, { pause: new Gate() }] }]));
    await vi.waitFor(() => expect(scene.viewer.text).toBe("It is "));
    await vi.advanceTimersByTimeAsync(1_000);
    scene.kill();
    const read = new Gate();
    const store: SessionStore = {
      append: (id, records) => scene.inner.append(id, records),
      load: (id) => read.pass().then(() => scene.inner.load(id)),
      list: (page) => scene.inner.list(page),
    };
    const heir = scriptedClient([{ text: "never" }]);
    const options = { authorize, recover, log: scene.log, onError: () => undefined } as const;
    const relay = createRelay({ ...options, client: heir, sessions: { store } });
    const viewer = watch(await relay.handle(get(`c/stream?run=${scene.run}`)));
    await isAt(read);
    await vi.advanceTimersByTimeAsync(1_000);
    const drained = relay.drain(0);
    await vi.advanceTimersByTimeAsync(100);
    read.open();
    await vi.advanceTimersByTimeAsync(6_000);
    await drained;
    await viewer.over;
    expect([viewer.events.at(-1)?.type, (await scene.log.read(scene.run))?.end]).toEqual(["reconnect", undefined]);
    const next = scene.next(scriptedClient([{ text: "warm." }]));
    const back = await endIn(next, pathOf(scene.run));
    expect([back.text, back.events.at(-1)?.type]).toEqual(["It is warm.", "complete"]);
    expect(await historyOf(next)).toMatchObject([{ role: "user" }, { content: "It is warm." }]);
    expect(heir.calls.length).toBe(0);
  });

  test("ends without an error when its user stops it while it waits for the session", async () => {
    const { run, relay, viewer, errors } = await waiting();
    const stopped = relay.handle(post({ run }, "c/stop"));
    await vi.advanceTimersByTimeAsync(1_000);
    await Promise.all([stopped, viewer.over]);
    const message = { content: "It is ", interrupted: true };
    expect(viewer.events.at(-1)).toMatchObject({ type: "complete", message });
    expect(errors).toEqual([]);
  });

  test("is handed over by a process that ends in peace", async () => {
    const inner = new MemoryStore();
    const log = memoryLog();
    const options = { authorize, recover, log } as const;
    const gate = new Gate();
    const script = { steps: [{ text: "Half, " }, { pause: gate }, { text: "never" }] };
    const first = createRelay({ ...options, client: scriptedClient([script]), sessions: { store: inner } });
    const run = runId();
    const viewer = watch(await first.handle(post({ run, chat: "c", message: "Tell" })));
    await gate.reached;
    const drained = first.drain(1_000);
    await vi.advanceTimersByTimeAsync(1_500);
    await drained;
    await viewer.over;
    expect(viewer.events.at(-1)?.type).toBe("reconnect");
    const next = createRelay({ ...options, client: scriptedClient([{ text: "whole." }]), sessions: { store: inner } });
    const back = await endIn(next, pathOf(run));
    expect(back.text).toBe("Half, whole.");
    expect(await historyOf(next)).toMatchObject([{ role: "user" }, { content: "Half, whole." }]);
  });
});

describe("a log that does not answer", () => {
  test("keeps tools from running: another process could run them again", async () => {
    const gate = new Gate();
    const { calls, tool } = counting();
    const script = { steps: [{ text: "I look. " }, { pause: gate }, { toolCall: { name: "weather" } }] };
    const client = scriptedClient([script, { text: "I cannot." }]);
    const scene = await begun(client, [tool]);
    await isAt(gate);
    scene.silence();
    gate.open();
    await vi.advanceTimersByTimeAsync(8_000);
    await scene.viewer.over;
    expect(scene.viewer.events.at(-1)).toMatchObject({ type: "complete", message: { content: "I look. I cannot." } });
    expect(client.calls[1]?.messages.at(-1)).toMatchObject({ role: "tool", isError: true });
    expect(calls).toEqual([]);
  });
});
