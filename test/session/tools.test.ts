/** Tools that a session runs: what the model gets to see, what the reader sees, and what stays. */

import {
  type AssistantMessage,
  CompatibleClient,
  fallback,
  LLMSession,
  type StandardSchema,
  type Tool,
} from "cloudllm";
import { type ReplyScript, scriptedClient, startProviderServer } from "cloudllm/testing";
import { describe, expect, test } from "vitest";
import { historyFault, requestFault } from "./legality.ts";
import { calling, DONE, finalOf, linesOf, look, read, searching, USAGE } from "./tool-turns.ts";

describe("a turn with tools", () => {
  test("is one stream: replies, results, and one final chunk that has all", async () => {
    const client = scriptedClient([calling("look"), DONE]);
    const session = new LLMSession({ client });
    const chunks = await read(session, [look]);
    expect(chunks.map(({ type }) => type)).toEqual([
      "text",
      "toolCallDelta",
      "toolCall",
      "toolResult",
      "text",
      "text",
      "final",
    ]);
    expect(chunks[3]).toEqual({
      type: "toolResult",
      content: "",
      toolCallId: "look",
      name: "look",
      result: "a bird",
      isError: false,
      isFinal: false,
    });
    const message = finalOf(chunks);
    expect(message).toMatchObject({
      content: "Let me see. It is done.",
      toolCalls: [],
      finishReason: "stop",
      usage: { inputTokens: 20, outputTokens: 8, totalTokens: 28, cachedInputTokens: 6 },
      steps: [
        { content: "Let me see. ", toolCalls: [{ id: "look" }], usage: USAGE, finishReason: "toolCalls" },
        { content: "It is done.", toolCalls: [], usage: USAGE, finishReason: "stop" },
      ],
    });
    expect(message).not.toHaveProperty("estimatedUsage");
    expect(message.metrics.attempts).toHaveLength(2);
    expect(message.metrics.chunks).toBe(6);
    expect(linesOf(session.history)).toEqual([
      "user: question",
      "assistant: Let me see. ",
      "tool: a bird",
      "assistant: It is done.",
    ]);
    expect(requestFault(client.calls[1]?.messages ?? [])).toBeUndefined();
    expect(session.tokenUsage()).toMatchObject({ totalTokens: 28, turns: [{ usage: USAGE }, { usage: USAGE }] });
  });

  test("gives the same message and the same history non-streamed as streamed", async () => {
    const play = async (whole: boolean) => {
      const session = new LLMSession({ client: scriptedClient([calling("look", "look2"), calling("look"), DONE]) });
      const tools = [look, { ...look, name: "look2" }];
      const message = whole ? await session.sendMessage("question", { tools }) : finalOf(await read(session, tools));
      const plain = ({ metrics: _metrics, steps, ...rest }: AssistantMessage): unknown => ({
        ...rest,
        steps: steps?.map(plain),
      });
      return { message: plain(message), history: linesOf(session.history), usage: session.tokenUsage() };
    };
    expect(await play(true)).toEqual(await play(false));
  });

  test("runs calls side by side; results are shown as they come and go back in the order of the calls", async () => {
    const client = scriptedClient([calling("slow", "quick"), DONE]);
    const session = new LLMSession({ client });
    let release: (result: string) => void = () => undefined;
    const slow: Tool = {
      name: "slow",
      run: () =>
        new Promise<string>((resolve) => {
          release = resolve;
        }),
    };
    const seen: string[] = [];
    for await (const chunk of await session.sendMessageStream("question", {
      tools: [slow, { ...look, name: "quick" }],
    })) {
      if (chunk.type !== "toolResult") continue;
      seen.push(chunk.name);
      release("at last");
    }
    expect(seen).toEqual(["quick", "slow"]);
    expect(linesOf(client.calls[1]?.messages ?? []).slice(2)).toEqual(["tool: at last", "tool: a bird"]);
  });

  test("runs as many calls as there are, without a warning of the runtime", async () => {
    const warnings: unknown[] = [];
    const hear = (warning: unknown) => warnings.push(warning);
    process.on("warning", hear);
    const waits: Tool = {
      name: "look",
      run: (_args, { signal }) =>
        new Promise((resolve) => {
          signal.addEventListener("abort", resolve);
          setImmediate(resolve);
        }),
    };
    const steps = Array.from({ length: 30 }, (_, id) => ({ toolCall: { name: "look", id: `${id}` } }));
    const session = new LLMSession({ client: scriptedClient([{ steps }, DONE]) });
    await session.sendMessage("question", { tools: [waits] });
    await new Promise((resolve) => setImmediate(resolve));
    process.off("warning", hear);
    expect(warnings).toEqual([]);
    expect(session.history).toHaveLength(33);
  });

  test("keeps what each reply needs to be sent back with that reply", async () => {
    const scripted = scriptedClient([calling("look"), DONE]);
    let count = 0;
    const client = {
      ...scripted,
      sendMessage: async (...call: Parameters<typeof scripted.sendMessage>): Promise<AssistantMessage> => ({
        ...(await scripted.sendMessage(...call)),
        replay: { provider: "scripted", protocol: "script", data: `signature ${++count}` },
      }),
    };
    const session = new LLMSession({ client });
    const message = await session.sendMessage("question", { tools: [look] });
    const signatures = session.history.map((turn) => "replay" in turn && turn.replay?.data);
    expect(signatures).toEqual([false, "signature 1", false, "signature 2"]);
    expect(message).not.toHaveProperty("replay");
  });

  test("continues counting characters and calls where the last reply ended", async () => {
    const cited: ReplyScript = {
      steps: [{ text: "See A." }, { citation: { url: "https://a.example/", startIndex: 4, endIndex: 5 } }],
    };
    const session = new LLMSession({ client: scriptedClient([calling("look"), calling("look"), cited]) });
    const chunks = await read(session, [look]);
    const { content, citations } = finalOf(chunks);
    expect(content.slice(citations[0]?.startIndex, citations[0]?.endIndex)).toBe("A");
    expect(chunks.flatMap((chunk) => (chunk.type === "toolCallDelta" ? chunk.index : []))).toEqual([0, 1]);
  });

  test("keeps the sources and searches of a reply before the one that began again", async () => {
    const source = { url: "https://a.example/" };
    const first: ReplyScript = { steps: [{ citation: source }, { toolCall: { name: "look" } }] };
    const breaking = searching(scriptedClient([first, { text: "It w", ending: "reset" }]));
    const client = fallback([breaking, scriptedClient([DONE])], { recover: "restart" });
    const session = new LLMSession({ client });
    const chunks = await read(session, [look]);
    expect(chunks.map(({ type }) => type)).toContain("rewind");
    const { content, citations, providerToolCalls } = finalOf(chunks);
    expect({ content, citations, providerToolCalls }).toEqual({
      content: "It is done.",
      citations: [source],
      providerToolCalls: [{ name: "search" }],
    });
    expect(session.history.at(-1)).toMatchObject({ content: "It is done." });
  });

  test("asks for the next reply only when the consumer wants more", async () => {
    const client = scriptedClient([calling("look"), { text: ["a", "b"] }]);
    const stream = await new LLMSession({ client }).sendMessageStream("question", { tools: [look] });
    const chunks = stream[Symbol.asyncIterator]();
    for (const type of ["text", "toolCallDelta", "toolCall", "toolResult"]) {
      expect((await chunks.next()).value).toMatchObject({ type });
    }
    await new Promise((resolve) => setImmediate(resolve));
    expect(client.calls).toHaveLength(1);
    await chunks.next();
    await new Promise((resolve) => setImmediate(resolve));
    expect(client.calls[1]?.chunks).toBe(1);
    await stream.stop();
  });

  test("adds the estimates of the replies without a count", async () => {
    const client = scriptedClient([calling("look"), { text: "Nobody counted this." }]);
    const message = finalOf(await read(new LLMSession({ client }), [look]));
    expect(message.usage).toMatchObject({ inputTokens: 10, outputTokens: 4 });
    expect(message.estimatedUsage?.outputTokens).toBeGreaterThan(4);
    expect(message.estimatedUsage?.inputTokens).toBeGreaterThan(10);
  });

  test("leaves replies without calls, and turns whose tools the session does not run, as the client gave them", async () => {
    const stand = scriptedClient([DONE, calling("ask")]);
    const session = new LLMSession({ client: stand });
    expect(await session.sendMessage("question", { tools: [look] })).not.toHaveProperty("steps");
    const { toolCalls } = await session.sendMessage("and?", { tools: [{ name: "ask" }] });
    expect(toolCalls).toHaveLength(1);
    expect(stand.calls[1]?.options).not.toHaveProperty("invalidArguments");
  });
});

