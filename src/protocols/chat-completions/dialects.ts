/** How the vendors of Chat Completions differ in what they take. */

import type { ReasoningEffort, SearchParameters } from "../../contract/options.ts";
import type { JsonObject } from "../../platform/json-object.ts";
import { claudeCapabilitiesOf } from "../capabilities/claude.ts";
import { geminiCapabilitiesOf } from "../capabilities/gemini.ts";
import { openaiCapabilitiesOf, openaiInputs, openaiRefusesSampling } from "../capabilities/openai.ts";
import type { ReasoningCapabilities } from "../capabilities/reasoning.ts";
import { xaiCapabilitiesOf } from "../capabilities/xai.ts";
import { ANTHROPIC_ROOT_REFUSALS, OPENAI_ROOT_REFUSALS } from "../common/tool-parameters.ts";
import type { Endpoint, RequestContext } from "../protocol.ts";
import {
  deepseekReasoning,
  effortOf,
  geminiReasoning,
  groqReasoning,
  mistralReasoning,
  openrouterReasoning,
} from "./reasoning.ts";
import { commonReplay, deepseekReplay, llamacppReplay, type ReasoningRule } from "./reasoning-replay.ts";
import { openaiSearch, openrouterSearch, SEARCH_MODELS } from "./search.ts";
import { commonOrder, deepseekOrder, mistralOrder, type OrderRule, openrouterOrder } from "./turn-order.ts";

/** What a part of the user's turn may be. */
export type InputKind = "image" | "file" | "audio";

/** How one vendor's requests differ. */
export interface ChatDialect {
  /** The name of the limit on output: newer models refuse the old name, most other servers know only that. */
  readonly maxTokensField: "max_completion_tokens" | "max_tokens";
  /** Sent with a streamed request; absent where the vendor refuses it. */
  readonly streamOptions?: JsonObject;
  readonly seedField?: "random_seed";
  readonly requiredToolChoice?: "any";
  /**
   * How a reply of a certain shape is asked for. Default: by its JSON Schema. `json_object`: the server only sees to it
   * that the reply is JSON, and the model is told the shape. `none`: the server ignores it.
   */
  readonly outputFormat?: "json_object" | "none";
  /** The fields that ask for so much thinking. Absent: `reasoning_effort`, as the protocol has it. */
  readonly reasoning?: (effort: ReasoningEffort, context: RequestContext) => JsonObject;
  /** The fields that ask for a search; absent where there is none. */
  readonly search?: (search: SearchParameters, context: RequestContext) => JsonObject;
  /** Which models think, where that decides what else they take. */
  readonly capabilitiesOf?: (model: string) => ReasoningCapabilities;
  /** Whether a model refuses an option, knowing whether it thinks. */
  readonly refuses?: (option: "temperature" | "topP" | "stop", model: string, thinks: boolean) => boolean;
  /** Options that the vendor ignores, and where to find them instead. */
  readonly unsupported?: readonly ("seed" | "reasoning" | "search")[];
  readonly advice?: string;
  readonly maxTemperature?: number;
  /** How many texts to stop at. */
  readonly maxStops?: number;
  /** Where the key of a conversation's cache goes. */
  readonly cacheKey?: { readonly field: string } | { readonly header: string };
  /** Models whose prompts must be marked to be cached. */
  readonly cacheMarks?: RegExp;
  readonly takesMetadata?: true;
  /** Models that want a list of tools, if an empty one, once there were calls. */
  readonly requiresToolsAfterCalls?: RegExp;
  /** Tools are described without `additionalProperties: false`, which is what is meant anyway. */
  readonly stripsAdditionalProperties?: true;
  /** A tool without arguments has no schema: older models refuse one without properties. */
  readonly omitsNoParameters?: true;
  /** Keywords that a model's provider refuses at the root of a tool's schema. */
  readonly rootRefusals?: (model: string) => readonly string[];
  /** What a model's input may hold beside text. Absent: everything there is a form for. */
  readonly inputs?: (model: string) => readonly InputKind[];
  /** The form of files, given by bytes or URL, where it is not OpenAI's. */
  readonly filePart?: "document_url";
  /** Which thinking goes back with earlier replies; absent: none. */
  readonly reasoningReplay?: ReasoningRule;
  /** Whether a model refuses signed thinking of another conversation: Claude since 5.1. */
  readonly bindsThinking?: (model: string) => boolean;
  /** Models behind which text of nothing but white space is refused: Claude. */
  readonly refusesBlankText?: RegExp;
  /** In which order the turns go out; absent: as they are. */
  readonly turnOrder?: OrderRule;
  /** Models that want the first of an earlier reply's calls signed: Gemini's. */
  readonly isSignedFirst?: (model: string) => boolean;
  /** Pictures go back in the turn that made them, as they came. */
  readonly replaysImages?: true;
  /** Sounds go back by their id, while it holds. */
  readonly replaysSounds?: true;
  /** Mistral's tool call ids. */
  readonly nineCharacterIds?: true;
  readonly maxCallIdLength?: number;
  /**
   * How a server is told to go on with the last message, which is the beginning of its answer; absent where none can
   * be.
   */
  readonly prefix?: (endpoint: Endpoint) => ChatPrefix | undefined;
}

/** What is sent so that the last message is gone on with. */
interface ChatPrefix {
  readonly messageFields?: JsonObject;
  readonly fields?: JsonObject;
}

/** What most servers understand. */
const USUAL: ChatDialect = {
  maxTokensField: "max_tokens",
  streamOptions: { include_usage: true },
  maxCallIdLength: 40, // OpenAI's: others take longer ones, or not
};

/** A server of which no more is known than its address and its model's name. */
export const COMMON_CHAT: ChatDialect = {
  ...USUAL,
  reasoningReplay: commonReplay,
  turnOrder: commonOrder,
};

