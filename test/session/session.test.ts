import { LLMSession, type Message, type SessionOptions, type ToolMessage } from "cloudllm";
import { scriptedClient } from "cloudllm/testing";
import { describe, expect, test } from "vitest";

const USAGE = { inputTokens: 10, outputTokens: 4, cachedInputTokens: 3 };

/** A client that answers "Fine." as often as it is asked. */
const fine = (model = "script") => scriptedClient(() => ({ text: "Fine." }), { model });

test.each(["user", "system", "assistant"])(
  "a session that gets messages of the role %s, as a client does, says what it takes",
  async (role) => {
    const messages = [{ role, content: "Hi" }] as unknown as ToolMessage[];
    const failure = new LLMSession({ client: fine() }).sendMessage(messages);
    await expect(failure).rejects.toThrow(`A message of the role "${role}" is not a tool result. Give the text`);
  },
);

describe("tokenUsage", () => {
  test("sums what the providers reported, for streamed and non-streamed turns alike", async () => {
    const session = new LLMSession({ client: scriptedClient(() => ({ text: "Fine.", ending: { usage: USAGE } })) });
    await session.sendMessage("one");
    await (await session.sendMessageStream("two")).finalMessage();
    expect(session.tokenUsage()).toMatchObject({
      inputTokens: 20,
      outputTokens: 8,
      totalTokens: 28,
      cachedInputTokens: 6,
      estimated: { inputTokens: 0, outputTokens: 0, totalTokens: 0 },
    });
    expect(session.tokenUsage().turns).toEqual([
      { provider: "scripted", model: "script", usage: { ...USAGE, totalTokens: 14 } },
      { provider: "scripted", model: "script", usage: { ...USAGE, totalTokens: 14 } },
    ]);
  });

  test("is zero, and no more than that, before anything was sent", () => {
    const nothing = { inputTokens: 0, outputTokens: 0, totalTokens: 0 };
    expect(new LLMSession({ client: fine() }).tokenUsage()).toEqual({ ...nothing, estimated: nothing, turns: [] });
  });

  test("keeps estimates out of the facts", async () => {
    const session = new LLMSession({
      client: scriptedClient([{ text: "Fine.", ending: { usage: USAGE } }, { text: "Nobody counted this." }]),
    });
    await session.sendMessage("one");
    await session.sendMessage("two");
    const { estimated, turns, ...reported } = session.tokenUsage();
    expect(reported).toMatchObject({ inputTokens: 10, outputTokens: 4, totalTokens: 14 });
    expect(turns[1]).not.toHaveProperty("usage");
    expect(estimated).toEqual(turns[1]?.estimatedUsage);
    expect(estimated.outputTokens).toBeGreaterThan(0);
  });

  test("of a reply that was cut, estimates only what the provider had not yet reported", async () => {
    const scripted = fine();
    const session = new LLMSession({
      client: {
        ...scripted,
        sendMessage: async (messages) => ({
          ...(await scripted.sendMessage(messages)),
          usage: { inputTokens: 10, outputTokens: 1, totalTokens: 11 },
          estimatedUsage: { inputTokens: 10, outputTokens: 7, totalTokens: 17 },
          interrupted: true,
        }),
      },
    });
    await session.sendMessage("one");
    expect(session.tokenUsage()).toMatchObject({
      totalTokens: 11,
      estimated: { inputTokens: 0, outputTokens: 6, totalTokens: 6 },
    });
  });

  test("counts a turn that was taken back: it was paid for", async () => {
    const client = scriptedClient([{ text: "Well", ending: "cut" }, { refusal: { status: 401 } }]);
    const session = new LLMSession({ client, onInterrupt: "discard" });
    await session.sendMessage("one").catch(() => undefined);
    await session.sendMessage("two").catch(() => undefined);
    expect(session.history).toEqual([]);
    expect(session.tokenUsage().turns).toHaveLength(1);
    expect(session.tokenUsage().estimated.outputTokens).toBeGreaterThan(0);
  });

  test("stays when the conversation is forgotten, and distinguishes the models", async () => {
    const session = new LLMSession({ client: fine("small") });
    await session.sendMessage("one");
    session.client = fine("large");
    await session.sendMessage("two");
    session.undo();
    session.clear();
    expect(session.tokenUsage().turns.map(({ model }) => model)).toEqual(["small", "large"]);
  });
});

