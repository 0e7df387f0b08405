/** xAI's Grok. */

import { xaiChat, xaiResponses } from "#runtime";
import { type ClientOptions, chosenApi, givenOptions, type ProviderDefinition } from "./definition.ts";
import type { GrokModelId } from "./models.ts";
import { ProviderClient } from "./provider-client.ts";
import type { GrokProviderOptions } from "./provider-options.ts";

const COMMON = {
  provider: "xai",
  baseUrl: "https://api.x.ai/v1",
  keyNames: ["CLOUDLLM_XAI_API_KEY", "XAI_API_KEY"],
} as const;

/** @see https://docs.x.ai/docs/api-reference */
const APIS = {
  responses: () => ({ ...COMMON, protocol: xaiResponses }),
  chat: () => ({ ...COMMON, protocol: xaiChat }),
} as const satisfies Record<string, () => ProviderDefinition>;

/** The options of `GrokClient`. */
export interface GrokClientOptions extends ClientOptions {
  readonly providerOptions?: GrokProviderOptions | undefined;
  readonly model: GrokModelId;
  /** The protocol to use: Responses (default; the one that can search), or Chat Completions. */
  readonly api?: "responses" | "chat" | undefined;
}

/**
 * A client of xAI. Key: `apiKey`, else the environment's `CLOUDLLM_XAI_API_KEY` or `XAI_API_KEY`.
 * @throws {TypeError} when an option is unknown or invalid
 */
export class GrokClient extends ProviderClient<GrokProviderOptions> {
  constructor(options: GrokClientOptions) {
    const { api, ...rest } = givenOptions(options, "api");
    super(chosenApi(APIS, api ?? "responses"), rest);
  }
}
