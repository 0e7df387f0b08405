import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { ShownHistory } from "../../src/dialects/native/wire.ts";
import { LLMSession, MemoryStore, type Tool } from "../../src/index.ts";
import { agUi, createRelay, memoryLog } from "../../src/server/index.ts";
import { Gate, type ReplyScript, scriptedClient } from "../../src/testing/index.ts";
import { get, post, read, runId, textOf, watch } from "../support/relay.ts";

const authorize = "public" as const;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const weather: Tool = { name: "weather", run: () => ({ sky: "clear" }) };

const CALLS_A_TOOL: readonly ReplyScript[] = [
  { steps: [{ text: "I look. " }, { toolCall: { name: "weather", arguments: { city: "Oslo" } } }] },
  { text: ["It is ", "clear."] },
];

describe("a conversation that the server keeps", () => {
  test("goes on over turns, with the server's prompt and tools", async () => {
    const store = new MemoryStore();
    const client = scriptedClient([...CALLS_A_TOOL, { text: "You're welcome." }]);
    const sessions = { store };
    const relay = createRelay({ client, authorize, sessions, tools: [weather], systemPrompt: "Be brief." });
    const first = await read(await relay.handle(post({ run: runId(), chat: "c", message: "How is it in Oslo?" })));
    expect(textOf(first)).toBe("I look. It is clear.");
    const chunks = first.flatMap((event) => (event.type === "chunks" ? event.chunks : []));
    expect(chunks.find(({ type }) => type === "toolResult")).toMatchObject({ result: '{"sky":"clear"}' });
    const second = await read(await relay.handle(post({ run: runId(), chat: "c", message: "Thanks" })));
    expect(second.at(-1)).toMatchObject({ type: "complete", message: { content: "You're welcome." } });
    expect(client.calls.at(-1)?.messages.map(({ role }) => role)).toEqual([
      "system",
      "user",
      "assistant",
      "tool",
      "assistant",
      "user",
    ]);
    const history = await relay.handle(get("c"));
    const { messages } = (await history.json()) as { messages: { role: string; content: string }[] };
    expect(messages.map(({ role }) => role)).toEqual(["user", "assistant", "tool", "assistant", "user", "assistant"]);
    expect(messages.at(-1)?.content).toBe("You're welcome.");
  });

  test("is free for the next turn when a viewer learns of the end", async () => {
    const store = new MemoryStore();
    const client = scriptedClient(() => ({ text: "again" }));
    const relay = createRelay({ client, authorize, sessions: { store }, log: memoryLog() });
    for (let count = 0; count < 5; count++) {
      const response = await relay.handle(post({ run: runId(), chat: "c", message: "More" }));
      expect(textOf(await read(response))).toBe("again");
    }
    await using session = await LLMSession.open({ client, store, id: "public/c" });
    expect(session.history.length).toBe(10);
  });

  test("has the end of a reply that its log has lost, for a viewer that comes back", async () => {
    const [store, log, run] = [new MemoryStore(), memoryLog(), runId()];
    const client = scriptedClient(() => ({ text: "One two" }));
    const options = { client, authorize, sessions: { store }, onError: () => undefined };
    await read(await createRelay({ ...options, log }).handle(post({ run, chat: "c", message: "Count" })));
    log.head = async () => undefined;
    const relay = createRelay({ ...options, log });
    const back = await read(await relay.handle(get(`c/stream?run=${run}&after=1-1`)));
    expect(back).toMatchObject([
      { type: "opened", run },
      { type: "complete", message: { content: "One two" } },
    ]);
    expect((await relay.handle(get(`c/stream?run=${runId()}`))).status).toBe(404);
  });

  test("has all words of a lost reply between whose parts tools ran", async () => {
    const [store, log, run] = [new MemoryStore(), memoryLog(), runId()];
    const options = { authorize, sessions: { store }, tools: [weather], onError: () => undefined };
    const first = createRelay({ ...options, client: scriptedClient(CALLS_A_TOOL), log });
    await read(await first.handle(post({ run, chat: "c", message: "How is it in Oslo?" })));
    await vi.advanceTimersByTimeAsync(601_000); // the log keeps it for ten minutes
    const relay = createRelay({ ...options, client: scriptedClient([]), log });
    const back = await read(await relay.handle(get(`c/stream?run=${run}&after=1-1`)));
    expect(back.at(-1)).toMatchObject({
      type: "complete",
      message: { content: "I look. It is clear.", toolCalls: [] },
    });
  });

  test("shows no half turn as complete, and no call of it as waiting, when its process and its log are gone", async () => {
    const store = new MemoryStore();
    const toolCalls = [{ id: "a", name: "weather", arguments: {} }];
    await store.append("public/c", [
      { type: "said", messages: [{ role: "user", content: "How is it in Oslo?" }] },
      { type: "reply", message: { role: "assistant", content: "I look. ", toolCalls } },
    ]);
    const relay = createRelay({ client: scriptedClient([]), authorize, sessions: { store }, tools: [weather] });
    const { messages, run } = (await (await relay.handle(get("c?view=page"))).json()) as ShownHistory;
    expect(run).toBeUndefined();
    const reply = { content: "I look. ", state: "interrupted", toolCalls: [{ name: "weather", state: "failed" }] };
    expect(messages).toMatchObject([{ role: "user", state: "sent" }, reply]);
  });

  test("has a call of a lost reply that waits for its answer", async () => {
    const [store, log, run] = [new MemoryStore(), memoryLog(), runId()];
    const options = { authorize, sessions: { store }, tools: [weather, { name: "ask" }], onError: () => undefined };
    const client = scriptedClient([{ steps: [{ text: "I ask. " }, { toolCall: { name: "ask" } }] }]);
    await read(await createRelay({ ...options, client, log }).handle(post({ run, chat: "c", message: "Go" })));
    await vi.advanceTimersByTimeAsync(601_000);
    const back = await read(await createRelay({ ...options, client, log }).handle(get(`c/stream?run=${run}`)));
    const message = { content: "I ask. ", toolCalls: [{ name: "ask" }] };
    expect(back.at(-1)).toMatchObject({ type: "complete", message });
  });

  test("does not show the reply before in the place of a lost one that brought nothing", async () => {
    const [store, log, run] = [new MemoryStore(), memoryLog(), runId()];
    const client = scriptedClient([{ text: "One." }, { refusal: { status: 500 } }]);
    const options = { authorize, sessions: { store }, onError: () => undefined };
    const first = createRelay({ ...options, client, log });
    await read(await first.handle(post({ run: runId(), chat: "c", message: "Count" })));
    const refused = await first.handle(post({ run, chat: "c", message: "Go on" }));
    expect(refused.status).toBeGreaterThanOrEqual(500);
    log.head = async () => undefined;
    const relay = createRelay({ ...options, client: scriptedClient([]), log });
    expect((await relay.handle(get(`c/stream?run=${run}`))).status).toBe(404);
  });

  test("is written again from an earlier question on, edited or not", async () => {
    const store = new MemoryStore();
    const replies = ["One.", "Two.", "Two, edited.", "One, again.", "never"];
    const client = scriptedClient(replies.map((text) => ({ text })));
    const relay = createRelay({ client, authorize, sessions: { store } });
    const turn = async (fields: object): Promise<readonly string[]> => {
      await read(await relay.handle(post({ run: runId(), chat: "c", ...fields })));
      const { messages } = (await (await relay.handle(get("c"))).json()) as { messages: { content: string }[] };
      return messages.map(({ content }) => content);
    };
    await turn({ message: "1" });
    await turn({ message: "2" });
    expect(await turn({ message: "2b", keep: 2 })).toEqual(["1", "One.", "2b", "Two, edited."]);
    expect(await turn({ regenerate: true, keep: 1 })).toEqual(["1", "One, again."]);
    for (const fields of [
      { message: "x", keep: 3 },
      { regenerate: true, keep: 0 },
      { regenerate: true, keep: 4 },
    ]) {
      expect(await turn(fields), "nothing is lost").toEqual(["1", "One, again."]);
    }
    expect(client.calls.length).toBe(4);
  });

  test("keeps the text of a turn that was stopped", async () => {
    const store = new MemoryStore();
    const client = scriptedClient([{ steps: [{ text: "Half" }, { pause: new Gate() }, { text: "never" }] }]);
    const relay = createRelay({ client, authorize, sessions: { store } });
    const viewer = watch(await relay.handle(post({ run: runId(), chat: "c", message: "Tell" })));
    await vi.waitFor(() => expect(viewer.text).toBe("Half"));
    await relay.handle(post({}, "c/stop"));
    await viewer.over;
    expect(await (await relay.handle(get("c"))).json()).toMatchObject({
      messages: [{ role: "user" }, { role: "assistant", content: "Half", interrupted: true }],
    });
    await client.calls[0]?.closed;
  });

  test("is free at once when it is stopped in the middle of a tool that does not hear it", async () => {
    const store = new MemoryStore();
    const running = new Gate();
    const deaf: Tool = { name: "weather", run: () => running.pass() };
    const client = scriptedClient([...CALLS_A_TOOL.slice(0, 1), { text: "Next." }]);
    const relay = createRelay({ client, authorize, sessions: { store }, tools: [deaf], onBusy: "replace" });
    const viewer = watch(await relay.handle(post({ run: runId(), chat: "c", message: "How is it?" })));
    await running.reached;
    const next = await relay.handle(post({ run: runId(), chat: "c", message: "Never mind" }));
    await viewer.over;
    expect(viewer.events.at(-1)).toMatchObject({
      type: "complete",
      message: { content: "I look. ", interrupted: true },
    });
    expect(textOf(await read(next))).toBe("Next.");
    running.open();
    expect(client.calls[1]?.messages.map(({ role }) => role)).toEqual(["user", "assistant", "tool", "user"]);
    expect(await (await relay.handle(get("c"))).json()).toMatchObject({
      messages: [{ role: "user" }, { content: "I look. " }, { role: "tool" }, { role: "user" }, { content: "Next." }],
    });
  });

  test("writes the last reply again", async () => {
    const store = new MemoryStore();
    const client = scriptedClient([{ text: "bad" }, { text: "good" }]);
    const relay = createRelay({ client, authorize, sessions: { store } });
    await read(await relay.handle(post({ run: runId(), chat: "c", message: "Try" })));
    const again = await read(await relay.handle(post({ run: runId(), chat: "c", regenerate: true })));
    expect(textOf(again)).toBe("good");
    expect(await (await relay.handle(get("c"))).json()).toMatchObject({
      messages: [{ content: "Try" }, { content: "good" }],
    });
  });

  test.each([
    ["the last reply", { regenerate: true }],
    ["the reply to a question", { regenerate: true, keep: { turns: 1 } }],
  ])(
    "written again on another wire (%s) keeps the id of its question, also when the first try fails",
    async (_name, again) => {
      const store = new MemoryStore();
      const client = scriptedClient([
        { text: "bad" },
        { refusal: { status: 500 } },
        { text: "good" },
        { text: "edited" },
      ]);
      const relay = createRelay({ client, authorize, sessions: { store }, onError: () => undefined });
      const onAgUi = relay.handlerFor(agUi);
      const asked = async (id: string, content: string) => {
        const messages = [{ id, role: "user", content }];
        const rest = { tools: [], context: [], state: {}, forwardedProps: {} };
        await (await onAgUi(post({ threadId: "c", runId: `run-${content}`, messages, ...rest }))).text();
      };
      const questions = async () =>
        (await LLMSession.peek({ store, id: "public/c" })).history.filter((message) => message.role === "user");
      await asked("q1", "Try");
      expect(await questions()).toMatchObject([{ content: "Try", id: "q1" }]);
      for (const status of [502, 200]) {
        const response = await relay.handle(post({ run: runId(), chat: "c", ...again }));
        expect(response.status).toBe(status);
        await response.text();
        expect(await questions()).toMatchObject([{ content: "Try", id: "q1" }]);
      }
      await asked("q1", "Try this");
      expect(await questions(), "the edited question takes the place of the first").toMatchObject([
        { content: "Try this", id: "q1" },
      ]);
    },
  );

  test("a question without a reply keeps its id when another wire asks it again", async () => {
    const store = new MemoryStore();
    const client = scriptedClient([{ refusal: { status: 500 } }, { text: "good" }]);
    const relay = createRelay({ client, authorize, sessions: { store }, onError: () => undefined });
    const body = { messages: [{ id: "q1", role: "user", content: "Try" }], tools: [], context: [], state: {} };
    await (await relay.handlerFor(agUi)(post({ threadId: "c", runId: "run-1", ...body, forwardedProps: {} }))).text();
    await read(await relay.handle(post({ run: runId(), chat: "c", regenerate: true })));
    expect((await LLMSession.peek({ store, id: "public/c" })).history).toMatchObject([
      { id: "q1" },
      { content: "good" },
    ]);
  });

  test("keeps the last reply when the next one is refused", async () => {
    const store = new MemoryStore();
    const client = scriptedClient([{ text: "kept" }, { refusal: { status: 500 } }, { text: "next" }]);
    const relay = createRelay({ client, authorize, sessions: { store }, onError: () => undefined });
    await read(await relay.handle(post({ run: runId(), chat: "c", message: "Try" })));
    expect((await relay.handle(post({ run: runId(), chat: "c", regenerate: true }))).status).toBe(502);
    const history = async () => (await (await relay.handle(get("c"))).json()) as object;
    expect(await history()).toMatchObject({ messages: [{ content: "Try" }, { content: "kept" }] });
    await read(await relay.handle(post({ run: runId(), chat: "c", regenerate: true })));
    expect(await history()).toMatchObject({ messages: [{ content: "Try" }, { content: "next" }] });
  });

  test.each<[name: string, nothing: ReplyScript]>([
    ["breaks before its first word", { text: [], ending: "reset" }],
    ["is stopped before its first word", { steps: [{ pause: new Gate() }, { text: "never" }] }],
  ])("keeps the last reply when the next one %s", async (_name, nothing) => {
    const store = new MemoryStore();
    const client = scriptedClient([{ text: "kept" }, nothing]);
    const relay = createRelay({ client, authorize, sessions: { store }, onError: () => undefined });
    await read(await relay.handle(post({ run: runId(), chat: "c", message: "Try" })));
    const again = watch(await relay.handle(post({ run: runId(), chat: "c", regenerate: true })));
    await vi.waitFor(() => expect(client.calls.length).toBe(2));
    await relay.handle(post({}, "c/stop"));
    await again.over;
    expect(await (await relay.handle(get("c"))).json()).toMatchObject({
      messages: [{ content: "Try" }, { content: "kept" }],
    });
  });

  test("asks a question that was refused twice again, and not the one before", async () => {
    const store = new MemoryStore();
    const refused: ReplyScript = { refusal: { status: 500 } };
    const client = scriptedClient([{ text: "one" }, refused, refused, { text: "two" }]);
    const relay = createRelay({ client, authorize, sessions: { store }, onError: () => undefined });
    await read(await relay.handle(post({ run: runId(), chat: "c", message: "First" })));
    await relay.handle(post({ run: runId(), chat: "c", message: "Second" }));
    await relay.handle(post({ run: runId(), chat: "c", regenerate: true }));
    await read(await relay.handle(post({ run: runId(), chat: "c", regenerate: true })));
    expect(await (await relay.handle(get("c"))).json()).toMatchObject({
      messages: [{ content: "First" }, { content: "one" }, { content: "Second" }, { content: "two" }],
    });
  });

  test("takes the results of calls that it left to the browser, and no others", async () => {
    const client = scriptedClient([{ steps: [{ toolCall: { name: "ask", id: "call_1" } }] }, { text: "Fine." }]);
    const store = new MemoryStore();
    const relay = createRelay({ client, authorize, sessions: { store }, tools: [{ name: "ask" }] });
    await read(await relay.handle(post({ run: runId(), chat: "c", message: "Ask me" })));
    const result = (toolCallId: string) => ({ role: "tool", toolCallId, content: "yes" });
    const wrong = await relay.handle(post({ run: runId(), chat: "c", results: [result("call_2")] }));
    expect(wrong.status).toBe(400);
    const right = await relay.handle(post({ run: runId(), chat: "c", results: [result("call_1")] }));
    expect(textOf(await read(right))).toBe("Fine.");
  });

  test("is refused as busy while another program has it open", async () => {
    const store = new MemoryStore();
    const client = scriptedClient(() => ({ text: "a" }));
    const relay = createRelay({ client, authorize, sessions: { store }, onError: () => undefined });
    const session = await LLMSession.open({ client, store, id: "public/c" });
    const refused = relay.handle(post({ run: runId(), chat: "c", message: "Hi" }));
    await vi.advanceTimersByTimeAsync(2_000); // another start would have given it back
    expect((await refused).status).toBe(409);
    await session.close();
    expect((await relay.handle(post({ run: runId(), chat: "c", message: "Hi" }))).status).toBe(200);
  });
});

describe("a conversation that the browser keeps", () => {
  test("has the server's prompt, and its tools run here", async () => {
    const client = scriptedClient(CALLS_A_TOOL);
    const relay = createRelay({ client, authorize, tools: [weather], systemPrompt: "Be brief." });
    const messages = [
      { role: "user", content: "Hi" },
      { role: "assistant", content: "Hello" },
      { role: "user", content: "How is it in Oslo?" },
    ];
    const events = await read(await relay.handle(post({ run: runId(), messages })));
    expect(events.at(-1)).toMatchObject({ type: "complete", message: { content: "I look. It is clear." } });
    expect(client.calls[1]?.messages.map(({ role }) => role)).toEqual([
      "system",
      "user",
      "assistant",
      "user",
      "assistant",
      "tool",
    ]);
    expect(client.calls[0]?.messages[0]).toEqual({ role: "system", content: "Be brief." });
  });

  test("has no history here", async () => {
    const relay = createRelay({ client: scriptedClient([]), authorize });
    expect((await relay.handle(get("c"))).status).toBe(404);
  });
});
