/** The differences between the vendors of Chat Completions in the requests that they accept. */

import type { ReasoningEffort, SearchParameters } from "../../contract/options.ts";
import { derived } from "../../platform/derived.ts";
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

/** The kinds of media that a part of the user's turn may have. */
export type InputKind = "image" | "file" | "audio";

/** The differences in one vendor's requests. */
export interface ChatDialect {
  /** The field of `maxOutputTokens`. Newer models refuse the old name; most other servers know only the old name. */
  readonly maxTokensField: "max_completion_tokens" | "max_tokens";
  /** Sent with a streamed request; absent where the vendor refuses it. */
  readonly streamOptions?: JsonObject;
  readonly seedField?: "random_seed";
  readonly requiredToolChoice?: "any";
  /** Whether the vendor refuses a `toolChoice` that requires some call. */
  readonly refusesRequiredTool?: true;
  /** Sent with every request. */
  readonly fields?: JsonObject;
  /** Sent with a streamed request that has tools. */
  readonly streamedToolFields?: JsonObject;
  /**
   * How a request asks for structured output. `json_object`: the server only ensures JSON, and the prompt describes the
   * schema. `none`: the server ignores it. Absent: by JSON Schema.
   */
  readonly outputFormat?: "json_object" | "none";
  /** Returns the fields that request an effort of thinking. Absent: `reasoning_effort`, as in the protocol. */
  readonly reasoning?: (effort: ReasoningEffort, context: RequestContext) => JsonObject;
  /** Returns the fields that request a search; absent where there is none. */
  readonly search?: (search: SearchParameters, context: RequestContext) => JsonObject;
  /** The fields of a request without a search, where the vendor always searches. */
  readonly noSearch?: JsonObject;
  /** Returns whether a model thinks, where that decides which other options it takes. */
  readonly capabilitiesOf?: (model: string) => ReasoningCapabilities;
  /** Returns whether a model refuses an option. */
  readonly refuses?: (option: "temperature" | "topP" | "stop", model: string, thinks: boolean) => boolean;
  /** Options that the vendor ignores. */
  readonly unsupported?: readonly ("seed" | "reasoning" | "search" | "tools")[];
  readonly advice?: string;
  readonly maxTemperature?: number;
  /** Maximum number of stop strings. */
  readonly maxStops?: number;
  /** The field or header of a conversation's cache key. */
  readonly cacheKey?: { readonly field: string } | { readonly header: string };
  /** Models whose prompts must be marked to be cached. */
  readonly cacheMarks?: RegExp;
  readonly takesMetadata?: true;
  /** Models that require a list of tools, even an empty one, after calls. */
  readonly requiresToolsAfterCalls?: RegExp;
  /** Whether schemas of tools go out without `additionalProperties: false`, which the vendor implies. */
  readonly stripsAdditionalProperties?: true;
  /** A tool without arguments has no schema: older models refuse one without properties. */
  readonly omitsNoParameters?: true;
  /** Keywords that a model's provider refuses at the root of a tool's schema. */
  readonly rootRefusals?: (model: string) => readonly string[];
  /** Returns what a model takes in addition to text. Absent: everything that the protocol has a form for. */
  readonly inputs?: (model: string) => readonly InputKind[];
  /** The form of files, given by bytes or URL, where it is not OpenAI's. */
  readonly filePart?: "document_url";
  /** Whether the content of a reply may come in parts, some of them as plain text. */
  readonly splitsContent?: true;
  /** Which thinking goes back with earlier replies; absent: none. */
  readonly reasoningReplay?: ReasoningRule;
  /** Whether a model refuses signed thinking of another conversation: Claude since 5.1. */
  readonly bindsThinking?: (model: string) => boolean;
  /** Models that refuse text that is only white space: Claude. */
  readonly refusesBlankText?: RegExp;
  /** Returns the order of turns that a model requires. Absent: any order. */
  readonly turnOrder?: OrderRule;
  /** Returns whether a model requires a signature on the first call of an earlier reply, as Gemini does. */
  readonly isSignedFirst?: (model: string) => boolean;
  /** Whether images go back in the turn that generated them. */
  readonly replaysImages?: true;
  /** Whether sounds go back by their id, while it is valid. */
  readonly replaysSounds?: true;
  /** Whether tool call ids have exactly nine characters, as Mistral requires. */
  readonly nineCharacterIds?: true;
  readonly maxCallIdLength?: number;
  /**
   * Returns how a request makes the server continue the last message as the beginning of its answer; absent where it
   * cannot.
   */
  readonly prefix?: (endpoint: Endpoint) => ChatPrefix | undefined;
}

