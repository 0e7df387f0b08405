import {
  type ClientWrapper,
  type JsonSchema,
  LLMSession,
  type Message,
  OpenAIClient,
  type Schema,
  type TokenCounter,
  type Tool,
  type ToolMessage,
} from "cloudllm";
import { scriptedClient } from "cloudllm/testing";
import { describe, expect, test, vi } from "vitest";
import * as z from "zod";
import { requestFault } from "./legality.ts";

/** Libraries' schemas may hold themselves. */
const Tree = z.object({
  name: z.string(),
  get children() {
    return z.array(Tree);
  },
});

/** One token for each character, so that sums are plain to see. A message costs 4 more. */
const characters: TokenCounter = { count: (text) => text.length };

function costOf(messages: readonly Message[]): number {
  return messages.reduce((sum, { content }) => sum + 4 + (typeof content === "string" ? content.length : 0), 0);
}

const contentsOf = (messages: readonly Message[] | undefined) => messages?.map(({ content }) => content);

/** Answers everything with six characters, so that "1: xxx" and its answer cost 20 together. */
const echo = () => scriptedClient(({ messages }) => ({ text: `re: ${String(messages.at(-1)?.content).slice(0, 2)}` }));

describe("trimming", () => {
  test("sends everything while it fits", async () => {
    const client = echo();
    const session = new LLMSession({ client, maxTokens: 1_000, counter: characters, systemPrompt: "Be brief." });
    for (const text of ["1: one", "2: two", "3: now"]) await session.sendMessage(text);
    expect(contentsOf(client.calls[2]?.messages)).toEqual([
      "Be brief.",
      "1: one",
      "re: 1:",
      "2: two",
      "re: 2:",
      "3: now",
    ]);
  });

  test("leaves out the oldest complete exchanges, and never the system prompt", async () => {
    const client = echo();
    // Three quarters of 72 are 54: the prompt (14), the new turn (10) and one exchange (20) fit, two do not.
    const session = new LLMSession({ client, maxTokens: 72, counter: characters, systemPrompt: "Be brief.." });
    for (const text of ["1: one", "2: two", "3: xxx"]) await session.sendMessage(text);
    expect(contentsOf(client.calls[2]?.messages)).toEqual(["Be brief..", "2: two", "re: 2:", "3: xxx"]);
    expect(session.history).toHaveLength(6);
  });

  test("fits to the token: one token less, one exchange fewer", async () => {
    const history: Message[] = [
      { role: "user", content: "1: one" },
      { role: "assistant", content: "re: 1:" },
    ];
    const sent = async (maxTokens: number) => {
      const client = echo();
      const session = new LLMSession({ client, maxTokens, counter: characters, history });
      await session.sendMessage("2: two", { maxOutputTokens: 10 });
      return client.calls[0]?.messages.length;
    };
    expect(await sent(40)).toBe(3);
    expect(await sent(39)).toBe(1);
  });

  test("never parts a call from its results, nor the results from their question", async () => {
    const client = scriptedClient(({ messages }) =>
      messages.at(-1)?.role === "user"
        ? { steps: [{ text: "Let me see." }, { toolCall: { name: "look" } }] }
        : { text: "I saw." },
    );
    for (const maxTokens of [60, 90, 120, 150, 180, 250, 400]) {
      const session = new LLMSession({ client, maxTokens, counter: characters });
      for (let turn = 1; turn <= 5; turn++) {
        const { toolCalls } = await session.sendMessage(`${turn}?`);
        const results = toolCalls.map(({ id }): ToolMessage => ({ role: "tool", toolCallId: id, content: "A bird." }));
        await session.sendMessage(results);
      }
    }
    const requests = client.calls.map(({ messages }) => messages);
    expect(requests.map(requestFault).filter(Boolean)).toEqual([]);
    expect(new Set(requests.map(({ length }) => length)).size).toBeGreaterThan(6);
  });

  test("lets a long turn use the room that is kept for the reply", async () => {
    const client = echo();
    const session = new LLMSession({ client, maxTokens: 100, counter: characters });
    await session.sendMessage("x".repeat(96));
    expect(client.calls).toHaveLength(1);
  });

  test.each([
    ["the turn", {}, "x".repeat(97), {}],
    ["the system prompt", { systemPrompt: "x".repeat(92) }, "y", {}],
    ["the room asked for", {}, "x".repeat(50), { maxOutputTokens: 50 }],
    ["the tools", {}, "hello", { tools: [{ name: "look", description: "x".repeat(90) } satisfies Tool] }],
  ])("refuses before sending when %s alone is too much", async (_name, extra, text, options) => {
    const client = echo();
    const session = new LLMSession({ client, maxTokens: 100, counter: characters, ...extra });
    await expect(session.sendMessage(text, options)).rejects.toMatchObject({ kind: "contextLength" });
    await expect(session.sendMessageStream(text, options)).rejects.toMatchObject({ kind: "contextLength" });
    expect(client.calls).toEqual([]);
    expect(session.history).toEqual([]);
  });

  test.each<[string, Schema]>([
    ["a library's schema", z.object({ city: z.string().meta({ description: "x".repeat(40) }) })],
    ["one that holds itself", Tree],
    ["plain JSON Schema", { type: "object", properties: { city: { type: "string", description: "x".repeat(40) } } }],
  ])("counts %s of a tool, and of the output, as it is sent", async (_name, schema) => {
    const counted: string[] = [];
    const counter = { count: (text: string) => counted.push(text) && 1 };
    const session = new LLMSession({ client: scriptedClient([{ text: "{}" }]), maxTokens: 100, counter });
    const tools = [{ name: "look", parameters: schema }];
    await session.sendMessage("hello", { tools, output: schema }).catch(() => undefined);
    const json = schema instanceof z.ZodType ? { ...z.toJSONSchema(schema, { io: "input" }) } : (schema as JsonSchema);
    const { $schema: _dialect, ...sent } = json;
    expect(counted).toContain(JSON.stringify([{ name: "look", parameters: sent }]));
    expect(counted).toContain(JSON.stringify(sent));
  });

  test.each([
    ["tools that are none", { tools: "look" }],
    ["a schema that cannot be used", { tools: [{ name: "look", parameters: { type: "sting" } }] }],
  ])("leaves %s to the client to refuse", async (_name, options) => {
    const client = new OpenAIClient({ model: "m", apiKey: "k" });
    const session = new LLMSession({ client, maxTokens: 1_000 });
    const asked = session.sendMessage("hello", options as never);
    await expect(asked).rejects.toMatchObject({ kind: "invalidRequest", provider: "openai" });
  });

  test("keeps a turn with its results together although they are too much, and says so", async () => {
    const client = scriptedClient([{ steps: [{ toolCall: { name: "look" } }] }]);
    const session = new LLMSession({ client, maxTokens: 100, counter: characters });
    await session.sendMessage("Look!");
    const results: ToolMessage[] = [{ role: "tool", toolCallId: "call_1", content: "x".repeat(100) }];
    await expect(session.sendMessage(results)).rejects.toMatchObject({ kind: "contextLength" });
    expect(session.history).toHaveLength(2);
  });

  test("does not read an image's bytes as text", async () => {
    const client = echo();
    const session = new LLMSession({ client, maxTokens: 2_000, counter: characters });
    const image = { type: "image", data: "A".repeat(100_000), mediaType: "image/png" } as const;
    await session.sendMessage([{ type: "text", text: "What is this?" }, image]);
    expect(client.calls).toHaveLength(1);
  });

  describe("counts a text file by its text", () => {
    const textOf = (length: number) => "é".repeat(length / 2) + "x".repeat(length / 2);
    const fileOf = (data: Uint8Array | string) => ({ type: "file", data, mediaType: "text/plain" }) as const;

    test.each([
      ["bytes", (text: string) => fileOf(Buffer.from(text))],
      ["base64", (text: string) => fileOf(Buffer.from(text).toString("base64"))],
      ["URL-safe base64", (text: string) => fileOf(Buffer.from(text).toString("base64url"))],
    ])("as %s: a long one is refused, a short one leaves room for the exchange before it", async (_name, file) => {
      const client = echo();
      // Three quarters of 2,000 are 1,500: the first exchange costs 20, and a message 4.
      const session = new LLMSession({ client, maxTokens: 2_000, counter: characters });
      await session.sendMessage("1: one");
      await expect(session.sendMessage([file(textOf(2_000))])).rejects.toMatchObject({ kind: "contextLength" });
      expect(client.calls).toHaveLength(1);
      await session.sendMessage([file(textOf(1_476))]);
      expect(client.calls[1]?.messages).toHaveLength(3);
    });

    test("and trims the exchange before it where its text fills the room", async () => {
      const client = echo();
      const session = new LLMSession({ client, maxTokens: 2_000, counter: characters });
      await session.sendMessage("1: one");
      await session.sendMessage([fileOf(Buffer.from(textOf(1_478)))]);
      expect(client.calls[1]?.messages).toHaveLength(1);
    });
  });

  test("counts each message once with a counter that does not learn", async () => {
    const count = vi.fn((text: string) => text.length);
    const session = new LLMSession({ client: echo(), maxTokens: 100_000, counter: { count } });
    for (let turn = 0; turn < 50; turn++) await session.sendMessage(`${turn}: text`);
    expect(count).toHaveBeenCalledTimes(99); // 50 questions, and 49 answers that were sent back
  });

  test("counts only what may be sent with a counter that learns", async () => {
    const count = vi.fn((text: string) => text.length);
    const client = reporting(() => 20);
    const session = new LLMSession({ client, maxTokens: 100, counter: { count, calibrate: () => undefined } });
    for (let turn = 0; turn < 200; turn++) await session.sendMessage(`${turn}`);
    expect(count.mock.calls.length).toBeLessThan(200 * 12);
  });
});

