/** OpenAI, over Chat Completions. */

import { chatCompletions } from "../protocols/chat-completions.ts";
import { type ClientOptions, ProviderClient, type ProviderDefinition } from "../transport/connect.ts";
import type { OpenAIModelId } from "./models.ts";

/** @see https://platform.openai.com/docs/api-reference/chat/create */
const OPENAI: ProviderDefinition = {
  provider: "openai",
  baseUrl: "https://api.openai.com/v1",
  // The last is the name the Rust library used.
  keyNames: ["CLOUDLLM_OPENAI_API_KEY", "OPENAI_API_KEY", "OPEN_AI_SECRET"],
  protocol: chatCompletions({
    maxTokensField: "max_completion_tokens",
    // Without it every chunk carries a random text of its own.
    streamOptions: { include_usage: true, include_obfuscation: false },
  }),
};

/** What `OpenAIClient` takes. */
export interface OpenAIClientOptions extends ClientOptions {
  readonly model: OpenAIModelId;
}

/**
 * Talks to OpenAI. Key: `apiKey`, else the environment's `CLOUDLLM_OPENAI_API_KEY`, `OPENAI_API_KEY` or `OPEN_AI_SECRET`.
 * @example
 * ```ts
 * import { OpenAIClient, OpenAIModel } from "cloudllm";
 *
 * export const client = new OpenAIClient({ model: OpenAIModel.GPT5Nano });
 * ```
 */
export class OpenAIClient extends ProviderClient {
  constructor(options: OpenAIClientOptions) {
    super(OPENAI, options);
  }
}
