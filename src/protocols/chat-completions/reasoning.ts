/** The effort of thinking, in the fields of each vendor of Chat Completions. */

import type { ReasoningEffort } from "../../contract/options.ts";
import type { JsonObject } from "../../platform/json-object.ts";
import { geminiCapabilitiesOf } from "../capabilities/gemini.ts";
import { LEVELS, type ReasoningCapabilities } from "../capabilities/reasoning.ts";
import { nearestEffort } from "../common/reasoning-effort.ts";
import type { RequestContext } from "../protocol.ts";

type Ask = (effort: ReasoningEffort, context: RequestContext) => JsonObject;

const LEVELS_ONLY = 'Give a level such as "low" or "high".';

/** Returns an effort as one of the words that a model takes. Reports it where the model takes none or others. */
export function level(effort: ReasoningEffort, words: readonly string[], context: RequestContext): string | undefined {
  if (typeof effort === "object") {
    context.unsupported("`reasoning.maxTokens`", LEVELS_ONLY);
    return undefined;
  }
  const word = nearestEffort(effort, words);
  if (words.includes(word)) return word;
  const advice =
    words.length === 0 ? "This model has no setting for the amount of thinking." : `It takes ${words.join(", ")}.`;
  context.unsupported(`\`reasoning: "${effort}"\``, advice);
  return undefined;
}

/** The protocol's own field, for unknown servers. */
export const commonReasoning: Ask = (effort, context) => {
  const word = level(effort, ["none", "low", "medium", "high"], context);
  return word === undefined ? {} : { reasoning_effort: word };
};

/** Returns the protocol's own field, for models of known capabilities. */
export function effortOf(capabilitiesOf: (model: string) => ReasoningCapabilities): Ask {
  return (effort, context) => {
    const { reasons, efforts } = capabilitiesOf(context.endpoint.model);
    if (reasons === "never") {
      if (effort !== "none") context.unsupported("`reasoning`", "This model does not think.");
      return {};
    }
    const word = level(effort, efforts, context);
    return word === undefined ? {} : { reasoning_effort: word };
  };
}

/**
 * OpenRouter translates it for each model.
 * @see https://openrouter.ai/docs/use-cases/reasoning-tokens
 */
export const openrouterReasoning: Ask = (effort) => {
  if (effort === "none") return { reasoning: { effort: "none" } };
  // Some of the providers behind it require both fields.
  return {
    reasoning: { enabled: true, ...(typeof effort === "object" ? { max_tokens: effort.maxTokens } : { effort }) },
  };
};

/**
 * Returns the fields of DeepSeek.
 * @see https://api-docs.deepseek.com/guides/thinking_mode
 */
export const deepseekReasoning: Ask = (effort, context) => {
  if (effort === "none" && /reasoner|r1/i.test(context.endpoint.model)) {
    context.unsupported('`reasoning: "none"`', "This model always thinks.");
    return {};
  }
  // It takes `xhigh` for `max`.
  const word = level(effort === "xhigh" ? "max" : effort, ["none", "low", "medium", "high", "max"], context);
  if (word === undefined) return {};
  return word === "none"
    ? { thinking: { type: "disabled" } }
    : { thinking: { type: "enabled" }, reasoning_effort: word };
};

/**
 * Returns the fields of Groq.
 * @see https://console.groq.com/docs/reasoning
 */
export const groqReasoning: Ask = (effort, context) => {
  const { model } = context.endpoint;
  if (/gpt-oss/.test(model)) {
    const word = level(effort, ["low", "medium", "high"], context);
    return word === undefined ? {} : { reasoning_effort: word };
  }
  if (/qwen-?3/.test(model)) {
    const word = level(effort, ["none", "low", "medium", "high"], context);
    if (word === undefined) return {};
    // Only the latest have levels. Without parsing, the text would contain the thinking.
    const thinks = /qwen-?3\.[89]/.test(model) ? word : "default";
    return word === "none" ? { reasoning_effort: "none" } : { reasoning_effort: thinks, reasoning_format: "parsed" };
  }
  if (effort !== "none") context.unsupported("`reasoning`", "This model is not known to think.");
  return {};
};

/**
 * Returns the fields of Mistral.
 * @see https://docs.mistral.ai/capabilities/reasoning
 */
export const mistralReasoning: Ask = (effort, context) => {
  const { model } = context.endpoint;
  if (/magistral/.test(model)) {
    // It always thinks, and chooses the effort itself.
    if (level(effort, ["high"], context) === undefined) return {};
    return { prompt_mode: "reasoning" };
  }
  // The alias means Large 4, which always thinks.
  const levels = /small|medium/.test(model) ? ["none", "high"] : /large-(latest|[4-9](?!\d))/.test(model) ? LEVELS : [];
  if (levels.length > 0) {
    const word = level(effort, levels, context);
    return word === undefined ? {} : { reasoning_effort: word };
  }
  if (effort !== "none") context.unsupported("`reasoning`", "This model does not think.");
  return {};
};

/**
 * Returns the fields of Gemini.
 * @see https://ai.google.dev/gemini-api/docs/openai#thinking
 */
export const geminiReasoning: Ask = (effort, context) => {
  const { thinking, canStopThinking } = geminiCapabilitiesOf(context.endpoint.model);
  if (thinking === "none") {
    if (effort !== "none") context.unsupported("`reasoning`", "This model does not think.");
    return {};
  }
  if (effort === "none" && !canStopThinking) {
    context.unsupported('`reasoning: "none"`', "This model always thinks.");
    return {};
  }
  if (typeof effort === "object" && thinking === "budget")
    return { extra_body: { google: { thinking_config: { thinking_budget: effort.maxTokens } } } };
  const word = level(effort, ["none", "low", "medium", "high"], context);
  if (word === undefined) return {};
  // This is the minimum of models that take levels.
  return { reasoning_effort: word === "none" && thinking === "level" ? "minimal" : word };
};