/** Reports the input tokens that a function makes of the characters sent. */
function reporting(inputTokens: (characters: number) => number): ReturnType<typeof scriptedClient> {
  return scriptedClient(({ messages }) => ({
    text: "Yes.",
    ending: { usage: { inputTokens: inputTokens(costOf(messages)), outputTokens: 1 } },
  }));
}

describe("the counter learns", () => {
  test("from what the provider counted, next to the estimate of exactly what was sent", async () => {
    const calibrate = vi.fn();
    const session = new LLMSession({
      client: reporting((tokens) => tokens * 2),
      maxTokens: 65,
      counter: { ...characters, calibrate },
      systemPrompt: "Be brief.",
    });
    for (const text of ["1: one", "2: two", "3: three"]) await session.sendMessage(text);
    expect(calibrate.mock.calls).toEqual([
      [23, 46],
      [41, 82],
      [43, 86], // the first exchange was not sent any more
    ]);
  });

  test("and what it learned counts for the next request", async () => {
    let factor = 1;
    const counter: TokenCounter = {
      count: (text) => text.length * factor,
      calibrate: () => {
        factor = 10;
      },
    };
    const client = reporting((tokens) => tokens * 10);
    const session = new LLMSession({ client, maxTokens: 200, counter });
    for (const text of ["1: one", "2: two"]) await session.sendMessage(text);
    expect(client.calls.map(({ messages }) => messages.length)).toEqual([1, 1]);
  });

  test.each<[string, Parameters<ClientWrapper["sendMessage"]>[1], Parameters<LLMSession["sendMessage"]>[0]]>([
    ["a search, which is billed with what it found", { search: { mode: "on" } }, "news?"],
    ["an image, whose cost is a guess", {}, [{ type: "image", url: "https://example.com/a.png" }]],
  ])("but not from %s", async (_name, options, input) => {
    const calibrate = vi.fn();
    const session = new LLMSession({
      client: reporting(() => 500),
      maxTokens: 5_000,
      counter: { ...characters, calibrate },
    });
    await session.sendMessage(input, options);
    expect(calibrate).not.toHaveBeenCalled();
  });

  test("and a counter that fails to learn fails the next send, not the reply that is being read", async () => {
    const fault = new Error("a bug in somebody's counter");
    const calibrate = vi.fn().mockImplementationOnce(() => {
      throw fault;
    });
    const session = new LLMSession({
      client: reporting(() => 20),
      maxTokens: 500,
      counter: { ...characters, calibrate },
    });
    const stream = await session.sendMessageStream("one");
    for await (const _chunk of stream);
    expect(session.history).toHaveLength(2);
    await expect(session.sendMessage("two")).rejects.toBe(fault);
    await session.sendMessage("two");
    expect(session.history).toHaveLength(4);
  });

  test("and not from a provider that reported nothing", async () => {
    const calibrate = vi.fn();
    const session = new LLMSession({ client: echo(), maxTokens: 5_000, counter: { ...characters, calibrate } });
    await session.sendMessage("hello");
    expect(calibrate).not.toHaveBeenCalled();
  });
});

test.each([Number.NaN, -5, "5", undefined, null])(
  "a counter that counts %s sends nothing, and the session continues",
  async (tokens) => {
    let isBroken = true;
    const client = scriptedClient([{ text: "Fine." }]);
    const count = (text: string) => (isBroken ? (tokens as number) : text.length);
    const session = new LLMSession({ client, maxTokens: 100, counter: { count } });
    await expect(session.sendMessage("one")).rejects.toMatchObject({
      kind: "invalidRequest",
      message: expect.stringMatching(/`counter`/),
    });
    expect(client.calls).toEqual([]);
    isBroken = false;
    expect(await session.sendMessage("one")).toMatchObject({ content: "Fine." });
  },
);

test("a picture that costs more than the budget by its guess is the provider's to refuse", async () => {
  const client = scriptedClient([{ text: "Red." }]);
  const session = new LLMSession({ client, maxTokens: 400 });
  const image = { type: "image", mediaType: "image/png", data: "AAAA" } as const;
  const { content } = await session.sendMessage([image, { type: "text", text: "What is this?" }]);
  expect(content).toBe("Red.");
  await expect(session.sendMessage([image, { type: "text", text: "word ".repeat(900) }])).rejects.toMatchObject({
    kind: "contextLength",
  });
});
