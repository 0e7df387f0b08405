/** xAI's Grok. */

import { XAI_CHAT } from "../protocols/chat-completions/dialects.ts";
import { chatCompletions } from "../protocols/chat-completions/protocol.ts";
import { XAI_RESPONSES } from "../protocols/responses/dialects.ts";
import { responses } from "../protocols/responses/protocol.ts";
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
  responses: () => ({ ...COMMON, protocol: responses(XAI_RESPONSES) }),
  chat: () => ({ ...COMMON, protocol: chatCompletions(XAI_CHAT) }),
} as const satisfies Record<string, () => ProviderDefinition>;

/** The options of `GrokClient`. */
export interface GrokClientOptions extends ClientOptions {
  readonly providerOptions?: GrokProviderOptions | undefined;
  readonly model: GrokModelId;
  /** The protocol to use: Responses (default; the one that can search), or Chat Completions. */
  readonly api?: "responses" | "chat" | undefined;
}

/** A client of xAI. Key: `apiKey`, else the environment's `CLOUDLLM_XAI_API_KEY` or `XAI_API_KEY`. */
export class GrokClient extends ProviderClient<GrokProviderOptions> {
  constructor(options: GrokClientOptions) {
    const { api, ...rest } = givenOptions(options);
    super(chosenApi(APIS, api ?? "responses"), rest);
  }
}
