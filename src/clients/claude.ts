/** Anthropic's Claude. */

import { anthropicChat, claudeMessages } from "#runtime";
import { type ClientOptions, chosenApi, givenOptions, type ProviderDefinition } from "./definition.ts";
import type { ClaudeModelId } from "./models.ts";
import { ProviderClient } from "./provider-client.ts";
import type { ClaudeProviderOptions } from "./provider-options.ts";

const COMMON = { provider: "anthropic", keyNames: ["CLOUDLLM_ANTHROPIC_API_KEY", "ANTHROPIC_API_KEY"] } as const;

const APIS = {
  /** @see https://docs.anthropic.com/en/api/messages */
  messages: () => ({
    ...COMMON,
    baseUrl: "https://api.anthropic.com",
    protocol: claudeMessages,
    authenticate: (key) => ({ "x-api-key": key }),
  }),
  /** @see https://docs.anthropic.com/en/api/openai-sdk */
  chat: () => ({
    ...COMMON,
    baseUrl: "https://api.anthropic.com/v1",
    protocol: anthropicChat,
  }),
} as const satisfies Record<string, () => ProviderDefinition>;

/** The options of `ClaudeClient`. */
export interface ClaudeClientOptions extends ClientOptions {
  readonly providerOptions?: ClaudeProviderOptions | undefined;
  readonly model: ClaudeModelId;
  /**
   * The protocol to use:
   * - `messages` (default): Anthropic Messages. The `baseUrl` is the bare origin.
   * - `chat`: Anthropic's endpoint for OpenAI's protocol. The `baseUrl` ends in `/v1`. It lacks signed thinking,
   *   citations, the prompt cache and more.
   */
  readonly api?: "messages" | "chat" | undefined;
}

/**
 * A client of Anthropic. Key: `apiKey`, else the environment's `CLOUDLLM_ANTHROPIC_API_KEY` or `ANTHROPIC_API_KEY`. In
 * a browser Anthropic also requires the header `anthropic-dangerous-direct-browser-access: true`: set it in `headers`.
 * @throws {TypeError} when an option is unknown or invalid
 */
export class ClaudeClient extends ProviderClient<ClaudeProviderOptions> {
  constructor(options: ClaudeClientOptions) {
    const { api, ...rest } = givenOptions(options, "api");
    super(chosenApi(APIS, api ?? "messages"), rest);
  }
}
