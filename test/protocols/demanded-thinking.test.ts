/** Servers that demand the thinking of earlier replies get it, by preset, address or model; others never see it. */

import {
  ClaudeClient,
  CompatibleClient,
  type CompatiblePreset,
  type Message,
  type MessageChunk,
  type SendOptions,
} from "cloudllm";
import { chatCompletions } from "cloudllm/protocols";
import { describe, expect, test, vi } from "vitest";
import { events } from "../support/sent-requests.ts";

type Field = "reasoning_content" | "reasoning" | "reasoning_text";

interface Asked {
  readonly baseUrl?: string;
  readonly preset?: CompatiblePreset;
  readonly model: string;
}

/** What is sent in the place of a reply with thinking and a call, in the loop it began and after it. */
async function sentBack(asked: Asked, field: Field = "reasoning_content", foreign = false) {
  const call = { index: 0, id: "abcdefghi", type: "function", function: { name: "w", arguments: "{}" } };
  const piece = (delta: object, finish_reason: string | null = null) => ({
    choices: [{ index: 0, delta, finish_reason }],
  });
  const looks = `${events(piece({ [field]: "I should look." }), piece({ tool_calls: [call] }), piece({}, "tool_calls"))}data: [DONE]\n\n`;
  const bodies: { messages: Record<string, unknown>[] }[] = [];
  const fetch: typeof globalThis.fetch = async (_url, init) => {
    bodies.push(JSON.parse(String(init?.body)));
    return new Response(looks, { headers: { "content-type": "text/event-stream" } });
  };
  const { baseUrl, preset = "ollama", model } = asked;
  const client = new CompatibleClient(
    baseUrl === undefined ? { preset, model, fetch, apiKey: "k" } : { baseUrl, model, fetch, apiKey: "k" },
  );
  const HI: Message = { role: "user", content: "hi" };
  const { reasoning: _shown, replay, ...said } = await (await client.sendMessageStream([HI])).finalMessage();
  const reply: Message = JSON.parse(JSON.stringify(foreign ? said : { ...said, replay }));
  const loop: readonly Message[] = [HI, reply, { role: "tool", toolCallId: "abcdefghi", content: "sun" }];
  const words: Message = { role: "assistant", content: "Sunny." };
  await (await client.sendMessageStream(loop)).finalMessage();
  await (await client.sendMessageStream([...loop, words, HI])).finalMessage();
  const thinkingOf = ({ reasoning_content, reasoning, reasoning_text }: Record<string, unknown> = {}) =>
    reasoning_content ?? reasoning ?? reasoning_text;
  const turns = bodies.map(({ messages }) => messages.filter(({ role }) => role === "assistant"));
  return {
    inLoop: thinkingOf(turns[1]?.[0]),
    after: thinkingOf(turns[2]?.[0]),
    ofWords: thinkingOf(turns[2]?.[1]),
    fields: Object.keys(turns[1]?.[0] ?? {}),
  };
}

const LOCAL = "http://127.0.0.1:9/v1";
const THOUGHT = "I should look.";

