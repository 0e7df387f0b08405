/** The providers of the command line, in the order in which their keys are looked up. */

import {
  AzureClient,
  BedrockClient,
  ClaudeClient,
  ClaudeModel,
  type ClientOptions,
  CompatibleClient,
  GeminiClient,
  GeminiModel,
  GrokClient,
  GrokModel,
  OllamaClient,
  OpenAIClient,
  OpenAIModel,
  OpenRouterClient,
  type ProviderClient,
  type ReasoningEffort,
  VertexClient,
} from "../index.ts";
import { awsIdentity, azureToken, googleToken } from "./cloud-credentials.ts";

/** One provider of the command line. */
export interface Provider {
  /** The variables with its key, in this order; empty if it needs none. */
  readonly keyNames: readonly string[];
  /** A small, cheap and current model; absent where only the server knows its models. */
  readonly defaultModel?: string;
  /**
   * The amount of thinking of `defaultModel`: the minimum, for a quick answer. Absent for a model that does not think
   * by default, or an unknown model.
   */
  readonly defaultReasoning?: ReasoningEffort;
  /** The address unless `--base-url` gives another; present where the server is asked for its models. */
  readonly localUrl?: string;
  /** Whether the key of a server that the user names by its address is not meant for this one. */
  readonly isCloud?: true;
  create(options: ClientOptions): ProviderClient;
}

/** The names of the providers. */
type OwnName =
  | "openai"
  | "xai"
  | "anthropic"
  | "gemini"
  | "openrouter"
  | "groq"
  | "deepseek"
  | "mistral"
  | "azure"
  | "bedrock"
  | "vertex"
  | "ollama"
  | "lmstudio"
  | "llamacpp"
  | "vllm"
  | "compatible";

/** The names of the providers, and other names for xAI and Anthropic. */
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
  azure: {
    keyNames: ["CLOUDLLM_AZURE_API_KEY", "AZURE_OPENAI_API_KEY", "AZURE_API_KEY"],
    isCloud: true,
    create: (options) => new AzureClient({ ...azureToken(process.env), ...options }),
  },
  bedrock: {
    keyNames: ["CLOUDLLM_BEDROCK_API_KEY", "AWS_BEARER_TOKEN_BEDROCK"],
    isCloud: true,
    create: (options) => new BedrockClient({ ...awsIdentity(process.env), ...options }),
  },
  vertex: {
    keyNames: ["CLOUDLLM_VERTEX_API_KEY", "GOOGLE_VERTEX_API_KEY", "GOOGLE_CLOUD_API_KEY", "GOOGLE_API_KEY"],
    isCloud: true,
    create: (options) => new VertexClient({ ...googleToken(process.env), ...options }),
  },
  ollama: {
    keyNames: ["OLLAMA_API_KEY"],
    localUrl: "http://127.0.0.1:11434/v1",
    create: ({ baseUrl, ...options }) => new OllamaClient({ ...options, baseUrl: baseUrl?.replace(/\/v1\/*$/, "") }),
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

/** The list of names for people. */
export const PROVIDER_NAMES: readonly ProviderName[] = Object.keys(PROVIDERS).filter(isProviderName);

/** The providers that are chosen when their key is set, in this order. */
export const HOSTED: readonly ProviderName[] = Object.keys(TABLE)
  .filter(isProviderName)
  .filter((name) => PROVIDERS[name].defaultModel !== undefined);

/** Returns whether the command line has a provider of that name. */
export function isProviderName(name: string): name is ProviderName {
  return Object.hasOwn(PROVIDERS, name);
}

/** Other variables that may already have a provider's key. */
export const KEY_LINES: readonly string[] = HOSTED.map((name) => {
  const common = PROVIDERS[name].keyNames.filter((key) => !key.startsWith("CLOUDLLM_"));
  return `  ${name.padEnd(11)} ${common.join(", ")}`;
});
