/** Google's Gemini. */

import { geminiChat, geminiContent } from "#runtime";
import { type ClientOptions, chosenApi, givenOptions, type ProviderDefinition } from "./definition.ts";
import type { GeminiModelId } from "./models.ts";
import { ProviderClient } from "./provider-client.ts";
import type { GeminiProviderOptions } from "./provider-options.ts";

const COMMON = {
  provider: "gemini",
  keyNames: ["CLOUDLLM_GEMINI_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GENERATIVE_AI_API_KEY"],
} as const;

const APIS = {
  /** @see https://ai.google.dev/api/generate-content */
  gemini: () => ({
    ...COMMON,
    baseUrl: "https://generativelanguage.googleapis.com",
    protocol: geminiContent,
    // In the URL, which is the alternative, the key would appear in logs.
    authenticate: (key) => ({ "x-goog-api-key": key }),
  }),
  /** @see https://ai.google.dev/gemini-api/docs/openai */
  chat: () => ({
    ...COMMON,
    baseUrl: "https://generativelanguage.googleapis.com/v1beta/openai",
    protocol: geminiChat,
  }),
} as const satisfies Record<string, () => ProviderDefinition>;

/** The options of `GeminiClient`. */
export interface GeminiClientOptions extends ClientOptions {
  readonly providerOptions?: GeminiProviderOptions | undefined;
  readonly model: GeminiModelId;
  /**
   * The protocol to use:
   * - `gemini` (default): Gemini's own. The `baseUrl` is the bare origin.
   * - `chat`: Google's endpoint for OpenAI's protocol. The `baseUrl` ends in `/v1beta/openai`.
   */
  readonly api?: "gemini" | "chat" | undefined;
}

/**
 * A client of Google. Key: `apiKey`, else the environment's `CLOUDLLM_GEMINI_API_KEY`, `GEMINI_API_KEY`,
 * `GOOGLE_API_KEY` or `GOOGLE_GENERATIVE_AI_API_KEY`.
 * @throws {TypeError} when an option is unknown or invalid
 */
export class GeminiClient extends ProviderClient<GeminiProviderOptions> {
  constructor(options: GeminiClientOptions) {
    const { api, ...rest } = givenOptions(options, "api");
    super(chosenApi(APIS, api ?? "gemini"), rest);
  }
}
