/** The line under a reply: model, time to the first token, tokens, cost. Pure. */

import { type ChatReply, completeUsageOf } from "../web/index.ts";

/** Endings that a person should know about. */
const ENDINGS: Readonly<Record<string, string>> = {
  length: "cut off at the token limit",
  contentFilter: "withheld by a content filter",
  refusal: "refused",
  stopped: "stopped",
  budget: "ended at the budget of its turn",
  interrupted: "broke off",
};

/**
 * Returns a line such as `gpt-6-luna · 0.41 s to first token · 118 tokens · $0.000048`; `≈` marks an estimate. Empty
 * where nothing is known.
 * @param cost in US dollars; absent where it is unknown
 */
export function figuresOf(reply: ChatReply, cost: number | undefined): string {
  const { model, metrics, finishReason } = reply;
  const about = reply.estimatedUsage ? "≈" : "";
  const tokens = completeUsageOf(reply)?.outputTokens;
  return [
    model,
    metrics?.timeToFirstChunkMs !== undefined && `${secondsOf(metrics.timeToFirstChunkMs)} to first token`,
    tokens !== undefined && `${about}${tokens.toLocaleString("en")} ${tokens === 1 ? "token" : "tokens"}`,
    cost !== undefined && cost > 0 && `${about}${dollarsOf(cost)}`,
    finishReason !== undefined && ENDINGS[finishReason],
  ]
    .filter(Boolean)
    .join(" · ");
}

function secondsOf(ms: number): string {
  return ms < 9_995 ? `${(ms / 1_000).toFixed(2)} s` : `${(ms / 1_000).toFixed(1)} s`;
}

/** In cents from a dollar on, else with two significant digits. */
function dollarsOf(cost: number): string {
  if (cost >= 0.995) return `$${cost.toFixed(2)}`;
  const rounded = Number(cost.toPrecision(2));
  const decimals = Math.max(2, 1 - Math.floor(Math.log10(rounded)));
  return `$${rounded.toFixed(Math.min(decimals, 12))}`;
}

/** A reply whose cost is asked for. */
export interface CostQuestion {
  readonly provider: string;
  readonly model: string;
  readonly usage: NonNullable<ChatReply["usage"]>;
}

/** Returns the question for the cost of a reply; `undefined` where its tokens or its model are unknown. */
export function costQuestionOf(reply: ChatReply): CostQuestion | undefined {
  const { provider, model } = reply;
  const usage = completeUsageOf(reply);
  return provider === undefined || model === undefined || !usage ? undefined : { provider, model, usage };
}
