/** Anthropic's Claude. */

import { anthropicMessages } from "../protocols/anthropic-messages/protocol.ts";
import { ANTHROPIC_CHAT } from "../protocols/chat-completions/dialects.ts";
import { chatCompletions } from "../protocols/chat-completions/protocol.ts";
import { type ClientOptions, chosenApi, type ProviderDefinition } from "./definition.ts";
import type { ClaudeModelId } from "./models.ts";
import { ProviderClient } from "./provider-client.ts";
import type { ClaudeProviderOptions } from "./provider-options.ts";

const COMMON = { provider: "anthropic", keyNames: ["CLOUDLLM_ANTHROPIC_API_KEY", "ANTHROPIC_API_KEY"] } as const;

const APIS = {
  /** @see https://docs.anthropic.com/en/api/messages */
  messages: () => ({
    ...COMMON,
    baseUrl: "https://api.anthropic.com",
    protocol: anthropicMessages,
    authenticate: (key) => ({ "x-api-key": key }),
  }),
  /** @see https://docs.anthropic.com/en/api/openai-sdk */
  chat: () => ({
    ...COMMON,
    baseUrl: "https://api.anthropic.com/v1",
    protocol: chatCompletions(ANTHROPIC_CHAT),
  }),
} as const satisfies Record<string, () => ProviderDefinition>;

/** What `ClaudeClient` takes. */
export interface ClaudeClientOptions extends ClientOptions {
  readonly providerOptions?: ClaudeProviderOptions | undefined;
  readonly model: ClaudeModelId;
  /**
   * The protocol to speak: Anthropic Messages (`messages`, the default, with the bare origin as its `baseUrl`), or Anthropic's
   * endpoint that is compatible with OpenAI's (`chat`, whose `baseUrl` ends in `/v1`), which leaves out signed thinking,
   * citations, the prompt cache and more.
   */
  readonly api?: "messages" | "chat" | undefined;
}

/**
 * Talks to Anthropic. Key: `apiKey`, else the environment's `CLOUDLLM_ANTHROPIC_API_KEY` or `ANTHROPIC_API_KEY`. In a browser
 * Anthropic wants the header `anthropic-dangerous-direct-browser-access: true` as well: give it in `headers`.
 */
export class ClaudeClient extends ProviderClient<ClaudeProviderOptions> {
  constructor({ api, ...options }: ClaudeClientOptions) {
    super(chosenApi(APIS, api ?? "messages"), options);
  }
}