describe("changing one's mind", () => {
  test("undo takes the last exchange back and returns what was said, to be sent again", async () => {
    const client = scriptedClient([{ text: "First." }, { text: "Bad." }, { text: "Better." }]);
    const session = new LLMSession({ client });
    await session.sendMessage("one");
    await session.sendMessage("two");
    const said = session.undo();
    expect(said).toBe("two");
    expect(session.history).toHaveLength(2);
    await session.sendMessage(said ?? "");
    expect(client.calls[2]?.messages).toEqual(client.calls[1]?.messages);
    expect(session.history.map(({ content }) => content)).toEqual(["one", "First.", "two", "Better."]);
  });

  test("undo takes a complete tool loop back", async () => {
    const client = scriptedClient([{ steps: [{ toolCall: { name: "look" } }] }, { text: "I saw." }]);
    const session = new LLMSession({ client });
    const parts = [{ type: "text", text: "Look!" }] as const;
    await session.sendMessage(parts);
    await session.sendMessage([{ role: "tool", toolCallId: "call_1", content: "A bird." }]);
    expect(session.undo()).toEqual(parts);
    expect(session.history).toEqual([]);
  });

  test("undo with nothing to undo says so", () => {
    expect(new LLMSession({ client: fine() }).undo()).toBeUndefined();
  });

  test("clear forgets the conversation and keeps the system prompt", async () => {
    const client = fine();
    const session = new LLMSession({ client, systemPrompt: "Be brief." });
    await session.sendMessage("one");
    session.clear();
    await session.sendMessage("two");
    expect(client.calls[1]?.messages.map(({ content }) => content)).toEqual(["Be brief.", "two"]);
  });

  test("a new system prompt counts from the next turn on, and is never in the history", async () => {
    const client = fine();
    const session = new LLMSession({ client, systemPrompt: "Be brief." });
    await session.sendMessage("one");
    session.setSystemPrompt("Be verbose.");
    await session.sendMessage("two");
    session.setSystemPrompt(undefined);
    await session.sendMessage("three");
    expect(client.calls.map(({ messages }) => messages[0]?.content)).toEqual(["Be brief.", "Be verbose.", "one"]);
    expect(session.history.map(({ role }) => role)).not.toContain("system");
    expect(session.systemPrompt).toBeUndefined();
  });

  test("another client continues where the first left off", async () => {
    const session = new LLMSession({ client: fine("small") });
    await session.sendMessage("one");
    const large = fine("large");
    session.client = large;
    await session.sendMessage("two");
    expect(large.calls[0]?.messages.map(({ content }) => content)).toEqual(["one", "Fine.", "two"]);
    expect(session.client).toBe(large);
  });

  test("a history once read does not change in its reader's hands", async () => {
    const session = new LLMSession({ client: fine() });
    await session.sendMessage("one");
    const before = session.history;
    await session.sendMessage("two");
    expect(before).toHaveLength(2);
  });

  test("parts that the caller changes later were said as they were", async () => {
    const session = new LLMSession({ client: fine() });
    const parts = [{ type: "text" as const, text: "one" }];
    await session.sendMessage(parts);
    parts.push({ type: "text", text: "two" });
    expect(session.history[0]?.content).toEqual([{ type: "text", text: "one" }]);
  });
});