describe("what a tool answers", () => {
  const city = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
  const doubled: StandardSchema<number> = {
    "~standard": {
      version: 1,
      vendor: "test",
      validate: async (value) => {
        const { of } = value as { of?: unknown };
        return of === "look" ? { value: 42 } : { issues: [{ message: "must be look", path: ["of"] }] };
      },
      jsonSchema: { input: () => ({ type: "object" }) },
    },
  };
  const throwing: StandardSchema = {
    "~standard": {
      version: 1,
      vendor: "test",
      validate: () => {
        throw new Error("no rule for that");
      },
      jsonSchema: { input: () => ({ type: "object" }) },
    },
  };
  const circular: Record<string, unknown> = {};
  circular.self = circular;

  test.each<[string, Tool, string | RegExp, boolean]>([
    ["text as it is", { name: "look", run: () => "a bird" }, "a bird", false],
    ["anything else as JSON", { name: "look", run: async () => ({ birds: 2 }) }, '{"birds":2}', false],
    ["nothing as null", { name: "look", run: () => undefined }, "null", false],
    ["what it was called with", { name: "look", run: (args) => args }, '{"of":"look"}', false],
    ["its arguments as the schema made them", { name: "look", parameters: doubled, run: (args) => args }, "42", false],
    ["the id of its call", { name: "look", run: (_args, { toolCallId }) => toolCallId }, "look", false],
    [
      "an error that it throws",
      {
        name: "look",
        run: () => {
          throw new Error("too dark");
        },
      },
      "too dark",
      true,
    ],
    ["an error that it rejects with", { name: "look", run: () => Promise.reject(new Error("fog")) }, "fog", true],
    ["something thrown that is no error", { name: "look", run: () => Promise.reject("fog") }, "fog", true],
    ["an error without words", { name: "look", run: () => Promise.reject(new Error()) }, /did not say why/, true],
    [
      "an object that was thrown, as JSON",
      { name: "look", run: () => Promise.reject({ code: 5 }) },
      '{"code":5}',
      true,
    ],
    ...[
      Object.create(null),
      Object.assign(new Error("x"), { message: 5n }),
      Object.defineProperty(new Error(), "message", {
        get() {
          throw new Error("not even that");
        },
      }),
      { toJSON: () => circular },
      5n,
      Symbol("why"),
      undefined,
      null,
    ].map((thrown, at): [string, Tool, RegExp, boolean] => [
      `any thrown value (${at})`,
      { name: "look", run: () => Promise.reject(thrown) },
      /./,
      true,
    ]),
    ["a result that JSON cannot say", { name: "look", run: () => circular }, /circular/i, true],
    [
      "arguments that do not fit",
      {
        name: "look",
        parameters: {
          ...doubled,
          "~standard": {
            ...doubled["~standard"],
            validate: () => ({ issues: [{ message: "too far", path: ["of"] }] }),
          },
        },
        run: () => "ran",
      },
      "The arguments do not match the schema of look: of: too far.",
      true,
    ],
    ["a schema that throws", { name: "look", parameters: throwing, run: () => "ran" }, "no rule for that", true],
    [
      "a tool that there is not",
      { name: "hear", parameters: city, run: () => "ran" },
      "Unknown tool look. Available tools: hear.",
      true,
    ],
  ])("%s goes back to the model, which goes on", async (_name, tool, content, isError) => {
    const client = scriptedClient([calling("look"), DONE]);
    const session = new LLMSession({ client });
    const chunks = await read(session, [tool]);
    expect(finalOf(chunks).finishReason).toBe("stop");
    const expected = typeof content === "string" ? content : expect.stringMatching(content);
    expect(chunks.find(({ type }) => type === "toolResult")).toMatchObject({ result: expected, isError });
    expect(client.calls[1]?.messages.at(-1)).toEqual({
      role: "tool",
      toolCallId: "look",
      content: expected,
      ...(isError && { isError }),
    });
  });
});