test.each<[string, Asked, string | undefined]>([
  ["Kimi at any address", { baseUrl: LOCAL, model: "kimi-k2.5" }, THOUGHT],
  ["Kimi under its full name", { baseUrl: LOCAL, model: "moonshotai/Kimi-K2-Thinking" }, THOUGHT],
  ["Kimi behind Ollama", { preset: "ollama", model: "kimi-k2.5:cloud" }, THOUGHT],
  ["Moonshot's address, whatever the model", { baseUrl: "https://api.moonshot.ai/v1", model: "mine" }, THOUGHT],
  ["DeepSeek V4 at any address", { baseUrl: LOCAL, model: "deepseek-v4-flash" }, THOUGHT],
  ["DeepSeek's preset", { preset: "deepseek", model: "deepseek-v4" }, THOUGHT],
  ["DeepSeek's address without its preset", { baseUrl: "https://api.deepseek.com", model: "mine" }, THOUGHT],
  ["MiniMax", { preset: "vllm", model: "MiniMaxAI/MiniMax-M2" }, THOUGHT],
  ["MiniMax's address", { baseUrl: "https://api.minimax.io/v1", model: "M3" }, THOUGHT],
  ["Z.ai", { baseUrl: "https://api.z.ai/api/paas/v4", model: "glm-5.3" }, THOUGHT],
  ["GLM at any address", { preset: "lmstudio", model: "zai-org/GLM-4.7" }, THOUGHT],
  ["MiMo", { baseUrl: LOCAL, model: "mimo-v2-flash" }, THOUGHT],
  ["llama.cpp, any model", { preset: "llamacpp", model: "m" }, THOUGHT],
  ["a server of which nothing is known", { baseUrl: LOCAL, model: "m" }, undefined],
  ["an older model of Moonshot's", { baseUrl: LOCAL, model: "moonshot-v1-8k" }, undefined],
  ["Groq, which refuses the field", { preset: "groq", model: "moonshotai/kimi-k2-thinking" }, undefined],
  ["Groq's address", { baseUrl: "https://api.groq.com/openai/v1", model: "deepseek-v4" }, undefined],
  ["Cerebras, which refuses it", { baseUrl: "https://api.cerebras.ai/v1", model: "zai-glm-4.7" }, undefined],
  ["Mistral, which refuses it", { preset: "mistral", model: "kimi-k2.5" }, undefined],
])("%s, in the loop of calls", async (_who, asked, due) => {
  expect((await sentBack(asked)).inLoop).toBe(due);
});

test.each<[string, string, string | undefined]>([
  ["Kimi demands that of every call", "kimi-k2.5", THOUGHT],
  ["V4 demands all", "deepseek-v4", THOUGHT],
  ["the first R1 refused that of earlier turns", "deepseek-reasoner", undefined],
  ["MiniMax keeps what it thought", "minimax-m2", THOUGHT],
])("after the loop: %s", async (_what, model, due) => {
  expect((await sentBack({ baseUrl: LOCAL, model })).after).toBe(due);
});

test.each<[Field]>([["reasoning"], ["reasoning_content"], ["reasoning_text"]])(
  "it goes back in the field %s that it came in",
  async (field) => {
    expect((await sentBack({ baseUrl: LOCAL, model: "kimi-k2.5" }, field)).fields).toContain(field);
  },
);

test.each<[string, string, unknown, unknown]>([
  ["Kimi is told of calls", "kimi-k2.5", " ", undefined],
  ["V4 is told of every turn", "deepseek-v4", "", ""],
  ["the others do not learn", "glm-5.3", undefined, undefined],
])("where there was no thinking, or another model's: %s", async (_what, model, ofCalls, ofWords) => {
  const sent = await sentBack({ baseUrl: LOCAL, model }, "reasoning_content", true);
  expect(sent.inLoop).toBe(ofCalls);
  expect(sent.ofWords).toBe(ofWords);
});

test("llama.cpp does not refuse a call of gpt-oss that has text before it", async () => {
  const bodies: { messages: object[] }[] = [];
  const fetch: typeof globalThis.fetch = async (_url, init) => {
    bodies.push(JSON.parse(String(init?.body)));
    return Response.json({ choices: [{ message: { content: "ok" }, finish_reason: "stop" }] });
  };
  const data = { reasoning: { field: "reasoning_content", text: THOUGHT } };
  const replay = { provider: "llamacpp", protocol: "chat-completions", data };
  const toolCalls = [{ id: "t", name: "w", arguments: {} }];
  const turn = (content: string): Message[] => [
    { role: "user", content: "hi" },
    { role: "assistant", content, toolCalls, replay },
    { role: "tool", toolCallId: "t", content: "sun" },
  ];
  const asked = (model: string, content: string) =>
    new CompatibleClient({ preset: "llamacpp", model, fetch }).sendMessage(turn(content));
  await asked("gpt-oss-20b", "I look.");
  await asked("gpt-oss-20b", "");
  await asked("other", "I look.");
  expect(bodies.map(({ messages }) => "reasoning_content" in (messages[1] ?? {}))).toEqual([false, true, true]);
});

