/** The usage object of Chat Completions, in the spellings of its vendors, as `TokenUsage`. */

import type { TokenUsage } from "../../contract/usage.ts";
import { countIn, countsOf, withCached } from "../common/usage-counts.ts";
import type { WireUsage } from "./wire.ts";

/** Returns the usage; `undefined` without counts of input and output. `serviceTier` comes from the chunk itself. */
export function usageOf(raw: unknown, serviceTier?: string): TokenUsage | undefined {
  if (typeof raw !== "object" || raw === null) return undefined;
  const wire = raw as WireUsage;
  const counts = countsOf(
    wire.prompt_tokens ?? wire.input_tokens,
    wire.completion_tokens ?? wire.output_tokens,
    wire.total_tokens,
  );
  if (!counts) return undefined;
  const { input: prompt, output: completion, total } = counts;
  const details = wire.prompt_tokens_details ?? wire.prompt_token_details ?? wire.input_tokens_details;
  const cached = countIn(
    details?.cached_tokens ??
      wire.prompt_cache_hit_tokens ??
      wire.num_cached_tokens ??
      wire.cached_tokens ??
      wire.cache_read_input_tokens,
  );
  const written = countIn(details?.cache_write_tokens);
  const reasoning = countIn(
    (wire.completion_tokens_details ?? wire.output_tokens_details)?.reasoning_tokens ?? wire.reasoning_tokens,
  );
  const input = withCached(prompt, cached);
  const thought = completion + (reasoning ?? 0);
  // xAI excludes thinking from the completion; others exclude it from the details also. The billed total includes it.
  const isApart = total === prompt + thought || total === input + thought;
  return {
    inputTokens: input,
    outputTokens: isApart ? thought : Math.max(completion, total - input),
    totalTokens: total,
    ...(cached !== undefined && { cachedInputTokens: cached }),
    ...(written !== undefined && { cacheWriteTokens: written }),
    ...(reasoning !== undefined && { reasoningTokens: reasoning }),
    ...(serviceTier !== undefined && { serviceTier }),
    raw,
  };
}
