/** What several attempts at one reply have cost together. */

import type { AssistantMessage, TokenUsage } from "../message.ts";

const COUNTS = [
  "inputTokens",
  "outputTokens",
  "totalTokens",
  "cachedInputTokens",
  "cacheWriteTokens",
  "reasoningTokens",
] as const satisfies readonly (keyof TokenUsage)[];

/** Adds up what was reported, and beside it what was not, as estimated. */
export class Spending {
  /** The sum of what providers reported; absent while none did. `raw` is kept of one report that stands alone. */
  usage: TokenUsage | undefined;
  /** Present when the sum does not cover everything. */
  estimatedUsage: TokenUsage | undefined;
  #covers = true;
  #all: TokenUsage | undefined;

  /** A reply, or the part of one that came. */
  add({ usage, estimatedUsage }: Pick<AssistantMessage, "usage" | "estimatedUsage">): void {
    if (estimatedUsage) this.#covers = false;
    this.usage = sumOf(this.usage, usage);
    this.#all = sumOf(this.#all, estimatedUsage ?? usage);
    this.estimatedUsage = this.#covers ? undefined : this.#all;
  }
}

function sumOf(one: TokenUsage | undefined, other: TokenUsage | undefined): TokenUsage | undefined {
  if (!one || !other) return one ?? other;
  const sum: Partial<Record<(typeof COUNTS)[number], number>> = {};
  for (const name of COUNTS) {
    const value =
      one[name] === undefined && other[name] === undefined ? undefined : (one[name] ?? 0) + (other[name] ?? 0);
    if (value !== undefined) sum[name] = value;
  }
  return { ...one, ...sum, ...jointTier(one, other), raw: undefined } as TokenUsage;
}

/** The services of both: of two that differ there is no one price. */
export function jointTier(one: TokenUsage, other: TokenUsage): Pick<TokenUsage, "serviceTier"> {
  const tiers = new Set([one, other].flatMap(({ serviceTier }) => serviceTier?.split(", ") ?? []));
  return tiers.size === 0 ? {} : { serviceTier: [...tiers].join(", ") };
}
