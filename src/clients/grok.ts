/** xAI's Grok, over Chat Completions. */

import { chatCompletions } from "../protocols/chat-completions.ts";
import { type ClientOptions, ProviderClient, type ProviderDefinition } from "../transport/connect.ts";
import type { GrokModelId } from "./models.ts";

/** @see https://docs.x.ai/docs/api-reference */
const GROK: ProviderDefinition = {
  provider: "xai",
  baseUrl: "https://api.x.ai/v1",
  keyNames: ["CLOUDLLM_XAI_API_KEY", "XAI_API_KEY"],
  protocol: chatCompletions({ maxTokensField: "max_completion_tokens", streamOptions: { include_usage: true } }),
};

/** What `GrokClient` takes. */
export interface GrokClientOptions extends ClientOptions {
  readonly model: GrokModelId;
}

/** Talks to xAI. Key: `apiKey`, else the environment's `CLOUDLLM_XAI_API_KEY` or `XAI_API_KEY`. */
export class GrokClient extends ProviderClient {
  constructor(options: GrokClientOptions) {
    super(GROK, options);
  }
}
