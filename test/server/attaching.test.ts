/** A page that comes to a reply of another process, in the moment in which something else happens to it. */

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type ClientWrapper, MemoryStore, SendError } from "../../src/index.ts";
import { agUi, createRelay, memoryLog } from "../../src/server/index.ts";
import { Gate, scriptedClient } from "../../src/testing/index.ts";
import { get, post, read, runId, textOf, watch } from "../support/relay.ts";

const messages = [{ role: "user", content: "Hi" }];
const rules = { authorize: () => ({ user: "ada" }), onError: () => undefined, linger: 5_000 };

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A reply that one process writes, and a page at another process, whose store loads as `load` does. */
async function twoProcesses(load: (stored: () => ReturnType<MemoryStore["load"]>) => ReturnType<MemoryStore["load"]>) {
  const gate = new Gate();
  const client = scriptedClient([{ steps: [{ text: "Roses " }, { pause: gate }, { text: "are red." }] }]);
  const [log, store, other] = [memoryLog(), new MemoryStore(), new MemoryStore()];
  other.load = (id) => load(() => store.load(id));
  const here = createRelay({ ...rules, client, log, sessions: { store } });
  const there = createRelay({ ...rules, client, log, sessions: { store: other } });
  const first = watch(await here.handle(post({ run: runId(), chat: "poems", message: "Write" })));
  await gate.reached;
  const connect = () => there.handlerFor(agUi)(post({ threadId: "poems", runId: "1" }, "agent/default/connect"));
  return { gate, client, there, first, connect };
}

describe("a page with its conversation", () => {
  test("that is loaded again sees the end of the reply, also when its old connection closes meanwhile", async () => {
    const loading = new Gate();
    const { gate, there, first, connect } = await twoProcesses(async (stored) => {
      await loading.pass();
      return stored();
    });
    const before = watch(await there.handle(get("poems/stream")));
    await vi.waitFor(() => expect(before.text).toBe("Roses "));
    const answer = connect();
    await loading.reached;
    await before.leave();
    await vi.advanceTimersByTimeAsync(100);
    loading.open();
    const after = (await answer).text();
    gate.open();
    await first.over;
    expect(await Promise.race([after, vi.advanceTimersByTimeAsync(2_000).then(() => "")])).toContain("are red.");
  });

  test("that gets no answer, because the store is away, does not count as a viewer: nobody pays for the rest", async () => {
    const { client, first, connect } = await twoProcesses(() => Promise.reject(new Error("away")));
    expect((await connect()).status).toBe(503);
    await first.leave();
    await vi.advanceTimersByTimeAsync(15_000);
    const isClosed = client.calls[0]?.closed.then(() => true);
    expect(await Promise.race([isClosed, vi.advanceTimersByTimeAsync(1_000).then(() => false)])).toBe(true);
  });
});

test("a page that comes in the moment in which its process begins to end is sent to another one", async () => {
  const { there, gate, first } = await twoProcesses((stored) => stored());
  const before = watch(await there.handle(get("poems/stream")));
  const drained = there.drain(1_000);
  const answer = await there.handle(get("poems/stream"));
  expect([answer.status, answer.headers.get("retry-after")]).toEqual([503, "1"]);
  gate.open();
  await Promise.all([before.over, drained, first.over]);
});

test("a start that another process has made meanwhile shows its reply, also before the provider has answered here", async () => {
  const log = memoryLog();
  const begin = log.begin.bind(log);
  const late = new Gate();
  vi.spyOn(log, "begin").mockImplementationOnce((head) => late.pass().then(() => begin(head)));
  const silent: ClientWrapper = {
    ...scriptedClient([]),
    sendMessageStream: (_messages: unknown, { signal }: { readonly signal?: AbortSignal } = {}) =>
      new Promise((_resolve, reject) => {
        signal?.addEventListener("abort", () => reject(new SendError("aborted", "The run is over.")));
      }),
  } as ClientWrapper;
  const here = createRelay({ ...rules, client: silent, log });
  const there = createRelay({ ...rules, client: scriptedClient([{ text: "Hello" }]), log });
  const run = runId();
  const answer = here.handle(post({ run, messages }));
  await late.reached;
  expect(textOf(await read(await there.handle(post({ run, messages }))))).toBe("Hello");
  await vi.advanceTimersByTimeAsync(4_000);
  late.open();
  const viewer = watch(await answer);
  await vi.advanceTimersByTimeAsync(2_000);
  expect(viewer.text).toBe("Hello");
});

