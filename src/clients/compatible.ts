/** Any server that speaks OpenAI's Chat Completions. */

import { commonChat, deepseekChat, groqChat, llamacppChat, mistralChat, vllmChat } from "#runtime";
import { optionsFault } from "../contract/validate.ts";
import { type ClientOptions, CONSTRUCTOR_NAMES, givenOptions, type ProviderDefinition } from "./definition.ts";
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
} as const satisfies Record<string, Preset>;

/** `"ollama" | "lmstudio" | "llamacpp" | "vllm" | "groq" | "deepseek" | "mistral"`. */
export type CompatiblePreset = "ollama" | "lmstudio" | "llamacpp" | "vllm" | "groq" | "deepseek" | "mistral";

/** The options of `CompatibleClient`: a `baseUrl`, a `preset`, or a preset at another address. */
export type CompatibleClientOptions = ClientOptions &
  (
    | { readonly baseUrl: string; readonly preset?: CompatiblePreset | undefined }
    | { readonly preset: CompatiblePreset }
  );

/**
 * A client of any server that speaks Chat Completions. Local servers need no key. Hosted presets read the key from
 * `apiKey` or the environment (`GROQ_API_KEY`, `DEEPSEEK_API_KEY`, `MISTRAL_API_KEY`).
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
    const { preset, ...rest } = givenOptions(options);
    super(definitionOf(preset, rest), rest);
  }
}

function definitionOf(preset: CompatiblePreset | undefined, options: ClientOptions): ProviderDefinition {
  if (preset === undefined) {
    const { baseUrl } = options;
    if (baseUrl === undefined) {
      // A misspelt `baseUrl` first: to say that it is missing would not help.
      const fault = optionsFault({ ...options }, [...CONSTRUCTOR_NAMES, "preset"]);
      const presets = Object.keys(PRESETS).join(", ");
      throw new TypeError(fault ?? `\`baseUrl\` and \`preset\` are missing. Pass one. Valid presets: ${presets}.`);
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
  const hosted = [PRESETS.groq, PRESETS.deepseek, PRESETS.mistral];
  return hosted.find((preset) => new URL(preset.baseUrl).host === host)?.protocol ?? commonChat;
}