describe("JSON", () => {
  test("makes the same session again: history, usage, settings", async () => {
    const client = scriptedClient([
      { text: "Fine.", ending: { usage: USAGE } },
      { text: "Well", ending: "cut" },
      { steps: [{ reasoning: "Hm." }, { toolCall: { name: "look", arguments: { at: [1] } } }] },
    ]);
    const session = new LLMSession({ client, systemPrompt: "Be brief.", maxTokens: 5_000, onInterrupt: "keep" });
    await session.sendMessage([
      { type: "text", text: "What is this?" },
      { type: "file", data: new TextEncoder().encode("bytes ÿ"), mediaType: "application/pdf" },
    ]);
    await session.sendMessage("go on").catch(() => undefined);
    await session.sendMessage("and then?");

    const text = JSON.stringify(session);
    const next = scriptedClient([{ text: "A bird." }]);
    const again = LLMSession.fromJSON(JSON.parse(text), { client: next });
    expect(JSON.stringify(again)).toBe(text);
    expect(again.tokenUsage()).toEqual(session.tokenUsage());
    expect(again.systemPrompt).toBe("Be brief.");

    await again.sendMessage([{ role: "tool", toolCallId: "call_1", content: "wings" }]);
    expect(next.calls[0]?.messages).toHaveLength(8);
    expect(next.calls[0]?.messages[1]?.content).toContainEqual({
      type: "file",
      data: "Ynl0ZXMgw78=",
      mediaType: "application/pdf",
    });
  });

  test("leaves out the turn under way", async () => {
    const session = new LLMSession({ client: fine() });
    const stream = await session.sendMessageStream("one");
    expect(session.toJSON().history).toEqual([]);
    await stream.stop();
  });

  test("keeps the trimming and the counter", async () => {
    const session = new LLMSession({ client: fine(), maxTokens: 100 });
    const counter = { count: (text: string) => text.length };
    const again = LLMSession.fromJSON(session.toJSON(), { client: fine(), counter });
    await expect(again.sendMessage("x".repeat(101))).rejects.toMatchObject({ kind: "contextLength" });
  });

  const saved = { version: 1, onInterrupt: "keep", history: [], turns: [] };
  const withReply = (more: object) => ({
    ...saved,
    history: [
      { role: "user", content: "Hi" },
      { role: "assistant", content: "Hello", ...more },
    ],
  });
  test.each<[string, unknown, RegExp]>([
    ["text", '{"version":1}', /JSON\.parse/],
    ["null", null, /must be an object/],
    ["some other object", {}, /`version` 1\. Received undefined/],
    ["a later version", { ...saved, version: 2 }, /`version` 1\. Received 2/],
    ["no history", { ...saved, history: undefined }, /`history` is not an array/],
    ["no turns", { ...saved, turns: undefined }, /`turns`/],
    [
      "turns that are not usage",
      { ...saved, turns: [{ provider: "x", model: "y", usage: { inputTokens: -1 } }] },
      /`turns`/,
    ],
    ["a invalid setting", { ...saved, onInterrupt: "maybe" }, /`onInterrupt`/],
    ["a limit that is none", { ...saved, maxTokens: "many" }, /`maxTokens`/],
    ["a history that cannot be sent", { ...saved, history: [{ role: "assistant", content: "Hi" }] }, /message 0/],
    ["a system prompt that is no text", { ...saved, systemPrompt: 5 }, /`systemPrompt`/],
    ["calls that are a text", withReply({ toolCalls: "look" }), /message 1 has tool calls/],
    ["a call without arguments", withReply({ toolCalls: [{ id: "1", name: "look" }] }), /message 1 has tool calls/],
    ["a replay that is a text", withReply({ replay: "signed" }), /message 1 has a `replay`/],
    ["a replay that is null", withReply({ replay: null }), /message 1 has a `replay`/],
    ["a replay without a provider", withReply({ replay: { data: [] } }), /message 1 has a `replay`/],
    ["a reply that is interrupted by a word", withReply({ interrupted: "yes" }), /message 1 has an `interrupted`/],
  ])("of %s is refused", (_name, json, message) => {
    expect(() => LLMSession.fromJSON(json, { client: fine() })).toThrow(TypeError);
    expect(() => LLMSession.fromJSON(json, { client: fine() })).toThrow(message);
  });

  test("of a system prompt that is no text is not restored, and nothing changes", () => {
    const session = new LLMSession({ client: fine(), systemPrompt: "Be brief." });
    expect(() => session.restore({ ...saved, systemPrompt: 5 })).toThrow(TypeError);
    expect(session.systemPrompt).toBe("Be brief.");
  });
});

test("no other code adds to the history", async () => {
  const given: Message[] = [
    { role: "user", content: "Hi" },
    { role: "assistant", content: "Hello" },
  ];
  const session = new LLMSession({ client: scriptedClient([{ text: "Fine." }]), history: given });
  given.push({ role: "user", content: "more" });
  const { history } = session;
  expect(() => (history as Message[]).push({ role: "user", content: "more" })).toThrow(TypeError);
  await session.sendMessage("How are you?");
  expect(history).toHaveLength(2);
  expect(session.history).toHaveLength(4);
});

