/** Any server that speaks OpenAI's Chat Completions. */

import { type ChatDialect, type ChatPrefix, chatCompletions } from "../protocols/chat-completions.ts";
import type { Endpoint } from "../protocols/protocol.ts";
import { type ClientOptions, ProviderClient, type ProviderDefinition } from "../transport/connect.ts";

type Preset = Omit<ProviderDefinition, "provider" | "protocol"> & { readonly dialect?: ChatDialect };

/** What most servers understand. */
const COMMON: ChatDialect = { maxTokensField: "max_tokens", streamOptions: { include_usage: true } };

const LOCAL = { keyOptional: true } as const;

/**
 * Both take an assistant's message at the end as the beginning of the answer when told so.
 * @see https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html
 * @see https://github.com/ggml-org/llama.cpp/pull/23012
 */
const CONTINUES_FINAL_MESSAGE: ChatDialect = {
  ...COMMON,
  prefix: () => ({ fields: { continue_final_message: true, add_generation_prompt: false } }),
};

/** Servers whose address and habits are known, by the name to give as `preset`. */
const PRESETS = {
  ollama: { ...LOCAL, baseUrl: "http://localhost:11434/v1", keyNames: ["OLLAMA_API_KEY"] },
  lmstudio: { ...LOCAL, baseUrl: "http://localhost:1234/v1", keyNames: [] },
  llamacpp: { ...LOCAL, baseUrl: "http://localhost:8080/v1", keyNames: [], dialect: CONTINUES_FINAL_MESSAGE },
  vllm: { ...LOCAL, baseUrl: "http://localhost:8000/v1", keyNames: [], dialect: CONTINUES_FINAL_MESSAGE },
  groq: {
    baseUrl: "https://api.groq.com/openai/v1",
    keyNames: ["CLOUDLLM_GROQ_API_KEY", "GROQ_API_KEY"],
    dialect: { ...COMMON, maxTokensField: "max_completion_tokens" },
  },
  deepseek: {
    baseUrl: "https://api.deepseek.com",
    keyNames: ["CLOUDLLM_DEEPSEEK_API_KEY", "DEEPSEEK_API_KEY"],
    // Its current models want their thinking back in a tool loop.
    dialect: { ...COMMON, reasoningField: "reasoning_content", prefix: deepseekPrefix },
  },
  mistral: {
    baseUrl: "https://api.mistral.ai/v1",
    keyNames: ["CLOUDLLM_MISTRAL_API_KEY", "MISTRAL_API_KEY"],
    // A request for usage is refused with 422; usage comes unasked.
    dialect: {
      maxTokensField: "max_tokens",
      seedField: "random_seed",
      requiredToolChoice: "any",
      nineCharacterIds: true,
      /** @see https://docs.mistral.ai/api/#tag/chat */
      prefix: () => ({ messageFields: { prefix: true } }),
    },
  },
} as const satisfies Record<string, Preset>;

/** `"ollama" | "lmstudio" | "llamacpp" | "vllm" | "groq" | "deepseek" | "mistral"`. */
export type CompatiblePreset = "ollama" | "lmstudio" | "llamacpp" | "vllm" | "groq" | "deepseek" | "mistral";

/** What `CompatibleClient` takes: a `baseUrl`, a `preset`, or a preset at another address. */
export type CompatibleClientOptions = ClientOptions &
  (
    | { readonly baseUrl: string; readonly preset?: CompatiblePreset | undefined }
    | { readonly preset: CompatiblePreset }
  );

/**
 * Talks to any server that speaks Chat Completions. Local servers need no key; hosted presets take it from `apiKey` or
 * the environment (`GROQ_API_KEY`, `DEEPSEEK_API_KEY`, `MISTRAL_API_KEY`).
 * @example
 * ```ts
 * import { CompatibleClient } from "cloudllm";
 *
 * export const local = new CompatibleClient({ preset: "ollama", model: "llama3.2" });
 * export const other = new CompatibleClient({ baseUrl: "http://localhost:9000/v1", model: "mine" });
 * ```
 */
export class CompatibleClient extends ProviderClient {
  constructor({ preset, ...options }: CompatibleClientOptions & { readonly preset?: CompatiblePreset | undefined }) {
    super(definitionOf(preset, options.baseUrl), options);
  }
}

/**
 * Only at its beta address.
 * @see https://api-docs.deepseek.com/guides/chat_prefix_completion
 */
function deepseekPrefix({ baseUrl }: Endpoint): ChatPrefix | undefined {
  return baseUrl.endsWith("/beta") ? { messageFields: { prefix: true } } : undefined;
}

function definitionOf(preset: CompatiblePreset | undefined, baseUrl: string | undefined): ProviderDefinition {
  if (preset === undefined) {
    if (baseUrl === undefined)
      throw new TypeError(`Name a \`baseUrl\`, or a \`preset\`: ${Object.keys(PRESETS).join(", ")}.`);
    return { ...LOCAL, provider: "compatible", baseUrl, keyNames: [], protocol: chatCompletions(COMMON) };
  }
  if (!Object.hasOwn(PRESETS, preset)) {
    throw new TypeError(`There is no preset ${JSON.stringify(preset)}; there are ${Object.keys(PRESETS).join(", ")}.`);
  }
  const { dialect = COMMON, ...definition }: Preset = PRESETS[preset];
  return { ...definition, provider: preset, protocol: chatCompletions(dialect) };
}