describe("a page that comes in the first moment of a run, before the store has the question", () => {
  /** A run whose question is on its way to the store, and another process on the same log and store. */
  async function beginning() {
    const [stores, replies] = [new Gate(), new Gate()];
    const client = scriptedClient([{ steps: [{ text: "Roses " }, { pause: replies }, { text: "are red." }] }]);
    const [log, store] = [memoryLog(), new MemoryStore()];
    const append = store.append.bind(store);
    store.append = async (id, records) => {
      await stores.pass();
      return append(id, records);
    };
    const relays = [1, 2].map(() => createRelay({ ...rules, client, log, sessions: { store } }));
    const run = runId();
    const first = relays[0]?.handle(post({ run, chat: "poems", message: "Write" }));
    await stores.reached;
    setTimeout(() => stores.open(), 100);
    const over = async (): Promise<void> => {
      await replies.reached;
      replies.open();
      if (first) await watch(await first).over;
      await vi.advanceTimersByTimeAsync(2_000); // the other process reads the log
    };
    return { relays, run, over };
  }

  test.each([0, 1])("gets the question and the run, not the conversation before it: at process %i", async (place) => {
    const { relays, run, over } = await beginning();
    const answer = relays[place]?.handle(get("poems?view=page"));
    await vi.advanceTimersByTimeAsync(200);
    const page = (await answer)?.json();
    expect(await page).toMatchObject({ messages: [{ role: "user", content: "Write" }], run });
    await over();
  });

  test.each([0, 1])(
    "connects to its reply with CopilotKit, not to an empty conversation: at process %i",
    async (place) => {
      const { relays, over } = await beginning();
      const body = post({ threadId: "poems", runId: "1" }, "agent/default/connect");
      const answer = relays[place]?.handlerFor(agUi)(body);
      await vi.advanceTimersByTimeAsync(200);
      const events = (await answer)?.text();
      await over();
      expect(await events).toMatch(/"Write".*Roses .*are red\./s);
    },
  );
});

test("a page of a run whose process died before the store had the question has its conversation at once", async () => {
  const [log, store] = [memoryLog({ leaseMs: 15_000 }), new MemoryStore()];
  const relay = createRelay({ ...rules, client: scriptedClient([]), log, sessions: { store } });
  const load = vi.spyOn(store, "load");
  const head = { id: runId(), chat: "ada/poems", owner: "ada", startedAt: 0, provider: "scripted", model: "script" };
  await log.begin(head);
  await log.setLatestRun(head.chat, { run: head.id, number: 1 });
  await vi.advanceTimersByTimeAsync(15_000);
  const answer = relay.handle(get("poems?view=page"));
  await vi.advanceTimersByTimeAsync(200);
  expect(load).toHaveBeenCalledTimes(1);
  expect(await (await answer).json()).toMatchObject({ messages: [] });
});

test("a page of a run whose question is long in coming is shown after a second, also when the store is slow", async () => {
  const [log, store] = [memoryLog(), new MemoryStore()];
  const relay = createRelay({ ...rules, client: scriptedClient([]), log, sessions: { store } });
  const load = vi.spyOn(store, "load").mockImplementation(async () => {
    await new Promise((resolve) => {
      setTimeout(resolve, 800);
    });
    return [];
  });
  const head = { id: runId(), chat: "ada/poems", owner: "ada", startedAt: 0, provider: "scripted", model: "script" };
  await log.begin(head);
  await log.setLatestRun(head.chat, { run: head.id, number: 1 });
  const answer = relay.handle(get("poems?view=page"));
  await vi.advanceTimersByTimeAsync(2_000);
  expect(await Promise.race([answer.then(({ status }) => status), vi.advanceTimersByTimeAsync(1)])).toBe(200);
  expect(load).toHaveBeenCalledTimes(2);
});

test("a start does not wait for a conversation whose store is silent: its response begins, and the run reports it", async () => {
  const store = new MemoryStore();
  store.load = () => new Promise(() => undefined);
  const relay = createRelay({ ...rules, client: scriptedClient([]), sessions: { store } });
  const answer = relay.handle(post({ run: runId(), chat: "poems", message: "Write" }));
  await vi.advanceTimersByTimeAsync(3_000 + 5_000); // for the conversation, and for the provider's headers
  const response = await Promise.race([answer, vi.advanceTimersByTimeAsync(1)]);
  expect(response).toMatchObject({ status: 200 });
  const viewer = watch(await answer);
  await vi.advanceTimersByTimeAsync(60_000);
  await viewer.over;
  expect(viewer.events.at(-1)).toMatchObject({ type: "failed", error: { kind: "storage" } });
});