describe("what the constructor takes", () => {
  test.each<[string, object, RegExp]>([
    ["no client", { client: undefined }, /`client`/],
    ["a client that is none", { client: { sendMessage: () => undefined } }, /`client`/],
    ["a limit of nothing", { maxTokens: 0 }, /`maxTokens`.* Received 0/],
    ["a negative limit", { maxTokens: -1 }, /`maxTokens`/],
    ["half a token", { maxTokens: 1.5 }, /`maxTokens`/],
    ["a limit that is not a number", { maxTokens: Number.NaN }, /`maxTokens`.* Received NaN/],
    ["a counter that cannot count", { maxTokens: 9, counter: {} }, /`counter`/],
    ["a third way to end", { onInterrupt: "save" }, /`onInterrupt`/],
    ["a system prompt that is not text", { systemPrompt: 5 }, /`systemPrompt`/],
    ["an option there is not", { maxToken: 5 }, /Unknown option `maxToken`/],
  ])("is not %s", (_name, options, message) => {
    expect(() => new LLMSession({ client: fine(), ...options } as SessionOptions)).toThrow(TypeError);
    expect(() => new LLMSession({ client: fine(), ...options } as SessionOptions)).toThrow(message);
  });

  const user: Message = { role: "user", content: "Hi" };
  const reply: Message = { role: "assistant", content: "Hello" };
  const calling: Message = {
    role: "assistant",
    content: "",
    toolCalls: [
      { id: "a", name: "look", arguments: {} },
      { id: "b", name: "look", arguments: {} },
    ],
  };
  const result: Message = { role: "tool", toolCallId: "a", content: "A bird." };
  test.each<[string, unknown, RegExp]>([
    ["that is not an array", "Hi", /must be an array/],
    ["with something else in it", [user, 5], /message 1 is not an object/],
    ["with a role that is unknown", [{ role: "developer", content: "Hi" }], /message 0 has the role/],
    ["with its system prompt", [{ role: "system", content: "Hi" }, user], /`systemPrompt`/],
    ["that begins with a reply", [reply], /message 0 must be the user's/],
    ["that ends with a question", [user, reply, user], /send that one instead/],
    ["with two questions in a row", [user, user], /message 1 follows another/],
    ["with two replies in a row", [user, reply, reply], /message 2 follows another/],
    ["with an empty question", [{ ...user, content: " " }, reply], /message 0 is empty/],
    ["with an empty reply", [user, { ...reply, content: "" }], /message 1 is empty/],
    ["with a result of no call", [user, reply, result], /message 2 answers the call a/],
    ["with an unanswered call", [user, calling, user], /message 2 comes before the result of the call a/],
    [
      "with a reply before all results",
      [user, calling, result, reply],
      /message 3 comes before the result of the call b/,
    ],
    ["with a result given twice", [user, calling, result, result], /message 3 answers the call a/],
    ["with a call without a name", [user, { ...reply, toolCalls: [{ id: "a" }] }], /message 1 has tool calls that/],
  ])("is not a history %s", (_name, history, message) => {
    expect(() => new LLMSession({ client: fine(), history: history as Message[] })).toThrow(message);
  });

  test.each([
    ["results", [], [result, { ...result, toolCallId: "b" }]],
    ["the rest of its results", [result], [{ ...result, toolCallId: "b" }]],
  ])("may be a history that waits for %s", async (_name, given, missing) => {
    const client = fine();
    const session = new LLMSession({ client, history: [user, reply, user, calling, ...given] });
    await session.sendMessage(missing as ToolMessage[]);
    expect(client.calls[0]?.messages).toHaveLength(6);
  });

  test("may be a history with a reply that was cut; what was signed in it is not sent", () => {
    const replay = { provider: "x", protocol: "y", data: {} };
    const session = new LLMSession({ client: fine(), history: [user, { ...reply, replay, interrupted: true }] });
    expect(session.history[1]).toEqual({ ...reply, interrupted: true });
  });
});
