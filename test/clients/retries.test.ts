/** A failure before the first word is tried again, unseen, in every protocol; one after it never is. */

import {
  ClaudeClient,
  type ClientOptions,
  GeminiClient,
  GrokClient,
  OpenAIClient,
  type ProviderClient,
  SendError,
} from "cloudllm";
import { type ReplyScript, type ServerReply, startProviderServer } from "cloudllm/testing";
import { describe, expect, test } from "vitest";

const HI = [{ role: "user", content: "hi" }] as const;

type Make = (options: ClientOptions & { readonly baseUrl: string }) => ProviderClient;

const CLIENTS: readonly (readonly [string, string, Make])[] = [
  ["OpenAI, Responses", "/v1", (options) => new OpenAIClient(options)],
  ["OpenAI, Chat Completions", "/v1", (options) => new OpenAIClient({ ...options, api: "chat" })],
  ["Grok, Responses", "/v1", (options) => new GrokClient(options)],
  ["Claude", "", (options) => new ClaudeClient(options)],
  ["Gemini", "", (options) => new GeminiClient(options)],
];

const GOOD: ReplyScript = {
  steps: [{ reasoning: "Hm." }, { text: "Whole." }],
  ending: { usage: { inputTokens: 3, outputTokens: 2 } },
};

/** Each as the first answer; the second is good. */
const FAILURES: readonly (readonly [string, ServerReply])[] = [
  ["an overloaded server", { refusal: { status: 503 } }],
  ["Anthropic's word for it", { refusal: { status: 529 } }],
  ["a limit on the rate", { refusal: { status: 429, headers: { "retry-after-ms": "1" } } }],
  [
    "an error at the beginning of a reply",
    { text: [], ending: { error: { message: "Full.", code: "overloaded_error" } } },
  ],
  ["a reply without a beginning", { text: [], ending: "cut" }],
  ["a connection that breaks", { text: [], ending: "reset" }],
  ["an empty body", { body: "" }],
  ["a web page for a moment", { status: 502, body: "<html><h1>Bad gateway</h1></html>" }],
];

// Together, for real pauses pass between two attempts.
describe.concurrent.each(CLIENTS)("%s", (_name, path, make) => {
  const clientAt = (origin: string) => make({ model: "m", apiKey: "k", baseUrl: origin + path, retries: 1 });

  describe.each(["sendMessageStream", "sendMessage"] as const)("%s", (method) => {
    test.each(FAILURES)("tries again after %s, and nothing of it shows", async (_what, failure) => {
      await using server = await startProviderServer([failure, GOOD]);
      const reply = await clientAt(server.origin)[method](HI);
      const message = "finalMessage" in reply ? await reply.finalMessage() : reply;
      expect(message).toMatchObject({ content: "Whole.", reasoning: "Hm.", finishReason: "stop" });
      expect(message.usage).toMatchObject({ inputTokens: 3, outputTokens: 2, totalTokens: 5 });
      expect(message.metrics.attempts).toHaveLength(2);
      expect(server.requests).toHaveLength(2);
      expect(server.requests[1]?.body).toEqual(server.requests[0]?.body);
    });
  });

  test.each(["cut", "reset"] as const)("does not try again after a word, when it was %s", async (ending) => {
    await using server = await startProviderServer([{ text: ["Half "], ending }, GOOD]);
    const failure: unknown = await (await clientAt(server.origin).sendMessageStream(HI)).finalMessage().catch((e) => e);
    expect(failure).toBeInstanceOf(SendError);
    expect((failure as SendError).partial?.content).toBe("Half ");
    expect(server.requests).toHaveLength(1);
  });
});