test("a turn has one system prompt: another holds from the next turn on", async () => {
  const client = scriptedClient([calling("look"), DONE, DONE]);
  const session = new LLMSession({ client, systemPrompt: "old" });
  const tools: Tool[] = [{ name: "look", run: () => session.setSystemPrompt("new") }];
  await session.sendMessage("question", { tools });
  await session.sendMessage("another");
  expect(client.calls.map(({ messages }) => messages[0]?.content)).toEqual(["old", "old", "new"]);
});

describe("maxSteps", () => {
  test.each([
    ["8 replies, unless it is said otherwise", {}, {}, 8],
    ["of the session", { maxSteps: 2 }, {}, 2],
    ["of the call, which goes before", { maxSteps: 2 }, { maxSteps: 3 }, 3],
    ["1: nothing is run", {}, { maxSteps: 1 }, 1],
  ])("%s", async (_name, sessionOptions, callOptions, steps) => {
    const client = scriptedClient(() => calling("look"));
    const session = new LLMSession({ client, ...sessionOptions });
    let runs = 0;
    const tools: Tool[] = [{ name: "look", run: () => `seen ${++runs}` }];
    const message = await session.sendMessage("question", { tools, ...callOptions });
    expect(client.calls).toHaveLength(steps);
    expect(runs).toBe(steps - 1);
    // The last reply waits for its answers, as every reply does whose tools nobody runs.
    expect(message).toMatchObject({ finishReason: "toolCalls", toolCalls: [{ id: "look" }] });
    expect(session.history.at(-1)).toMatchObject({ role: "assistant", toolCalls: [{ id: "look" }] });
    expect(historyFault(session.history)).toBeUndefined();
    await session.sendMessage("that will do");
    expect(requestFault(client.calls.at(-1)?.messages ?? [])).toBeUndefined();
  });

  test("must make sense", async () => {
    const client = scriptedClient([DONE]);
    expect(() => new LLMSession({ client, maxSteps: 0 })).toThrow(/`maxSteps` must be an integer above 0/);
    const session = new LLMSession({ client });
    const refused = { kind: "invalidRequest", message: expect.stringContaining("`maxSteps`") };
    await expect(session.sendMessage("question", { maxSteps: 1.5 })).rejects.toMatchObject(refused);
    await session.sendMessage("question");
  });

  test("goes with the session into JSON", () => {
    const client = scriptedClient([]);
    const session = new LLMSession({ client, maxSteps: 3 });
    expect(LLMSession.fromJSON(JSON.parse(JSON.stringify(session)), { client }).toJSON()).toEqual(session.toJSON());
  });
});

