/** The service a reply was given has its price: from the provider's word to the bill, wherever usage goes. */

import {
  type AssistantMessage,
  ClaudeClient,
  CompatibleClient,
  GeminiClient,
  LLMSession,
  OpenAIClient,
  type TokenUsage,
} from "cloudllm";
import { costOf } from "cloudllm/models";
import { describe, expect, test } from "vitest";
import { sumOf, UsageTotal } from "../../src/tokens/usage-total.ts";
import { bodiesOf, recordingsMissing, recordingsOf } from "../support/recordings.ts";

const options = { model: "asked-for", apiKey: "k", retries: 0 } as const;
const answering = (body: string | Buffer, type: string) => async () =>
  new Response(new Uint8Array(Buffer.from(body)), { headers: { "content-type": type } });
const events = (...all: object[]) => all.map((event) => `data: ${JSON.stringify(event)}\n\n`).join("");

const chat = { id: "c1", model: "gpt-5-nano", service_tier: "flex" };
const CHAT = `${events(
  { ...chat, choices: [{ index: 0, delta: { content: "Hi" }, finish_reason: "stop" }] },
  { ...chat, choices: [], usage: { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7 } },
)}data: [DONE]\n\n`;
const CHAT_WHOLE = JSON.stringify({
  ...chat,
  choices: [{ index: 0, message: { role: "assistant", content: "Hi" }, finish_reason: "stop" }],
  usage: { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7 },
});
const CLAUDE = JSON.stringify({
  id: "m1",
  type: "message",
  role: "assistant",
  model: "claude-haiku-4-5",
  content: [{ type: "text", text: "Hi" }],
  stop_reason: "end_turn",
  usage: { input_tokens: 5, output_tokens: 2, service_tier: "priority" },
});
const GEMINI = JSON.stringify({
  candidates: [{ content: { role: "model", parts: [{ text: "Hi" }] }, finishReason: "STOP" }],
  modelVersion: "gemini-2.5-pro",
  usageMetadata: { promptTokenCount: 5, candidatesTokenCount: 2, totalTokenCount: 7, serviceTier: "flex" },
});

const JSON_TYPE = "application/json";
const SSE_TYPE = "text/event-stream";
const USER = [{ role: "user", content: "Hi" }] as const;

test.each<[string, () => Promise<AssistantMessage>, string]>([
  [
    "Chat Completions, streamed",
    async () => {
      const client = new CompatibleClient({ ...options, baseUrl: "http://h/v1", fetch: answering(CHAT, SSE_TYPE) });
      return (await client.sendMessageStream(USER)).finalMessage();
    },
    "flex",
  ],
  [
    "Chat Completions, whole",
    () => new OpenAIClient({ ...options, api: "chat", fetch: answering(CHAT_WHOLE, JSON_TYPE) }).sendMessage(USER),
    "flex",
  ],
  [
    "Anthropic",
    () => new ClaudeClient({ ...options, fetch: answering(CLAUDE, JSON_TYPE) }).sendMessage(USER),
    "priority",
  ],
  ["Gemini", () => new GeminiClient({ ...options, fetch: answering(GEMINI, JSON_TYPE) }).sendMessage(USER), "flex"],
])("%s: the tier is on the usage of the reply and of its attempt, and has no list price", async (_name, ask, tier) => {
  const reply = await ask();
  expect(reply.usage).toMatchObject({ inputTokens: 5, serviceTier: tier });
  expect(reply.metrics.attempts.map(({ usage }) => usage?.serviceTier)).toEqual([tier]);
  if (reply.usage) expect(costOf(reply.usage, reply)).toBeUndefined();
});

describe("a recorded reply of OpenAI's flex tier", () => {
  const recording = recordingsOf("openai-responses").find((each) =>
    bodiesOf(each).some((body) => body.includes('"service_tier":"flex"')),
  );
  const body = recording && bodiesOf(recording)[0];

  test("is not priced as the standard one, in its session neither", async ({ skip }) => {
    if (recordingsMissing) skip(recordingsMissing);
    if (!body) throw new Error("There is no recording of the flex tier any more.");
    const client = new OpenAIClient({ ...options, fetch: answering(body, SSE_TYPE) });
    const session = new LLMSession({ client });
    const reply = await (await session.sendMessageStream("Hi")).finalMessage();
    expect(reply.usage?.serviceTier).toBe("flex");
    expect(reply.usage?.raw).not.toHaveProperty("service_tier"); // it stood beside
    const again = LLMSession.fromJSON(JSON.parse(JSON.stringify(session)), { client });
    for (const { turns } of [session.tokenUsage(), again.tokenUsage()])
      expect(turns.map((turn) => [turn.usage?.serviceTier, turn.usage && costOf(turn.usage, turn)])).toEqual([
        ["flex", undefined],
      ]);
    expect(session.tokenUsage()).not.toHaveProperty("serviceTier");
  });

  test("is estimated as such when it is stopped before its usage came", async ({ skip }) => {
    if (recordingsMissing) skip(recordingsMissing);
    if (!body) throw new Error("There is no recording of the flex tier any more.");
    const begun = new Uint8Array(body.subarray(0, body.indexOf("event: response.completed")));
    const open = new ReadableStream({ start: (controller) => controller.enqueue(begun) });
    const fetch = async () => new Response(open, { headers: { "content-type": SSE_TYPE } });
    const stream = await new OpenAIClient({ ...options, fetch }).sendMessageStream(USER);
    for await (const _chunk of stream) break;
    const { usage, estimatedUsage } = await stream.finalMessage();
    expect(usage).toBeUndefined();
    expect(estimatedUsage?.serviceTier).toBe("flex");
  });
});

const TOKENS: TokenUsage = { inputTokens: 10, outputTokens: 10, totalTokens: 20 };

test.each<[string | undefined, string | undefined, string | undefined, boolean]>([
  ["default", "default", "default", true],
  ["default", undefined, "default", true],
  [undefined, undefined, undefined, true],
  ["default", "flex", "default, flex", false],
  [undefined, "priority", "priority", false],
  ["default, flex", "flex", "default, flex", false],
])("%s and %s are %s in sum; has a list price: %s", (one, other, both, isPriced) => {
  const at = (serviceTier?: string): TokenUsage => ({ ...TOKENS, ...(serviceTier && { serviceTier }) });
  const [first, second] = [at(one), at(other)];
  const total = new UsageTotal();
  total.add({ usage: first });
  total.add({ usage: second });
  for (const sum of [sumOf(first, second), total.usage ?? TOKENS]) {
    expect(sum).toMatchObject({ inputTokens: 20 });
    expect(sum.serviceTier).toBe(both);
    expect(costOf(sum, { provider: "openai", model: "gpt-5-nano" }) !== undefined).toBe(isPriced);
  }
});
