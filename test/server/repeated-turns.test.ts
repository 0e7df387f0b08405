/** A request that is repeated when the log has forgotten its run: the conversation answers, and no provider is asked. */

import { describe, expect, test } from "vitest";
import { LLMSession, MemoryStore, type Tool } from "../../src/index.ts";
import {
  agUi,
  aiSdk,
  createRelay,
  memoryLog,
  type RelayOptions,
  type ReplyLog,
  type RunEnd,
  type RunHead,
} from "../../src/server/index.ts";
import { Gate, type ReplyScript, type ScriptedClient, scriptedClient } from "../../src/testing/index.ts";
import { get, post, read, runId, textOf } from "../support/relay.ts";

const weather: Tool = { name: "weather", run: () => ({ sky: "clear" }) };

/** A relay on a store, whose log forgets each run right behind its end. */
function scene(scripts: readonly ReplyScript[], { store = new MemoryStore(), ...options }: Options = {}) {
  const log = memoryLog({ keepMs: 1 });
  const client = scriptedClient(scripts);
  const ends: (readonly [string, RunEnd["type"]])[] = [];
  const onRunEnd = (end: RunEnd, head: RunHead): void => void ends.push([head.id, end.type]);
  const relay = createRelay({ client, authorize: "public", sessions: { store }, log, onRunEnd, ...options });
  const send = async (body: object) => read(await relay.handle(post(body)));
  const historyOf = async (): Promise<readonly string[]> => {
    const { history } = await LLMSession.peek({ store, id: "public/c" });
    return history.map(({ role, content }) => `${role}: ${content}`);
  };
  return { store, log, client, ends, relay, send, historyOf };
}

type Options = Partial<Omit<RelayOptions, "client" | "log">> & { readonly store?: MemoryStore };

async function forgotten(log: ReplyLog, run: string): Promise<void> {
  await expect.poll(() => log.head(run)).toBeUndefined();
}

function askedTimes(client: ScriptedClient, count: number): void {
  expect(client.calls.length).toBe(count);
}