describe("calls that the session does not run here", () => {
  test("end the turn and are left to the caller, next to those that were run", async () => {
    const client = scriptedClient([calling("look", "ask"), DONE]);
    const session = new LLMSession({ client });
    const tools = [look, { name: "ask" }];
    const chunks = await read(session, tools);
    expect(finalOf(chunks)).toMatchObject({ finishReason: "toolCalls", toolCalls: [{ id: "ask" }] });
    expect(historyFault(session.history)).toBeUndefined();
    const later = LLMSession.fromJSON(JSON.parse(JSON.stringify(session)), { client });
    await later.sendMessage([{ role: "tool", toolCallId: "ask", content: "yes" }], { tools });
    const request = client.calls[1]?.messages ?? [];
    expect(requestFault(request)).toBeUndefined();
    expect(linesOf(request).slice(2)).toEqual(["tool: a bird", "tool: yes"]);
  });

  test("are checked all the same: the model learns of arguments that do not fit", async () => {
    const parameters: StandardSchema = {
      "~standard": {
        version: 1,
        vendor: "test",
        validate: () => ({ issues: [{ message: "must be polite" }] }),
        jsonSchema: { input: () => ({ type: "object" }) },
      },
    };
    const client = scriptedClient([calling("ask"), DONE]);
    const message = await new LLMSession({ client }).sendMessage("question", {
      tools: [look, { name: "ask", parameters }],
    });
    expect(message.content).toBe("Let me see. It is done.");
    expect(client.calls[1]?.messages.at(-1)?.content).toMatch(/must be polite/);
  });

  test("do not come from a reply that ended for another reason", async () => {
    const cut: ReplyScript = { ...calling("look"), ending: { finishReason: "length" } };
    const client = scriptedClient([cut]);
    const message = await new LLMSession({ client }).sendMessage("question", { tools: [look] });
    expect(message).toMatchObject({ finishReason: "length", toolCalls: [{ id: "look" }] });
  });
});

