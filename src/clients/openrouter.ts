/** OpenRouter, which forwards requests to many providers. */

import { openrouterChat } from "#runtime";
import type { ClientOptions, ProviderDefinition } from "./definition.ts";
import { ProviderClient } from "./provider-client.ts";
import type { OpenRouterProviderOptions } from "./provider-options.ts";

/** @see https://openrouter.ai/docs/api-reference/overview */
const openrouter = (): ProviderDefinition => ({
  provider: "openrouter",
  baseUrl: "https://openrouter.ai/api/v1",
  keyNames: ["CLOUDLLM_OPENROUTER_API_KEY", "OPENROUTER_API_KEY"],
  protocol: openrouterChat,
});

/** The options of `OpenRouterClient`. */
export interface OpenRouterClientOptions extends ClientOptions {
  readonly providerOptions?: OpenRouterProviderOptions | undefined;
}

/**
 * A client of OpenRouter. Models are named `maker/model`. Key: `apiKey`, else the environment's
 * `CLOUDLLM_OPENROUTER_API_KEY` or `OPENROUTER_API_KEY`.
 * @throws {TypeError} when an option is unknown or invalid
 */
export class OpenRouterClient extends ProviderClient<OpenRouterProviderOptions> {
  constructor(options: OpenRouterClientOptions) {
    super(openrouter(), options);
  }
}