describe("a repeated request of the relay's own wire", () => {
  test("shows the same reply, and the provider is asked once", async () => {
    const { log, client, ends, send, historyOf } = scene([{ text: "Hello." }]);
    const body = { run: runId(), chat: "c", message: "Hi" };
    const first = await send(body);
    await forgotten(log, body.run);
    const second = await send(body);
    expect(second.at(-1)).toMatchObject({ type: "complete", message: { content: "Hello." } });
    expect(first.at(-1)).toMatchObject({ type: "complete", message: { content: "Hello." } });
    askedTimes(client, 1);
    expect(await historyOf()).toEqual(["user: Hi", "assistant: Hello."]);
    expect(ends).toEqual([[body.run, "complete"]]);
    expect(await log.head(body.run), "the log knows no second run").toBeUndefined();
  });

  test("shows all replies of a turn with tools, and no tool runs again", async () => {
    let runs = 0;
    const tool: Tool = { ...weather, run: () => ++runs };
    const { log, client, send } = scene(
      [{ steps: [{ text: "I look. " }, { toolCall: { name: "weather" } }] }, { text: "Clear." }],
      {
        tools: [tool],
      },
    );
    const body = { run: runId(), chat: "c", message: "How is it?" };
    await send(body);
    await forgotten(log, body.run);
    expect((await send(body)).at(-1)).toMatchObject({ type: "complete", message: { content: "I look. Clear." } });
    askedTimes(client, 2);
    expect(runs).toBe(1);
  });

  test("shows its own reply when later turns have followed, and the chat's last run stays that of the last turn", async () => {
    const { log, relay, client, send } = scene([{ text: "One." }, { text: "Two." }]);
    const [first, second] = ["1", "2"].map((message) => ({ run: runId(), chat: "c", message }));
    for (const body of [first, second]) await send(body ?? {});
    await forgotten(log, first?.run ?? "");
    expect((await send(first ?? {})).at(-1)).toMatchObject({ type: "complete", message: { content: "One." } });
    askedTimes(client, 2);
    const { run } = (await (await relay.handle(get("c"))).json()) as { run?: string };
    expect([undefined, second?.run]).toContain(run);
  });

  test("a reply that was stopped ends as partial, with its text", async () => {
    const gate = new Gate();
    const { store, log, client, relay, send, historyOf } = scene([
      { steps: [{ text: "Half" }, { pause: gate }, { text: ", whole" }] },
    ]);
    const body = { run: runId(), chat: "c", message: "Hi" };
    const reading = send(body);
    await expect.poll(async () => (await LLMSession.peek({ store, id: "public/c" })).turn?.text).toBe("Half");
    await relay.handle(post({ run: body.run }, "c/stop"));
    gate.open();
    await reading;
    await forgotten(log, body.run);
    expect((await send(body)).at(-1)).toMatchObject({
      type: "failed",
      error: { kind: "truncated", partial: { content: "Half" } },
    });
    askedTimes(client, 1);
    expect(await historyOf()).toEqual(["user: Hi", "assistant: Half"]);
  });

  test("of a turn of which nothing is kept begins the turn", async () => {
    const { log, client, relay, send, historyOf } = scene([{ refusal: { status: 400 } }, { text: "Now." }]);
    const body = { run: runId(), chat: "c", message: "Hi" };
    expect((await relay.handle(post(body))).status).toBeGreaterThanOrEqual(400);
    await forgotten(log, body.run);
    expect(textOf(await send(body))).toBe("Now.");
    askedTimes(client, 2);
    expect(await historyOf()).toEqual(["user: Hi", "assistant: Now."]);
  });

  test("of a turn whose process has died with its log: the kept text stays, and nothing is asked again", async () => {
    const store = new MemoryStore();
    const run = runId();
    const asked = { provider: "scripted", model: "script" };
    await store.append("public/c", [
      { type: "said", id: run, messages: [{ role: "user", content: "Hi" }], asked },
      { type: "text", text: "Half" },
    ]);
    const { client, relay, historyOf } = scene([{ text: "Again." }], { store });
    const body = { run, chat: "c", message: "Hi" };
    const response = await relay.handle(post(body));
    expect(((await response.json()) as { error: { kind: string } }).error.kind).toBe("truncated");
    askedTimes(client, 0);
    expect(await historyOf()).toEqual(["user: Hi", "assistant: Half"]);
  });

  test("of another user finds nothing of the first one's conversation", async () => {
    const authorize = (request: Request) => ({ user: request.headers.get("x-user") ?? "?" });
    const { log, client, relay } = scene([{ text: "Secret." }, { text: "Yours." }], { authorize });
    const body = { run: runId(), chat: "c", message: "Hi" };
    await read(await relay.handle(post(body, "", { "x-user": "ann" })));
    await forgotten(log, body.run);
    expect(textOf(await read(await relay.handle(post(body, "", { "x-user": "bob" }))))).toBe("Yours.");
    askedTimes(client, 2);
  });
});