/** The fields that make a server continue the last message. */
interface ChatPrefix {
  readonly messageFields?: JsonObject;
  readonly fields?: JsonObject;
}

/** The fields that most servers take. */
const USUAL: ChatDialect = {
  maxTokensField: "max_tokens",
  streamOptions: { include_usage: true },
  maxCallIdLength: 40, // OpenAI's: others take longer ones, or not
};

/** The dialect of a server of which only the address and the model's name are known. */
export const COMMON_CHAT: ChatDialect = /* @__PURE__ */ derived(USUAL, {
  reasoningReplay: commonReplay,
  turnOrder: commonOrder,
});

/** @see https://platform.openai.com/docs/api-reference/chat/create */
export const OPENAI_CHAT: ChatDialect = {
  maxTokensField: "max_completion_tokens",
  // Without this, every chunk holds a random text.
  streamOptions: { include_usage: true, include_obfuscation: false },
  reasoning: /* @__PURE__ */ effortOf(openaiCapabilitiesOf),
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
  reasoning: /* @__PURE__ */ effortOf(xaiCapabilitiesOf),
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
 * Anthropic's endpoint for trials, which ignores more options than its documentation lists.
 * @see https://docs.anthropic.com/en/api/openai-sdk
 */
export const ANTHROPIC_CHAT: ChatDialect = /* @__PURE__ */ derived(USUAL, {
  outputFormat: "none",
  unsupported: ["seed", "reasoning", "search"],
  refusesBlankText: /^/,
  advice: 'Anthropic\'s own protocol may have it: `api: "messages"`.',
  maxTemperature: 1,
  inputs: () => ["image"],
  rootRefusals: () => ANTHROPIC_ROOT_REFUSALS,
});

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
export const OPENROUTER_CHAT: ChatDialect = /* @__PURE__ */ derived(USUAL, {
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
});

/** @see https://console.groq.com/docs/reasoning */
export const GROQ_CHAT: ChatDialect = /* @__PURE__ */ derived(USUAL, {
  maxTokensField: "max_completion_tokens",
  reasoning: groqReasoning,
  inputs: () => ["image"],
});

/** @see https://api-docs.deepseek.com */
export const DEEPSEEK_CHAT: ChatDialect = /* @__PURE__ */ derived(USUAL, {
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
});

/** @see https://docs.mistral.ai/api */
export const MISTRAL_CHAT: ChatDialect = {
  // The server refuses a request for usage with 422, and sends usage in any case.
  maxTokensField: "max_tokens",
  seedField: "random_seed",
  requiredToolChoice: "any",
  reasoning: mistralReasoning,
  inputs: () => ["image", "file"],
  filePart: "document_url",
  splitsContent: true,
  reasoningReplay: () => ({ place: "parts", turns: "all" }),
  turnOrder: mistralOrder,
  nineCharacterIds: true,
  /** @see https://docs.mistral.ai/api/#tag/chat */
  prefix: () => ({ messageFields: { prefix: true } }),
};

/** @see https://docs.aws.amazon.com/bedrock/latest/userguide/inference-chat-completions.html */
export const BEDROCK_CHAT: ChatDialect = /* @__PURE__ */ derived(COMMON_CHAT, {
  maxTokensField: "max_completion_tokens",
});

export const LLAMACPP_CHAT: ChatDialect = /* @__PURE__ */ derived(COMMON_CHAT, {
  reasoningReplay: llamacppReplay,
  prefix: continuesFinalMessage,
});

/** @see https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html */
export const VLLM_CHAT: ChatDialect = /* @__PURE__ */ derived(COMMON_CHAT, { prefix: continuesFinalMessage });

/**
 * vLLM and llama.cpp continue an assistant's message at the end of the request if a field asks for it.
 * @see https://github.com/ggml-org/llama.cpp/pull/23012
 */
function continuesFinalMessage(): ChatPrefix {
  return { fields: { continue_final_message: true, add_generation_prompt: false } };
}
