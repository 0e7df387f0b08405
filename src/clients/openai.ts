/** OpenAI. */

import { openaiChat, openaiResponses } from "#runtime";
import { type ClientOptions, chosenApi, givenOptions, type ProviderDefinition } from "./definition.ts";
import type { OpenAIModelId } from "./models.ts";
import { ProviderClient } from "./provider-client.ts";
import type { OpenAIProviderOptions } from "./provider-options.ts";

const COMMON = {
  provider: "openai",
  baseUrl: "https://api.openai.com/v1",
  // The Rust library used the last name.
  keyNames: ["CLOUDLLM_OPENAI_API_KEY", "OPENAI_API_KEY", "OPEN_AI_SECRET"],
} as const;

const APIS = {
  /** @see https://platform.openai.com/docs/api-reference/responses */
  responses: () => ({ ...COMMON, protocol: openaiResponses }),
  /** @see https://platform.openai.com/docs/api-reference/chat/create */
  chat: () => ({ ...COMMON, protocol: openaiChat }),
} as const satisfies Record<string, () => ProviderDefinition>;

/** The options of `OpenAIClient`. */
export interface OpenAIClientOptions extends ClientOptions {
  readonly providerOptions?: OpenAIProviderOptions | undefined;
  readonly model: OpenAIModelId;
  /**
   * The protocol to use:
   * - `responses` (default). The client asks OpenAI to store nothing, unless `recover` is `resume`.
   * - `chat`: Chat Completions, for older servers, and for `stop` and `seed`.
   */
  readonly api?: "responses" | "chat" | undefined;
}

/**
 * A client of OpenAI. Key: `apiKey`, else the environment's `CLOUDLLM_OPENAI_API_KEY`, `OPENAI_API_KEY` or
 * `OPEN_AI_SECRET`.
 * @throws {TypeError} when an option is unknown or invalid
 * @example
 * ```ts
 * import { OpenAIClient, OpenAIModel } from "cloudllm";
 *
 * export const client = new OpenAIClient({ model: OpenAIModel.GPT6Luna });
 * ```
 */
export class OpenAIClient extends ProviderClient<OpenAIProviderOptions> {
  constructor(options: OpenAIClientOptions) {
    const { api, ...rest } = givenOptions(options, "api");
    super(chosenApi(APIS, api ?? "responses"), rest);
  }
}