describe("a repeated request of another wire", () => {
  const agUiBody = (runId: string, ...texts: readonly string[]) => ({
    threadId: "c",
    runId,
    messages: texts.map((content, index) => ({ id: `q${index}`, role: "user", content })),
    tools: [],
    context: [],
    state: {},
    forwardedProps: {},
  });

  test("of AG-UI shows the same reply, and leaves the reply that is being written alone", async () => {
    const gate = new Gate();
    const scripts: readonly ReplyScript[] = [
      { text: "One." },
      { steps: [{ text: "Two" }, { pause: gate }, { text: "." }] },
    ];
    const { log, client, relay } = scene(scripts, { dialect: agUi });
    const first = agUiBody("run-1700000000000-first", "1");
    await (await relay.handle(post(first))).text();
    const latest = await log.latestRun("public/c");
    await forgotten(log, latest?.run ?? "");
    const second = (await relay.handle(post(agUiBody("run-1700000000001-second", "1", "2")))).text();
    await expect.poll(() => client.calls.length).toBe(2);
    expect(await (await relay.handle(post(first))).text()).toContain("One.");
    gate.open();
    const events = await second;
    expect(events).toContain('"RUN_FINISHED"');
    askedTimes(client, 2);
  });

  const aiSdkBody = (trigger: string, ...messages: readonly (readonly [string, string])[]) => ({
    id: "c",
    trigger,
    messages: messages.map(([role, text], index) => ({ id: `q${index}`, role, parts: [{ type: "text", text }] })),
  });

  test("of the AI SDK shows the same reply; one that asks for another reply gets another", async () => {
    const { log, client, relay, historyOf } = scene([{ text: "One." }, { text: "Two." }, { text: "Three." }], {
      dialect: aiSdk,
    });
    const body = aiSdkBody("submit-message", ["user", "Hi"]);
    const run = async (of: object): Promise<string> => {
      const response = await relay.handle(post(of));
      const text = await response.text();
      await forgotten(log, response.headers.get("x-stream-id") ?? "");
      return text;
    };
    expect(await run(body)).toContain("One.");
    expect(await run(body)).toContain("One.");
    askedTimes(client, 1);
    const again = { ...aiSdkBody("regenerate-message", ["user", "Hi"]), messageId: "q1" };
    expect(await run(again)).toContain("Two.");
    expect(await run(again)).toContain("Three.");
    expect(await historyOf()).toEqual(["user: Hi", "assistant: Three."]);
  });
});

describe("a reply that the log has dropped for room, and the conversation has", () => {
  const long = "x".repeat(2_000);

  async function dropped(dialect?: RelayOptions["dialect"]) {
    const store = new MemoryStore();
    const log = memoryLog({ maxBytes: 1_000 });
    const client = scriptedClient(() => ({ text: long }));
    const relay = createRelay({ client, authorize: "public", sessions: { store }, log, ...(dialect && { dialect }) });
    const send = async (body: object) => {
      const response = await relay.handle(post(body));
      const text = await response.text();
      await forgotten(log, response.headers.get("x-stream-id") ?? "");
      return text;
    };
    return { client, relay, send };
  }

  test("is shown complete to a viewer that comes later", async () => {
    const { client, relay, send } = await dropped();
    const body = { run: runId(), chat: "c", message: "1" };
    await send(body);
    for (const again of [get(`c/stream?run=${body.run}`), post(body)]) {
      const events = await read(await relay.handle(again));
      expect(events.at(-1)).toMatchObject({ type: "complete", message: { content: long } });
    }
    askedTimes(client, 1);
  });

  test("is shown complete to a request that is repeated after later turns", async () => {
    const { client, relay, send } = await dropped();
    const bodies = ["1", "2"].map((message) => ({ run: runId(), chat: "c", message }));
    for (const body of bodies) await send(body);
    for (const body of bodies) {
      const events = await read(await relay.handle(post(body)));
      expect(events.at(-1)).toMatchObject({ type: "complete", message: { content: long } });
    }
    askedTimes(client, 2);
  });

  test("is shown complete to a front end of the AI SDK that asks again after later turns", async () => {
    const { client, send } = await dropped(aiSdk);
    const body = (...texts: readonly string[]) => ({
      id: "c",
      trigger: "submit-message",
      messages: texts.map((text) => ({ id: text, role: "user", parts: [{ type: "text", text }] })),
    });
    await send(body("1"));
    await send(body("1", "2"));
    expect(await send(body("1"))).toContain(long);
    askedTimes(client, 2);
  });
});

