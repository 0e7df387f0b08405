/** Ollama in its own protocol. */

import { ollamaApi } from "#runtime";
import type { ClientOptions, ProviderDefinition } from "./definition.ts";
import { ProviderClient } from "./provider-client.ts";
import type { OllamaProviderOptions } from "./provider-options.ts";

/** @see https://docs.ollama.com/api */
const OLLAMA = {
  provider: "ollama",
  keyOptional: true,
  isLocal: true,
  baseUrl: "http://127.0.0.1:11434",
  keyNames: ["OLLAMA_API_KEY"],
  protocol: ollamaApi,
} as const satisfies ProviderDefinition;

/** The options of `OllamaClient`. The `baseUrl` is the bare origin. Default: `http://127.0.0.1:11434`. */
export interface OllamaClientOptions extends ClientOptions {
  readonly providerOptions?: OllamaProviderOptions | undefined;
}

/**
 * A client of Ollama in its own protocol, with the size of the context, the time in memory and levels of thinking. A
 * prompt longer than the context is an error of kind `contextLength`, where Ollama by itself drops the beginning
 * without a word. A local server needs no key; `https://ollama.com` takes `apiKey`, else the environment's
 * `OLLAMA_API_KEY`.
 * @throws {TypeError} when an option is unknown or invalid
 * @example
 * ```ts
 * import { OllamaClient } from "cloudllm";
 *
 * export const local = new OllamaClient({
 *   model: "qwen3",
 *   providerOptions: { options: { num_ctx: 16_384 }, keep_alive: "30m" },
 * });
 * ```
 */
export class OllamaClient extends ProviderClient<OllamaProviderOptions> {
  constructor(options: OllamaClientOptions) {
    super(OLLAMA, options);
  }
}
