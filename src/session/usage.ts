/** The tokens that a conversation has used so far. Reported counts and estimates are kept apart. */

import type { AssistantMessage } from "../contract/message.ts";
import type { TokenUsage } from "../contract/usage.ts";
import { OPTIONAL_COUNTS, REQUIRED_COUNTS, sumOf } from "../tokens/usage-total.ts";

/**
 * The tokens of one reply, and the provider and model that bill them. Replies that were removed from the history are
 * billed and so counted.
 */
export interface TurnUsage {
  readonly provider: string;
  readonly model: string;
  /**
   * The counts that the provider reported, with its own object as `raw`, which may contain the cost. Absent when it
   * reported none.
   */
  readonly usage?: TokenUsage;
  /** An estimate of the complete reply, present when `usage` is absent or does not cover all of it. */
  readonly estimatedUsage?: TokenUsage;
}

/** The tokens of a conversation: the sums that the providers reported, and an estimate of the rest. */
export interface SessionUsage extends Omit<TokenUsage, "raw" | "serviceTier"> {
  /**
   * An estimate of the tokens that the providers did not report, such as the end of an aborted reply. The sums do not
   * include it.
   */
  readonly estimated: Omit<TokenUsage, "raw" | "serviceTier">;
  /** One entry for each reply that began, in order. */
  readonly turns: readonly TurnUsage[];
}

const NOTHING: TokenUsage = { inputTokens: 0, outputTokens: 0, totalTokens: 0 };

/** Returns the tokens of a reply; `undefined` when they are unknown. */
export function turnUsageOf({ provider, model, usage, estimatedUsage }: AssistantMessage): TurnUsage | undefined {
  if (!usage && !estimatedUsage) return undefined;
  return { provider, model, ...(usage && { usage }), ...(estimatedUsage && { estimatedUsage }) };
}

/** Returns the sums over all turns. */
export function sessionUsageOf(turns: readonly TurnUsage[]): SessionUsage {
  // Turns may have several providers, whose service tiers have no common meaning.
  const { serviceTier: _tier, ...reported } = turns.reduce((sum, { usage = NOTHING }) => sumOf(sum, usage), NOTHING);
  const estimated = turns.reduce((sum, turn) => sumOf(sum, unreportedOf(turn)), NOTHING);
  return { ...reported, estimated, turns };
}

/** Whether a value is a valid `TurnUsage`. */
export function isTurnUsage(value: unknown): value is TurnUsage {
  if (typeof value !== "object" || value === null) return false;
  const { provider, model, usage, estimatedUsage } = value as Partial<TurnUsage>;
  if (typeof provider !== "string" || typeof model !== "string") return false;
  return (usage === undefined || isUsage(usage)) && (estimatedUsage === undefined || isUsage(estimatedUsage));
}

function isUsage(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const usage = value as Partial<Record<keyof TokenUsage, unknown>>;
  const isCount = (count: unknown) => typeof count === "number" && count >= 0;
  return (
    REQUIRED_COUNTS.every((name) => isCount(usage[name])) &&
    OPTIONAL_COUNTS.every((name) => usage[name] === undefined || isCount(usage[name])) &&
    (usage.serviceTier === undefined || typeof usage.serviceTier === "string")
  );
}

/**
 * Returns the estimated tokens beyond the reported ones. An estimate covers the complete reply, the reported part
 * included.
 */
function unreportedOf({ usage = NOTHING, estimatedUsage = NOTHING }: TurnUsage): TokenUsage {
  const inputTokens = Math.max(0, estimatedUsage.inputTokens - usage.inputTokens);
  const outputTokens = Math.max(0, estimatedUsage.outputTokens - usage.outputTokens);
  return { inputTokens, outputTokens, totalTokens: inputTokens + outputTokens };
}