test("a forced choice holds for the first reply only", async () => {
  const client = scriptedClient([calling("look"), DONE, calling("look"), DONE]);
  const session = new LLMSession({ client });
  await session.sendMessage("question", { tools: [look], toolChoice: "required" });
  await session.sendMessage("and?", { tools: [look], toolChoice: "none" });
  expect(client.calls.map(({ options }) => options.toolChoice)).toEqual(["required", "auto", "none", "none"]);
});

describe("over HTTP", () => {
  const tools = [look];

  test("the message has what each provider said of its usage, and the steps each their own", async () => {
    await using server = await startProviderServer([calling("look"), DONE]);
    const client = new CompatibleClient({ baseUrl: server.baseUrl, model: "m" });
    const stream = await new LLMSession({ client }).sendMessageStream("question", { tools });
    const { usage, steps = [] } = await stream.finalMessage();
    const raws = steps.map((step) => step.usage?.raw);
    expect(raws).toMatchObject([{ prompt_tokens: 10 }, { prompt_tokens: 10 }]);
    expect(usage?.raw).toEqual(raws);
  });

  test("each reply is a request of its own, which has the answers of the last", async () => {
    await using server = await startProviderServer([calling("look"), DONE]);
    const client = new CompatibleClient({ baseUrl: server.baseUrl, model: "m" });
    const stream = await new LLMSession({ client }).sendMessageStream("question", { tools });
    expect((await stream.finalMessage()).content).toBe("Let me see. It is done.");
    const body = server.requests[1]?.body as { readonly messages: readonly unknown[] } | undefined;
    expect(body?.messages).toMatchObject([
      { role: "user", content: "question" },
      { role: "assistant", content: "Let me see. ", tool_calls: [{ id: "look", function: { name: "look" } }] },
      { role: "tool", tool_call_id: "look", content: "a bird" },
    ]);
  });

  test("leaving the loop in the second reply closes its connection", async () => {
    await using server = await startProviderServer([calling("look"), { text: "It is", ending: "hang" }]);
    const client = new CompatibleClient({ baseUrl: server.baseUrl, model: "m" });
    const session = new LLMSession({ client });
    for await (const chunk of await session.sendMessageStream("question", { tools })) {
      if (chunk.content === "It is") break;
    }
    await server.requests[1]?.closed;
    expect(linesOf(session.history).at(-1)).toBe("assistant: It is (interrupted)");
  });

  test("a reader who stops reading the second reply holds it up", async () => {
    const flood = { text: Array.from({ length: 20_000 }, () => "x".repeat(1_000)) };
    await using server = await startProviderServer([calling("look"), flood]);
    const client = new CompatibleClient({ baseUrl: server.baseUrl, model: "m" });
    const stream = await new LLMSession({ client }).sendMessageStream("question", { tools });
    for await (const chunk of stream) {
      if (!chunk.content.startsWith("x")) continue;
      // The server has sent what the sockets on the way hold, and waits.
      let sent = -1;
      while (sent !== server.requests[1]?.sent.bytes) {
        sent = server.requests[1]?.sent.bytes ?? 0;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      expect(sent).toBeLessThan(15_000_000);
      break;
    }
  });
});
