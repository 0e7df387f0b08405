/** Google's Gemini, over Google's endpoint that is compatible with OpenAI's. */

import { chatCompletions } from "../protocols/chat-completions.ts";
import { type ClientOptions, ProviderClient, type ProviderDefinition } from "../transport/connect.ts";
import type { GeminiModelId } from "./models.ts";

/** @see https://ai.google.dev/gemini-api/docs/openai */
const GEMINI: ProviderDefinition = {
  provider: "gemini",
  baseUrl: "https://generativelanguage.googleapis.com/v1beta/openai",
  keyNames: ["CLOUDLLM_GEMINI_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GENERATIVE_AI_API_KEY"],
  protocol: chatCompletions({ maxTokensField: "max_completion_tokens", streamOptions: { include_usage: true } }),
};

/** What `GeminiClient` takes. */
export interface GeminiClientOptions extends ClientOptions {
  readonly model: GeminiModelId;
  /** The protocol to speak. Default, and so far the only one: Chat Completions. */
  readonly api?: "chat" | undefined;
}

/** Talks to Google. Key: `apiKey`, else the environment's `CLOUDLLM_GEMINI_API_KEY`, `GEMINI_API_KEY`, `GOOGLE_API_KEY` or `GOOGLE_GENERATIVE_AI_API_KEY`. */
export class GeminiClient extends ProviderClient {
  constructor({ api: _api, ...options }: GeminiClientOptions) {
    super(GEMINI, options);
  }
}
