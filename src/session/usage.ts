/** What a conversation has cost so far. What providers reported and what we reckon stand apart. */

import type { AssistantMessage, TokenUsage } from "../contract/message.ts";
import { OPTIONAL_COUNTS, REQUIRED_COUNTS, sumOf } from "../tokens/usage-total.ts";

/** What one turn cost, and at whose price. A turn that was taken back from the history was paid for all the same. */
export interface TurnUsage {
  readonly provider: string;
  readonly model: string;
  /** What the provider reported, with its own object as `raw`: a bill may stand there. Absent when it reported nothing. */
  readonly usage?: TokenUsage;
  /** Our estimate of the whole turn, where `usage` is absent or does not cover all of it. */
  readonly estimatedUsage?: TokenUsage;
}

/** Tokens of a whole conversation: as the providers reported them, and apart from that what they did not report. */
export interface SessionUsage extends Omit<TokenUsage, "raw" | "serviceTier"> {
  /** Our estimate of what the providers did not report, such as the end of a reply that was cut. Never in the sums beside it. */
  readonly estimated: Omit<TokenUsage, "raw" | "serviceTier">;
  /** One for each reply that began, in order. */
  readonly turns: readonly TurnUsage[];
}

const NOTHING: TokenUsage = { inputTokens: 0, outputTokens: 0, totalTokens: 0 };

/** What a reply cost; absent when nobody said. */
export function turnUsageOf({ provider, model, usage, estimatedUsage }: AssistantMessage): TurnUsage | undefined {
  if (!usage && !estimatedUsage) return undefined;
  return { provider, model, ...(usage && { usage }), ...(estimatedUsage && { estimatedUsage }) };
}

/** The sum over all turns. */
export function sessionUsageOf(turns: readonly TurnUsage[]): SessionUsage {
  // Turns may be of many providers, whose words mean nothing in one row.
  const { serviceTier: _tier, ...reported } = turns.reduce((sum, { usage = NOTHING }) => sumOf(sum, usage), NOTHING);
  const estimated = turns.reduce((sum, turn) => sumOf(sum, unreportedOf(turn)), NOTHING);
  return { ...reported, estimated, turns };
}

/** Whether a value is what `turnUsageOf` made. */
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

/** An estimate covers the whole turn, the reported part included. */
function unreportedOf({ usage = NOTHING, estimatedUsage = NOTHING }: TurnUsage): TokenUsage {
  const inputTokens = Math.max(0, estimatedUsage.inputTokens - usage.inputTokens);
  const outputTokens = Math.max(0, estimatedUsage.outputTokens - usage.outputTokens);
  return { inputTokens, outputTokens, totalTokens: inputTokens + outputTokens };
}
