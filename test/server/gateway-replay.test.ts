/**
 * Conversations through a gateway: providers get back what they want of their own replies (thinking, signatures),
 * although the wires of programs have no field for it.
 */

import { ClaudeClient, type ClientOptions, GeminiClient, type ProviderClient } from "cloudllm";
import { bearerKey, createGateway, type Gateway } from "cloudllm/server";
import { type ProviderServer, type ReplyScript, startProviderServer } from "cloudllm/testing";
import { describe, expect, test } from "vitest";
import { ReplayMemory } from "../../src/server/gateway/replay-memory.ts";
import { ask, KEY } from "../support/gateway.ts";

const CALL: ReplyScript = {
  steps: [
    { reasoning: "Which city? Oslo." },
    { text: "Let me see." },
    { toolCall: { id: "call_a", name: "weather", arguments: { city: "Oslo", day: 1 } } },
  ],
};

type Options = ClientOptions & { readonly baseUrl: string };

const PROVIDERS: readonly (readonly [name: string, client: (options: Options) => ProviderClient])[] = [
  ["Claude", (options) => new ClaudeClient({ ...options, model: "claude-sonnet-5-5" })],
  ["Gemini", (options) => new GeminiClient({ ...options, model: "gemini-3.5-pro" })],
];

/** A program of one API, in two turns: it sends back what it got, and the result of the call. */
interface Program {
  readonly route: string;
  readonly first: object;
  second(reply: Record<string, unknown>): object;
}

const chatTool = { type: "function", function: { name: "weather", parameters: { type: "object" } } };
const question = { role: "user", content: "Weather?" };

/** Some programs parse the arguments of a call and write them again, in another order. */
function rewritten(json: string): string {
  const { city, day } = JSON.parse(json);
  return JSON.stringify({ day, city }, null, 1);
}

const PROGRAMS: Readonly<Record<string, Program>> = {
  "chat/completions": {
    route: "chat/completions",
    first: { model: "m", messages: [question], tools: [chatTool] },
    second({ choices }) {
      const [{ message }] = choices as [
        { message: { content: string; tool_calls: [{ function: { arguments: string } }] } },
      ];
      const [call] = message.tool_calls;
      const named = { ...call, function: { ...call.function, arguments: rewritten(call.function.arguments) } };
      const answered = { role: "assistant", content: message.content, tool_calls: [named] };
      const result = { role: "tool", tool_call_id: "call_a", content: "Rain" };
      return { ...this.first, messages: [question, answered, result] };
    },
  },
  messages: {
    route: "messages",
    first: {
      model: "m",
      max_tokens: 9_000,
      messages: [question],
      tools: [{ name: "weather", input_schema: { type: "object" } }],
    },
    second({ content }) {
      const result = { type: "tool_result", tool_use_id: "call_a", content: "Rain" };
      return {
        ...this.first,
        messages: [question, { role: "assistant", content }, { role: "user", content: [result] }],
      };
    },
  },
};

function gatewayTo(server: ProviderServer, client: (options: Options) => ProviderClient): Gateway {
  const behind = client({ apiKey: "k", baseUrl: server.origin, reasoning: "high", retries: 0, model: "m" });
  return createGateway({ client: behind, authorize: bearerKey({ ada: KEY, bob: "key-of-bob" }) });
}

describe.each(PROVIDERS)("%s", (_name, client) => {
  test.each(Object.keys(PROGRAMS))("gets its thinking back from a program of %s that answers a call", async (name) => {
    const program = PROGRAMS[name];
    if (!program) throw new Error(name);
    await using server = await startProviderServer(({ index }) => (index === 0 ? CALL : { text: "It rains." }), {
      strict: true, // refuses thinking that is missing or changed
    });
    const gateway = gatewayTo(server, client);
    const first = await gateway.handle(ask(program.route, program.first));
    const reply: Record<string, unknown> = await first.json();
    const second = await gateway.handle(ask(program.route, program.second(reply)));
    expect(await second.text()).toContain("It rains.");
    expect(JSON.stringify(server.requests[1]?.body)).toMatch(/signature/i);
  });
});

test("another user's conversation gets nothing of it, though it says the same", async () => {
  await using server = await startProviderServer(({ index }) => (index === 0 ? CALL : { text: "It rains." }));
  const gateway = gatewayTo(server, (options) => new ClaudeClient({ ...options, model: "claude-sonnet-5-5" }));
  const program = PROGRAMS.messages;
  if (!program) throw new Error("messages");
  const reply: Record<string, unknown> = await (await gateway.handle(ask("messages", program.first))).json();
  await gateway.handle(ask("messages", program.second(reply), { authorization: "Bearer key-of-bob" }));
  expect(JSON.stringify(server.requests[1]?.body)).not.toMatch(/signature/i);
});

describe("the memory", () => {
  const turn = (content: string, size = 1) => ({
    role: "assistant" as const,
    content,
    replay: { provider: "p", protocol: "q", data: "x".repeat(size) },
  });
  const plain = (content: string) => ({ role: "assistant" as const, content });

  test("forgets the oldest replies, not those that were used since", () => {
    const memory = new ReplayMemory(1_000);
    memory.remember("ada", turn("one", 300));
    memory.remember("ada", turn("two", 300));
    memory.restored("ada", [plain("one")]);
    memory.remember("ada", turn("three", 300));
    const [one, two, three] = memory.restored("ada", [plain("one"), plain("two"), plain("three")]);
    expect([one, two, three].map((message) => message && "replay" in message)).toEqual([true, false, true]);
  });

  test("keeps nothing that is larger than all of it", () => {
    const memory = new ReplayMemory(1_000);
    memory.remember("ada", turn("small", 100));
    memory.remember("ada", turn("large", 2_000));
    expect(memory.restored("ada", [plain("large"), plain("small")])).toEqual([plain("large"), turn("small", 100)]);
  });

  test("counts a reply that is said twice once", () => {
    const memory = new ReplayMemory(1_000);
    for (let count = 0; count < 50; count++) memory.remember("ada", turn("same", 300));
    memory.remember("ada", turn("other", 300));
    expect(memory.restored("ada", [plain("same")])).toEqual([turn("same", 300)]);
  });

  test("does not take calls with the same id for the same calls", () => {
    const memory = new ReplayMemory();
    const calling = (city: string) => ({
      ...plain(""),
      toolCalls: [{ id: "call_0", name: "weather", arguments: { city } }],
    });
    memory.remember("ada", { ...turn(""), ...calling("Oslo") });
    expect(memory.restored("ada", [calling("Rome")])).toEqual([calling("Rome")]);
    expect(memory.restored("ada", [calling("Oslo")])[0]).toHaveProperty("replay");
  });
});
