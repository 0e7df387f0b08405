/** Servers that demand the thinking of earlier replies get it, by preset, address or model; others never see it. */

import { CompatibleClient, type CompatiblePreset, type Message, type MessageChunk } from "cloudllm";
import { chatCompletions } from "cloudllm/protocols";
import { expect, test, vi } from "vitest";
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

test("the first token waits for no rule about thinking", () => {
  const reasoningReplay = vi.fn(() => undefined);
  const { createDecoder } = chatCompletions({ maxTokensField: "max_tokens", reasoningReplay });
  const chunks: MessageChunk[] = [];
  const facts = { provider: "compatible", model: "m", attempts: [] };
  createDecoder(facts).push({ choices: [{ index: 0, delta: { content: "Hi" } }] }, "", chunks);
  expect(chunks).toMatchObject([{ type: "text", content: "Hi" }]);
  expect(reasoningReplay).not.toHaveBeenCalled();
});