describe("a start in a conversation", () => {
  /** A store that counts how often it is read, and may have no reservations. */
  function countingStore({ claims = true } = {}) {
    const store = new MemoryStore();
    const reads = { count: 0 };
    const load = store.load.bind(store);
    store.load = (id) => {
      reads.count++;
      return load(id);
    };
    if (!claims) Object.assign(store, { claim: undefined, release: undefined });
    return { store, reads };
  }

  const native = (chat: string, text: string) => ({ run: runId(), chat, message: text });
  const ofAiSdk = (id: string, text: string) => ({
    id,
    trigger: "submit-message",
    messages: [{ id: text, role: "user", parts: [{ type: "text", text }] }],
  });
  const ofAgUi = (threadId: string, text: string) => ({
    ...{ threadId, runId: `run-${text}`, tools: [], context: [], state: {}, forwardedProps: {} },
    messages: [{ id: text, role: "user", content: text }],
  });

  test.each([
    ["native", undefined, native],
    ["the AI SDK", aiSdk, ofAiSdk],
    ["AG-UI", agUi, ofAgUi],
  ] as const)("reads it once, before the provider is asked (%s)", async (_name, dialect, body) => {
    const { store, reads } = countingStore();
    const { client, relay } = scene([{ text: "One." }, { text: "Two." }], { store, ...(dialect && { dialect }) });
    for (const text of ["1", "2"]) {
      reads.count = 0;
      await (await relay.handle(post(body("c", text)))).text();
      expect(reads.count).toBe(1);
    }
    askedTimes(client, 2);
  });

  test("also finds the reply in a store without reservations", async () => {
    const { store } = countingStore({ claims: false });
    const { log, client, send } = scene([{ text: "One." }], { store });
    const body = native("c", "1");
    await send(body);
    await forgotten(log, body.run);
    expect((await send(body)).at(-1)).toMatchObject({ type: "complete", message: { content: "One." } });
    askedTimes(client, 1);
  });

  test("gives the conversation back when it is refused, or shows a reply that is there", async () => {
    const { store } = countingStore();
    let isFull = false;
    const limit = () => (isFull ? { retryAfterMs: 1 } : undefined);
    const { log, relay, send } = scene([{ text: "One." }], { store, limit });
    const body = native("c", "1");
    await send(body);
    await forgotten(log, body.run);
    await send(body);
    await store.claim("public/c");
    await store.release("public/c");
    isFull = true;
    expect((await relay.handle(post(native("c", "2")))).status).toBe(429);
    await store.claim("public/c");
  });

  test("waits for the conversation while a start that has lost the chat has it", async () => {
    const { store } = countingStore();
    const { send } = scene([{ text: "One." }], { store });
    await store.claim("public/c");
    let claims = 0;
    const claim = store.claim.bind(store);
    store.claim = (id) => {
      claims++;
      return claim(id);
    };
    const reading = send(native("c", "1"));
    await expect.poll(() => claims).toBeGreaterThan(1); // with the first read, and when it is opened
    await store.release("public/c");
    expect(textOf(await reading)).toBe("One.");
  });

  test("of two that come at once, one is answered and the other one refused", async () => {
    const { store } = countingStore();
    const { relay, client, historyOf } = scene([{ text: "One." }], { store });
    const responses = await Promise.all(["1", "2"].map((text) => relay.handle(post(native("c", text)))));
    expect(responses.map(({ status }) => status).sort()).toEqual([200, 409]);
    for (const response of responses) await response.text();
    askedTimes(client, 1);
    expect((await historyOf()).at(-1)).toBe("assistant: One.");
  });

  test("is not held up by a store that does not answer", async () => {
    const { store } = countingStore();
    const gate = new Gate();
    const load = store.load.bind(store);
    store.load = (id) => gate.pass().then(() => load(id));
    const { relay, client } = scene([{ text: "One." }], { store, headersWithinMs: 1 });
    const begun = performance.now();
    const response = await relay.handle(post(native("c", "1")));
    expect(performance.now() - begun).toBeLessThan(20_000); // three seconds, and a busy machine
    gate.open();
    expect(textOf(await read(response))).toBe("One.");
    askedTimes(client, 1);
  }, 60_000);
});
