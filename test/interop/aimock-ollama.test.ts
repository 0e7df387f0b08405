/** A mock server of somebody else's speaks Ollama's own protocol, and our client understands it. */

import { LLMock } from "@copilotkit/aimock";
import { OllamaClient, SendError } from "cloudllm";
import { afterAll, beforeAll, expect, test } from "vitest";

const SENTENCE = "Grüße 🌍, said the one with the long, long sentence that comes in many pieces.";
const TOOLS = [{ name: "weather", parameters: { type: "object", properties: {} } }] as const;
let mock: LLMock;

beforeAll(async () => {
  mock = await LLMock.create({ port: 0, chunkSize: 7 });
  mock.onMessage(/^text$/, { content: SENTENCE });
  mock.onMessage(/^calls$/, { toolCalls: [{ id: "call_a", name: "weather", arguments: '{"city":"Tromsø"}' }] });
  mock.onMessage(/^refused$/, { error: { message: "Not now.", type: "server_error" }, status: 503 });
  mock.onMessage(/^cut$/, { content: SENTENCE.repeat(4) }, { truncateAfterChunks: 9, latency: 3 });
});
afterAll(() => mock.stop());

function asked(content: string) {
  const client = new OllamaClient({ model: "qwen3", baseUrl: mock.url, retries: 0, tools: TOOLS });
  const messages = [{ role: "user", content }] as const;
  return {
    streamed: async () => (await client.sendMessageStream(messages)).finalMessage(),
    complete: () => client.sendMessage(messages),
  };
}

test.each(["streamed", "complete"] as const)("a reply is whole, %s", async (how) => {
  expect(await asked("text")[how]()).toMatchObject({ content: SENTENCE, finishReason: "stop" });
});

test.each(["streamed", "complete"] as const)("a call has its arguments, %s", async (how) => {
  const { toolCalls } = await asked("calls")[how]();
  expect(toolCalls).toMatchObject([{ name: "weather", arguments: { city: "Tromsø" } }]);
});

test.each(["streamed", "complete"] as const)("a refusal is an error of its status, %s", async (how) => {
  await expect(asked("refused")[how]()).rejects.toMatchObject({ kind: "overloaded", status: 503 });
});

test("a reply that is cut keeps its text", async () => {
  const failure: unknown = await asked("cut")
    .streamed()
    .catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(SendError);
  const { kind, partial } = failure as SendError;
  expect(["truncated", "network"]).toContain(kind);
  expect(partial?.content).not.toBe("");
  expect(SENTENCE.repeat(4).startsWith(partial?.content ?? "?")).toBe(true);
});
