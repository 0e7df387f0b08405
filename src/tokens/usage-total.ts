/** The usage of several attempts at one reply. */

import { completeUsageOf, type ReplyUsage, type TokenUsage } from "../contract/usage.ts";

type Count = Exclude<keyof TokenUsage, "raw" | "serviceTier">;

/** The counts that every usage has. */
export const REQUIRED_COUNTS: readonly Count[] = ["inputTokens", "outputTokens", "totalTokens"];
/** The counts that only some providers report. */
export const OPTIONAL_COUNTS: readonly Count[] = ["cachedInputTokens", "cacheWriteTokens", "reasoningTokens"];

/** Adds up the reported usage, and separately the estimated usage of attempts that reported none. */
export class UsageTotal {
  /**
   * The sum of the usage that providers reported; absent while none did. Its `raw` is an array of theirs, if each has
   * one.
   */
  usage: TokenUsage | undefined;
  /** Present when the sum does not cover everything. */
  estimatedUsage: TokenUsage | undefined;
  #covers = true;
  #all: TokenUsage | undefined;

  /** Adds a complete or partial reply. */
  add(reply: ReplyUsage): void {
    if (reply.estimatedUsage) this.#covers = false;
    this.usage = withMore(this.usage, reply.usage);
    this.#all = withMore(this.#all, completeUsageOf(reply));
    this.estimatedUsage = this.#covers ? undefined : this.#all;
  }
}

/** Returns their sum, without the providers' own objects; a count of only one provider stays known. */
export function sumOf(one: TokenUsage, other: TokenUsage): TokenUsage {
  const known = OPTIONAL_COUNTS.filter((name) => one[name] !== undefined || other[name] !== undefined);
  return {
    inputTokens: one.inputTokens + other.inputTokens,
    outputTokens: one.outputTokens + other.outputTokens,
    totalTokens: one.totalTokens + other.totalTokens,
    ...Object.fromEntries(known.map((name) => [name, (one[name] ?? 0) + (other[name] ?? 0)])),
    ...jointTier(one, other),
  };
}

/** Returns the service of both: two that differ have no common price. */
function jointTier(one: TokenUsage, other: TokenUsage): Pick<TokenUsage, "serviceTier"> {
  const tiers = new Set([one, other].flatMap(({ serviceTier }) => serviceTier?.split(", ") ?? []));
  return tiers.size === 0 ? {} : { serviceTier: [...tiers].join(", ") };
}

function withMore(sum: TokenUsage | undefined, more: TokenUsage | undefined): TokenUsage | undefined {
  if (!sum || !more) return sum ?? more;
  const hasRaws = sum.raw !== undefined && more.raw !== undefined;
  return { ...sumOf(sum, more), ...(hasRaws && { raw: [...rawsOf(sum), ...rawsOf(more)] }) };
}

/** No provider's own object is an array: an array was made of several. */
function rawsOf({ raw }: TokenUsage): readonly unknown[] {
  return Array.isArray(raw) ? raw : [raw];
}
