/** Any server that speaks OpenAI's Chat Completions. */

import {
  cerebrasChat,
  commonChat,
  deepseekChat,
  groqChat,
  llamacppChat,
  minimaxChat,
  mistralChat,
  moonshotChat,
  perplexityChat,
  vllmChat,
  zaiChat,
} from "#runtime";
import { type ClientOptions, givenOptions, type ProviderDefinition } from "./definition.ts";
import { ProviderClient } from "./provider-client.ts";

type Preset = Omit<ProviderDefinition, "provider">;

/** Servers with a known address and known behavior, by the name for `preset`. */
const PRESETS = {
  ollama: {
    keyOptional: true,
    isLocal: true,
    baseUrl: "http://localhost:11434/v1",
    keyNames: ["OLLAMA_API_KEY"],
    protocol: commonChat,
  },
  lmstudio: {
    keyOptional: true,
    isLocal: true,
    baseUrl: "http://localhost:1234/v1",
    keyNames: [],
    protocol: commonChat,
  },
  llamacpp: {
    keyOptional: true,
    isLocal: true,
    baseUrl: "http://localhost:8080/v1",
    keyNames: [],
    protocol: llamacppChat,
  },
  vllm: {
    keyOptional: true,
    isLocal: true,
    baseUrl: "http://localhost:8000/v1",
    keyNames: [],
    protocol: vllmChat,
  },
  groq: {
    baseUrl: "https://api.groq.com/openai/v1",
    keyNames: ["CLOUDLLM_GROQ_API_KEY", "GROQ_API_KEY"],
    protocol: groqChat,
  },
  deepseek: {
    baseUrl: "https://api.deepseek.com",
    keyNames: ["CLOUDLLM_DEEPSEEK_API_KEY", "DEEPSEEK_API_KEY"],
    protocol: deepseekChat,
  },
  mistral: {
    baseUrl: "https://api.mistral.ai/v1",
    keyNames: ["CLOUDLLM_MISTRAL_API_KEY", "MISTRAL_API_KEY"],
    protocol: mistralChat,
  },
  together: {
    baseUrl: "https://api.together.xyz/v1",
    keyNames: ["CLOUDLLM_TOGETHER_API_KEY", "TOGETHER_API_KEY"],
    protocol: commonChat,
  },
  fireworks: {
    baseUrl: "https://api.fireworks.ai/inference/v1",
    keyNames: ["CLOUDLLM_FIREWORKS_API_KEY", "FIREWORKS_API_KEY"],
    protocol: commonChat,
  },
  cerebras: {
    baseUrl: "https://api.cerebras.ai/v1",
    keyNames: ["CLOUDLLM_CEREBRAS_API_KEY", "CEREBRAS_API_KEY"],
    protocol: cerebrasChat,
  },
  moonshot: {
    baseUrl: "https://api.moonshot.ai/v1",
    keyNames: ["CLOUDLLM_MOONSHOT_API_KEY", "MOONSHOT_API_KEY"],
    protocol: moonshotChat,
  },
  zai: {
    baseUrl: "https://api.z.ai/api/paas/v4",
    keyNames: ["CLOUDLLM_ZAI_API_KEY", "ZAI_API_KEY"],
    protocol: zaiChat,
  },
  minimax: {
    baseUrl: "https://api.minimax.io/v1",
    keyNames: ["CLOUDLLM_MINIMAX_API_KEY", "MINIMAX_API_KEY"],
    protocol: minimaxChat,
  },
  perplexity: {
    baseUrl: "https://api.perplexity.ai",
    keyNames: ["CLOUDLLM_PERPLEXITY_API_KEY", "PERPLEXITY_API_KEY"],
    protocol: perplexityChat,
  },
} as const satisfies Record<string, Preset>;

/** Local servers, then hosted ones. */
export type CompatiblePreset =
  | "ollama"
  | "lmstudio"
  | "llamacpp"
  | "vllm"
  | "groq"
  | "deepseek"
  | "mistral"
  | "together"
  | "fireworks"
  | "cerebras"
  | "moonshot"
  | "zai"
  | "minimax"
  | "perplexity";

/** The options of `CompatibleClient`: a `baseUrl`, a `preset`, or a preset at another address. */
export type CompatibleClientOptions = ClientOptions &
  (
    | { readonly baseUrl: string; readonly preset?: CompatiblePreset | undefined }
    | { readonly preset: CompatiblePreset }
  );

/**
 * A client of any server that speaks Chat Completions. Local servers need no key. Hosted presets read the key from
 * `apiKey` or the environment (`GROQ_API_KEY`, `TOGETHER_API_KEY` and so on).
 * @throws {TypeError} when an option is unknown or invalid
 * @example
 * ```ts
 * import { CompatibleClient } from "cloudllm";
 *
 * export const local = new CompatibleClient({ preset: "ollama", model: "llama3.2" });
 * export const other = new CompatibleClient({ baseUrl: "http://localhost:9000/v1", model: "mine" });
 * ```
 */
export class CompatibleClient extends ProviderClient {
  constructor(options: CompatibleClientOptions & { readonly preset?: CompatiblePreset | undefined }) {
    const { preset, ...rest } = givenOptions(options, "preset");
    super(definitionOf(preset, rest), rest);
  }
}

function definitionOf(preset: CompatiblePreset | undefined, options: ClientOptions): ProviderDefinition {
  if (preset === undefined) {
    const { baseUrl } = options;
    if (baseUrl === undefined) {
      const presets = Object.keys(PRESETS).join(", ");
      throw new TypeError(`\`baseUrl\` and \`preset\` are missing. Pass one. Valid presets: ${presets}.`);
    }
    return {
      keyOptional: true,
      provider: "compatible",
      baseUrl,
      keyNames: [],
      protocol: protocolAt(baseUrl),
    };
  }
  if (!Object.hasOwn(PRESETS, preset)) {
    throw new TypeError(`Unknown preset ${JSON.stringify(preset)}. Valid presets: ${Object.keys(PRESETS).join(", ")}.`);
  }
  return { ...PRESETS[preset], provider: preset };
}

/** Hosted servers are also known by their address; an invalid address is rejected elsewhere. */
function protocolAt(baseUrl: string): ProviderDefinition["protocol"] {
  const host = URL.canParse(baseUrl) ? new URL(baseUrl).host : "";
  // Only hosted presets have `https:`. On the caller's own machine, any server may have the address.
  const known = Object.values(PRESETS).find((preset) => `${preset.baseUrl}/`.startsWith(`https://${host}/`));
  return known?.protocol ?? commonChat;
}
