/** The usage object of Responses as `TokenUsage`. */

import type { TokenUsage } from "../../contract/usage.ts";
import { countIn, countsOf, withCached } from "../common/usage-counts.ts";
import type { WireUsage } from "./wire.ts";

/**
 * Returns the usage; `undefined` without counts of input and output. `serviceTier` comes from the response itself, and
 * so does the bill of provider tools (`tool_usage`: images), which goes into the raw object.
 */
export function responsesUsageOf(raw: unknown, serviceTier?: string, toolUsage?: unknown): TokenUsage | undefined {
  if (typeof raw !== "object" || raw === null) return undefined;
  const wire = raw as WireUsage;
  const counts = countsOf(
    wire.input_tokens ?? wire.prompt_tokens,
    wire.output_tokens ?? wire.completion_tokens,
    wire.total_tokens,
  );
  if (!counts) return undefined;
  const { input, output } = counts;
  const cached = countIn(wire.input_tokens_details?.cached_tokens);
  const written = countIn(wire.input_tokens_details?.cache_write_tokens);
  const reasoning = countIn(wire.output_tokens_details?.reasoning_tokens);
  const inputTokens = withCached(input, cached);
  return {
    inputTokens,
    outputTokens: output,
    totalTokens: countIn(wire.total_tokens) ?? inputTokens + output,
    ...(cached !== undefined && { cachedInputTokens: cached }),
    ...(written !== undefined && { cacheWriteTokens: written }),
    ...(reasoning !== undefined && { reasoningTokens: reasoning }),
    ...(serviceTier !== undefined && { serviceTier }),
    raw: isBilled(toolUsage) ? { ...raw, tool_usage: toolUsage } : raw,
  };
}

/** Returns whether a tool was billed. Responses list every tool, mostly with zeros. */
function isBilled(toolUsage: unknown): boolean {
  if (typeof toolUsage !== "object" || toolUsage === null) return false;
  return Object.values(toolUsage).some((tool: unknown) => {
    if (typeof tool !== "object" || tool === null) return false;
    return Object.values(tool).some((count) => typeof count === "number" && count > 0);
  });
}
