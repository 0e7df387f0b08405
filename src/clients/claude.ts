/** Anthropic's Claude, over Anthropic's endpoint that is compatible with OpenAI's. */

import { chatCompletions } from "../protocols/chat-completions.ts";
import { type ClientOptions, ProviderClient, type ProviderDefinition } from "../transport/connect.ts";
import type { ClaudeModelId } from "./models.ts";

/** @see https://docs.anthropic.com/en/api/openai-sdk */
const CLAUDE: ProviderDefinition = {
  provider: "anthropic",
  baseUrl: "https://api.anthropic.com/v1",
  keyNames: ["CLOUDLLM_ANTHROPIC_API_KEY", "ANTHROPIC_API_KEY"],
  protocol: chatCompletions({ maxTokensField: "max_tokens", streamOptions: { include_usage: true } }),
};

/** What `ClaudeClient` takes. */
export interface ClaudeClientOptions extends ClientOptions {
  readonly model: ClaudeModelId;
  /** The protocol to speak. Default, and so far the only one: Chat Completions. */
  readonly api?: "chat" | undefined;
}

/** Talks to Anthropic. Key: `apiKey`, else the environment's `CLOUDLLM_ANTHROPIC_API_KEY` or `ANTHROPIC_API_KEY`. */
export class ClaudeClient extends ProviderClient {
  constructor({ api: _api, ...options }: ClaudeClientOptions) {
    super(CLAUDE, options);
  }
}
