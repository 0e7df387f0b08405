/** The usage object of Responses as `TokenUsage`. */

import type { TokenUsage } from "../message.ts";

type Count = number | null | undefined;

interface WireUsage {
  readonly input_tokens?: Count;
  readonly input_tokens_details?: { readonly cached_tokens?: Count; readonly cache_write_tokens?: Count } | null;
  readonly output_tokens?: Count;
  readonly output_tokens_details?: { readonly reasoning_tokens?: Count } | null;
  readonly total_tokens?: Count;
}

/** `undefined` when it is not a usage object. `serviceTier` stands in the response beside it. */
export function responsesUsageOf(raw: unknown, serviceTier?: string): TokenUsage | undefined {
  if (typeof raw !== "object" || raw === null) return undefined;
  const wire = raw as WireUsage;
  if (typeof wire.input_tokens !== "number" && typeof wire.output_tokens !== "number") return undefined;
  const input = wire.input_tokens ?? 0;
  const output = wire.output_tokens ?? 0;
  const cached = wire.input_tokens_details?.cached_tokens ?? undefined;
  const written = wire.input_tokens_details?.cache_write_tokens ?? undefined;
  const reasoning = wire.output_tokens_details?.reasoning_tokens ?? undefined;
  // xAI leaves cached tokens out of the input when there are more of them than of the rest.
  const inputTokens = cached !== undefined && cached > input ? input + cached : input;
  return {
    inputTokens,
    outputTokens: output,
    totalTokens: wire.total_tokens ?? inputTokens + output,
    ...(cached !== undefined && { cachedInputTokens: cached }),
    ...(written !== undefined && { cacheWriteTokens: written }),
    ...(reasoning !== undefined && { reasoningTokens: reasoning }),
    ...(serviceTier !== undefined && { serviceTier }),
    raw,
  };
}
