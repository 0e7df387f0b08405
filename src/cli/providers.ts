/** The providers that can be named on the command line, in the order in which their keys are looked for. */

import {
  ClaudeClient,
  ClaudeModel,
  type ClientOptions,
  CompatibleClient,
  GeminiClient,
  GeminiModel,
  GrokClient,
  GrokModel,
  OpenAIClient,
  OpenAIModel,
  OpenRouterClient,
  type ProviderClient,
  type ReasoningEffort,
} from "../index.ts";

/** One provider, as the command line knows it. */
export interface Provider {
  /** Where its client looks for a key, in this order; empty where none is needed. */
  readonly keyNames: readonly string[];
  /** A small, cheap and current one; absent where only the server knows what it has. */
  readonly defaultModel?: string;
  /**
   * How much `defaultModel` is asked to think: as little as it can, since it is here for a quick answer. Absent where it does not think
   * unasked, or where the answering model is unknown.
   */
  readonly defaultReasoning?: ReasoningEffort;
  /** Where it listens unless `--base-url` says otherwise; present where the server is asked for its models. */
  readonly localUrl?: string;
  create(options: ClientOptions): ProviderClient;
}

/** The names under which providers answer. */
type OwnName =
  | "openai"
  | "xai"
  | "anthropic"
  | "gemini"
  | "openrouter"
  | "groq"
  | "deepseek"
  | "mistral"
  | "ollama"
  | "lmstudio"
  | "llamacpp"
  | "vllm"
  | "compatible";

/** Those, and what people say for xAI and Anthropic. */
export type ProviderName = OwnName | "grok" | "claude";

const TABLE: Readonly<Record<OwnName, Provider>> = {
  openai: {
    keyNames: ["CLOUDLLM_OPENAI_API_KEY", "OPENAI_API_KEY", "OPEN_AI_SECRET"],
    defaultModel: OpenAIModel.GPT6Luna,
    defaultReasoning: "none",
    create: (options) => new OpenAIClient(options),
  },
  xai: {
    keyNames: ["CLOUDLLM_XAI_API_KEY", "XAI_API_KEY"],
    defaultModel: GrokModel.Grok43,
    defaultReasoning: "none",
    create: (options) => new GrokClient(options),
  },
  anthropic: {
    keyNames: ["CLOUDLLM_ANTHROPIC_API_KEY", "ANTHROPIC_API_KEY"],
    defaultModel: ClaudeModel.ClaudeHaiku55,
    defaultReasoning: "none",
    create: (options) => new ClaudeClient(options),
  },
  gemini: {
    keyNames: ["CLOUDLLM_GEMINI_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GENERATIVE_AI_API_KEY"],
    defaultModel: GeminiModel.Gemini35FlashLite,
    defaultReasoning: "none",
    create: (options) => new GeminiClient(options),
  },
  openrouter: {
    keyNames: ["CLOUDLLM_OPENROUTER_API_KEY", "OPENROUTER_API_KEY"],
    defaultModel: "openrouter/auto",
    create: (options) => new OpenRouterClient(options),
  },
  groq: {
    keyNames: ["CLOUDLLM_GROQ_API_KEY", "GROQ_API_KEY"],
    defaultModel: "openai/gpt-oss-20b",
    defaultReasoning: "low",
    create: (options) => new CompatibleClient({ ...options, preset: "groq" }),
  },
  deepseek: {
    keyNames: ["CLOUDLLM_DEEPSEEK_API_KEY", "DEEPSEEK_API_KEY"],
    defaultModel: "deepseek-flash",
    defaultReasoning: "none",
    create: (options) => new CompatibleClient({ ...options, preset: "deepseek" }),
  },
  mistral: {
    keyNames: ["CLOUDLLM_MISTRAL_API_KEY", "MISTRAL_API_KEY"],
    defaultModel: "mistral-small-latest",
    create: (options) => new CompatibleClient({ ...options, preset: "mistral" }),
  },
  ollama: {
    keyNames: ["OLLAMA_API_KEY"],
    localUrl: "http://localhost:11434/v1",
    create: (options) => new CompatibleClient({ ...options, preset: "ollama" }),
  },
  lmstudio: {
    keyNames: [],
    localUrl: "http://localhost:1234/v1",
    create: (options) => new CompatibleClient({ ...options, preset: "lmstudio" }),
  },
  llamacpp: {
    keyNames: [],
    localUrl: "http://localhost:8080/v1",
    create: (options) => new CompatibleClient({ ...options, preset: "llamacpp" }),
  },
  vllm: {
    keyNames: [],
    localUrl: "http://localhost:8000/v1",
    create: (options) => new CompatibleClient({ ...options, preset: "vllm" }),
  },
  compatible: {
    keyNames: [],
    create: ({ baseUrl = "", ...options }) => new CompatibleClient({ ...options, baseUrl }),
  },
};

export const PROVIDERS: Readonly<Record<ProviderName, Provider>> = {
  ...TABLE,
  grok: TABLE.xai,
  claude: TABLE.anthropic,
};

/** As they are listed to people. */
export const PROVIDER_NAMES: readonly ProviderName[] = Object.keys(PROVIDERS).filter(isProviderName);

/** Those that are chosen when their key is set, in this order. */
export const HOSTED: readonly ProviderName[] = Object.keys(TABLE)
  .filter(isProviderName)
  .filter((name) => PROVIDERS[name].defaultModel !== undefined);

export function isProviderName(name: string): name is ProviderName {
  return Object.hasOwn(PROVIDERS, name);
}

/** Provider by provider, the names under which others look for its key, too: those that people have set already. */
export const KEY_LINES: readonly string[] = HOSTED.map((name) => {
  const common = PROVIDERS[name].keyNames.filter((key) => !key.startsWith("CLOUDLLM_"));
  return `  ${name.padEnd(11)} ${common.join(", ")}`;
});
