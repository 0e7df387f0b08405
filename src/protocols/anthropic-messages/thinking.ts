/** Enables or disables a model's thinking in an Anthropic Messages request. */

import { SendError } from "../../contract/errors.ts";
import type { ClaudeCapabilities } from "../capabilities/claude.ts";
import { nearestEffort } from "../common/reasoning-effort.ts";
import type { Piece } from "../common/thinking-binding.ts";
import type { AnthropicContext } from "./context.ts";
import { type Block, turnsOf, type WireTurn } from "./messages.ts";

/** Tokens of thinking for models that want a budget; they have no level above `high`. */
const BUDGETS = { low: 4_096, medium: 16_384, high: 32_768, xhigh: 32_768, max: 32_768 } as const;
const MIN_BUDGET = 1_024;

/** Minimum number of tokens for the answer where `maxOutputTokens` is lower than a level's budget. */
const MIN_ANSWER = 256;

/**
 * Requests summaries of thinking. Models that think by default report their progress between tool calls as thinking,
 * which is empty without this: a program would show nothing for minutes.
 * @see https://platform.claude.com/docs/en/build-with-claude/thinking
 */
const SHOWN = { type: "adaptive", display: "summarized" } as const;

/** The thinking fields of a request. */
export interface Thinking {
  /** The member `thinking`. */
  readonly field?: Block;
  readonly effort?: string;
  readonly isOn: boolean;
  readonly hasBudget: boolean;
}

/**
 * Returns whether the model thinks, and the fields that say so.
 * @see https://docs.anthropic.com/en/docs/build-with-claude/adaptive-thinking
 */
export function thinkingOf(context: AnthropicContext, maxTokens: number, pieces: readonly Piece[]): Thinking {
  const { options, capabilities } = context;
  const thinking = askedOf(context, maxTokens) ?? byDefault(capabilities);
  if (thinking.hasBudget && isUnthoughtLoop(turnsOf(pieces))) return { isOn: false, hasBudget: false };
  const own = options.providerOptions?.thinking;
  const isOwnType = typeof own === "object" && own !== null && "type" in own && own.type !== thinking.field?.type;
  if (!isOwnType) return thinking;
  // The provider refuses our fields next to the caller's own type.
  const { field: _field, ...rest } = thinking;
  return rest;
}

function byDefault({ thinksByDefault }: ClaudeCapabilities): Thinking {
  return thinksByDefault ? { field: SHOWN, isOn: true, hasBudget: false } : { isOn: false, hasBudget: false };
}

/**
 * Returns the thinking that the option `reasoning` requests; `undefined` where it is absent or the model does so by
 * default.
 */
function askedOf({ options, capabilities, unsupported }: AnthropicContext, maxTokens: number): Thinking | undefined {
  const { reasoning } = options;
  if (reasoning === undefined) return undefined;
  if (reasoning === "none") {
    if (capabilities.stopsThinking === "byOmission") return undefined;
    if (capabilities.stopsThinking !== "never")
      return { field: { type: capabilities.stopsThinking }, isOn: false, hasBudget: false };
    unsupported('`reasoning: "none"`', "This model always thinks.");
    return undefined;
  }
  if (capabilities.thinking === "none") {
    unsupported("`reasoning`", "This model does not think.");
    return undefined;
  }
  if (typeof reasoning !== "object") {
    if (capabilities.thinking === "budget")
      return budgetOf(Math.min(BUDGETS[reasoning], maxTokens - MIN_ANSWER), maxTokens);
    return { field: SHOWN, effort: nearestEffort(reasoning, capabilities.efforts), isOn: true, hasBudget: false };
  }
  if (capabilities.thinking === "adaptive") {
    const advice = 'Give a level such as "low" or "high": this model keeps its own budget.';
    unsupported("`reasoning.maxTokens`", advice);
    return undefined;
  }
  return budgetOf(reasoning.maxTokens, maxTokens);
}

function budgetOf(budget: number, maxTokens: number): Thinking {
  if (budget < MIN_BUDGET || budget >= maxTokens) {
    const message = `The thinking budget is ${budget} tokens, but must be at least ${MIN_BUDGET} and less than \`maxOutputTokens\` (${maxTokens}). Raise \`maxOutputTokens\`, or change \`reasoning\`.`;
    throw new SendError("invalidRequest", message);
  }
  return { field: { type: "enabled", budget_tokens: budget }, isOn: true, hasBudget: true };
}

/**
 * Returns whether the model is in a loop of calls that began without its thinking, since another model or provider
 * began it. With a budget, the server refuses thinking in such a loop, so the rest of the loop runs without.
 */
function isUnthoughtLoop(turns: readonly WireTurn[]): boolean {
  const contains = (turn: WireTurn | undefined, ...types: readonly unknown[]) =>
    turn?.content.some(({ type }) => types.includes(type)) ?? false;
  const asked = turns.findLastIndex((turn) => turn.role === "user" && !contains(turn, "tool_result"));
  return contains(turns.at(-1), "tool_result") && !contains(turns[asked + 1], "thinking", "redacted_thinking");
}