test("the first token waits for no rule about thinking", () => {
  const reasoningReplay = vi.fn(() => undefined);
  const { createDecoder } = chatCompletions({ maxTokensField: "max_tokens", reasoningReplay });
  const chunks: MessageChunk[] = [];
  const facts = { provider: "compatible", model: "m", attempts: [] };
  createDecoder(facts).push({ choices: [{ index: 0, delta: { content: "Hi" } }] }, "", chunks);
  expect(chunks).toMatchObject([{ type: "text", content: "Hi" }]);
  expect(reasoningReplay).not.toHaveBeenCalled();
});

describe("over Anthropic Messages", () => {
  const DEEPSEEK = "https://api.deepseek.com/anthropic";
  const EMPTY = { type: "thinking", thinking: "" };
  const call = { type: "tool_use", id: "t", name: "w", input: {} };
  const HISTORY: readonly Message[] = [
    { role: "user", content: "hi" },
    { role: "assistant", content: "I look.", toolCalls: [{ id: "t", name: "w", arguments: {} }] },
    { role: "tool", toolCallId: "t", content: "sun" },
    { role: "assistant", content: "Sunny." },
    { role: "user", content: "And now?" },
  ];

  /** The blocks of the model's turns in a conversation that another model began. */
  async function turnsAt(baseUrl: string, model: string, options: SendOptions = {}, history = HISTORY) {
    const bodies: { messages: { role: string; content: object[] }[] }[] = [];
    const fetch: typeof globalThis.fetch = async (_url, init) => {
      bodies.push(JSON.parse(String(init?.body)));
      return Response.json({ content: [{ type: "text", text: "ok" }], stop_reason: "end_turn" });
    };
    await new ClaudeClient({ apiKey: "k", baseUrl, model, fetch }).sendMessage(history, options);
    return bodies[0]?.messages.filter(({ role }) => role === "assistant").map(({ content }) => content);
  }

  test.each<[string, string, string, SendOptions | undefined, boolean]>([
    ["DeepSeek", DEEPSEEK, "mine", undefined, true],
    ["DeepSeek V4 behind a proxy", "http://proxy.local", "deepseek-v4-pro", undefined, true],
    ["MiMo", "https://api.xiaomimimo.com/anthropic", "mimo-v2-pro", undefined, true],
    ["with a level", DEEPSEEK, "deepseek-v4-pro", { reasoning: "high" }, true],
    ["not where thinking is off", DEEPSEEK, "deepseek-v4-pro", { reasoning: "none" }, false],
    [
      "nor by the caller's own word",
      DEEPSEEK,
      "deepseek-v4-pro",
      { providerOptions: { thinking: { type: "disabled" } } },
      false,
    ],
    ["nor older models", DEEPSEEK, "deepseek-reasoner", undefined, false],
    ["nor Claude", "https://api.anthropic.com", "claude-sonnet-4-5", undefined, false],
    ["nor Kimi, which takes calls without", "https://api.moonshot.ai/anthropic", "kimi-k3", undefined, false],
  ])("a call of another model is not refused for its missing thinking: %s", async (_who, url, model, options, due) => {
    const said = { type: "text", text: "I look." };
    expect(await turnsAt(url, model, options)).toEqual([
      due ? [EMPTY, said, call] : [said, call],
      [{ type: "text", text: "Sunny." }],
    ]);
  });

  test("a call behind thinking that came signed and empty goes back with that", async () => {
    const block = { type: "thinking", thinking: "", signature: "4f1d" };
    const replay = {
      provider: "anthropic",
      protocol: "anthropic-messages",
      model: "deepseek-v4-pro",
      origin: "https://api.deepseek.com",
      data: { blocks: [block, call] },
    };
    const reply: Message = {
      role: "assistant",
      content: "",
      toolCalls: [{ id: "t", name: "w", arguments: {} }],
      replay,
    };
    const history: Message[] = [
      { role: "user", content: "hi" },
      reply,
      { role: "tool", toolCallId: "t", content: "s" },
    ];
    expect(await turnsAt(DEEPSEEK, "deepseek-v4-pro", {}, history)).toEqual([[block, call]]);
  });
});