/** @see https://platform.openai.com/docs/api-reference/chat/create */
export const OPENAI_CHAT: ChatDialect = {
  maxTokensField: "max_completion_tokens",
  // Without it every chunk carries a random text of its own.
  streamOptions: { include_usage: true, include_obfuscation: false },
  reasoning: effortOf(openaiCapabilitiesOf),
  search: openaiSearch,
  capabilitiesOf: openaiCapabilitiesOf,
  refuses: (option, model, thinks) =>
    option === "stop"
      ? /^(o3|o4-mini)/.test(model)
      : openaiRefusesSampling(model, thinks) || (option === "temperature" && SEARCH_MODELS.test(model)),
  maxStops: 4,
  cacheKey: { field: "prompt_cache_key" },
  takesMetadata: true,
  inputs: openaiInputs,
  replaysSounds: true,
  maxCallIdLength: 40,
  rootRefusals: () => OPENAI_ROOT_REFUSALS,
};

/** @see https://docs.x.ai/docs/api-reference#chat-completions */
export const XAI_CHAT: ChatDialect = {
  maxTokensField: "max_completion_tokens",
  streamOptions: { include_usage: true },
  reasoning: effortOf(xaiCapabilitiesOf),
  capabilitiesOf: xaiCapabilitiesOf,
  refuses: (option, _model, thinks) => option === "stop" && thinks,
  unsupported: ["search"],
  advice: 'Responses has it: `api: "responses"`.',
  cacheKey: { header: "x-grok-conv-id" },
  stripsAdditionalProperties: true,
  inputs: () => ["image"],
  maxCallIdLength: 40,
};

/**
 * Anthropic's endpoint for trials: it ignores more than it says.
 * @see https://docs.anthropic.com/en/api/openai-sdk
 */
export const ANTHROPIC_CHAT: ChatDialect = {
  ...USUAL,
  outputFormat: "none",
  unsupported: ["seed", "reasoning", "search"],
  refusesBlankText: /^/,
  advice: 'Anthropic\'s own protocol may have it: `api: "messages"`.',
  maxTemperature: 1,
  inputs: () => ["image"],
  rootRefusals: () => ANTHROPIC_ROOT_REFUSALS,
};

/** @see https://ai.google.dev/gemini-api/docs/openai */
export const GEMINI_CHAT: ChatDialect = {
  maxTokensField: "max_completion_tokens",
  streamOptions: { include_usage: true },
  reasoning: geminiReasoning,
  isSignedFirst: (model) => geminiCapabilitiesOf(model).wantsSignatures,
  unsupported: ["search"],
  advice: 'Gemini\'s own protocol has it: `api: "gemini"`.',
  omitsNoParameters: true,
  inputs: () => ["image", "audio"],
  maxCallIdLength: 40,
};

/** @see https://openrouter.ai/docs/api-reference/overview */
export const OPENROUTER_CHAT: ChatDialect = {
  ...USUAL,
  reasoning: openrouterReasoning,
  search: openrouterSearch,
  replaysImages: true,
  cacheMarks: /^~?anthropic\//,
  requiresToolsAfterCalls: /^~?anthropic\//,
  refusesBlankText: /^~?anthropic\//,
  bindsThinking: (model) => /^~?anthropic\//.test(model) && claudeCapabilitiesOf(model).bindsThinking,
  turnOrder: openrouterOrder,
  rootRefusals: (model) =>
    /^~?anthropic\//.test(model) ? ANTHROPIC_ROOT_REFUSALS : /^~?openai\//.test(model) ? OPENAI_ROOT_REFUSALS : [],
};

/** @see https://console.groq.com/docs/reasoning */
export const GROQ_CHAT: ChatDialect = {
  ...USUAL,
  maxTokensField: "max_completion_tokens",
  reasoning: groqReasoning,
  inputs: () => ["image"],
};

/** @see https://api-docs.deepseek.com */
export const DEEPSEEK_CHAT: ChatDialect = {
  ...USUAL,
  outputFormat: "json_object",
  reasoning: deepseekReasoning,
  inputs: () => [],
  /**
   * Only at its beta address.
   * @see https://api-docs.deepseek.com/guides/chat_prefix_completion
   */
  prefix: ({ baseUrl }) => (baseUrl.endsWith("/beta") ? { messageFields: { prefix: true } } : undefined),
  reasoningReplay: deepseekReplay,
  turnOrder: deepseekOrder,
};

/** @see https://docs.mistral.ai/api */
export const MISTRAL_CHAT: ChatDialect = {
  // A request for usage is refused with 422; usage comes unasked.
  maxTokensField: "max_tokens",
  seedField: "random_seed",
  requiredToolChoice: "any",
  reasoning: mistralReasoning,
  inputs: () => ["image", "file"],
  filePart: "document_url",
  reasoningReplay: () => ({ place: "parts", turns: "all" }),
  turnOrder: mistralOrder,
  nineCharacterIds: true,
  /** @see https://docs.mistral.ai/api/#tag/chat */
  prefix: () => ({ messageFields: { prefix: true } }),
};

export const LLAMACPP_CHAT: ChatDialect = {
  ...COMMON_CHAT,
  reasoningReplay: llamacppReplay,
  prefix: continuesFinalMessage,
};

/** @see https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html */
export const VLLM_CHAT: ChatDialect = { ...COMMON_CHAT, prefix: continuesFinalMessage };

/**
 * vLLM and llama.cpp take an assistant's message at the end as the beginning of the answer when told so.
 * @see https://github.com/ggml-org/llama.cpp/pull/23012
 */
function continuesFinalMessage(): ChatPrefix {
  return { fields: { continue_final_message: true, add_generation_prompt: false } };
}
