/** Anthropic's usage object as `TokenUsage`. */

import type { TokenUsage } from "../../contract/usage.ts";
import { countIn, countsOf } from "../common/usage-counts.ts";
import type { AnthropicUsage, Count, Iteration } from "./wire.ts";

/**
 * Returns both reports as one. Counts are cumulative: the later report replaces the earlier, except for counts that it
 * lacks. Gateways that count at one place only report zeros at the other.
 */
export function mergedUsage(earlier: AnthropicUsage, later: unknown): AnthropicUsage {
  if (typeof later !== "object" || later === null) return earlier;
  const given = Object.entries(later).filter(([, value]) => value !== null && value !== undefined);
  const merged: AnthropicUsage = { ...earlier, ...Object.fromEntries(given) };
  return {
    ...merged,
    ...(earlier.input_tokens && !countIn(merged.input_tokens) && { input_tokens: earlier.input_tokens }),
    ...(earlier.output_tokens && !countIn(merged.output_tokens) && { output_tokens: earlier.output_tokens }),
  };
}

/** Returns the usage; `undefined` without counts of input and output. */
export function anthropicUsageOf(raw: AnthropicUsage): TokenUsage | undefined {
  if (!countsOf(raw.input_tokens, raw.output_tokens, undefined)) return undefined;
  const billed = billedPartsOf(raw);
  const sum = (count: (part: AnthropicUsage) => Count) =>
    billed.reduce((total, part) => total + (countIn(count(part)) ?? 0), 0);
  const cached = sum((part) => part.cache_read_input_tokens);
  const written = sum((part) => part.cache_creation_input_tokens);
  // Anthropic's input leaves both cache counts out.
  const inputTokens = sum((part) => part.input_tokens) + cached + written;
  const outputTokens = sum((part) => part.output_tokens);
  const thinking = countIn(raw.output_tokens_details?.thinking_tokens);
  return {
    inputTokens,
    outputTokens,
    totalTokens: inputTokens + outputTokens,
    ...(countIn(raw.cache_read_input_tokens) !== undefined && { cachedInputTokens: cached }),
    ...(countIn(raw.cache_creation_input_tokens) !== undefined && { cacheWriteTokens: written }),
    ...(thinking !== undefined && { reasoningTokens: thinking }),
    ...(typeof raw.service_tier === "string" && { serviceTier: raw.service_tier }),
    raw,
  };
}

/**
 * Returns the parts that are billed. The totals exclude the cost of compaction, which the iterations include. Where
 * another model took over, the totals are right.
 */
function billedPartsOf(raw: AnthropicUsage): readonly AnthropicUsage[] {
  const reported: unknown = raw.iterations;
  const iterations = (Array.isArray(reported) ? (reported as readonly (Iteration | null)[]) : []).filter(
    (one) => one !== null,
  );
  const isCompacted = iterations.some(({ type }) => type === "compaction");
  if (!isCompacted || iterations.some(({ type }) => type === "fallback_message")) return [raw];
  return iterations.filter(({ type }) => type === "message" || type === "compaction");
}
