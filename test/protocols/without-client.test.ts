/** A protocol that a program calls without a client builds requests with schemas at once. */

import type { Protocol, SendOptions } from "cloudllm";
import { afterEach, expect, test, vi } from "vitest";

const OPTIONS: SendOptions = { tools: [{ name: "look", parameters: { type: "object" } }] };
const ENDPOINT = { provider: "p", model: "m-1", baseUrl: "https://p.example" };

/** Each test gets modules of its own, in which nothing has loaded the engine of schemas. */
const PROTOCOLS: readonly (readonly [name: string, load: () => Promise<Protocol>])[] = [
  ["Anthropic Messages", async () => (await import("cloudllm/protocols")).anthropicMessages],
  ["Gemini", async () => (await import("cloudllm/protocols")).gemini],
  ["Ollama", async () => (await import("cloudllm/protocols")).ollama],
  [
    "Chat Completions",
    async () => (await import("cloudllm/protocols")).chatCompletions({ maxTokensField: "max_tokens" }),
  ],
  [
    "Responses",
    async () => {
      const { OPENAI_RESPONSES, responses } = await import("cloudllm/protocols");
      return responses(OPENAI_RESPONSES);
    },
  ],
];

afterEach(() => vi.resetModules());

test.each(PROTOCOLS)("%s", async (_name, load) => {
  const protocol = await load();
  const { body } = protocol.buildRequest([{ role: "user", content: "?" }], OPTIONS, ENDPOINT, true);
  expect(JSON.stringify(body)).toContain('"look"');
});
