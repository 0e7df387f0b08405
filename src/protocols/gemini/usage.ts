/** Gemini's `usageMetadata` as `TokenUsage`. */

import type { TokenUsage } from "../../contract/usage.ts";
import { countIn, countsOf } from "../common/usage-counts.ts";
import type { WireUsage } from "./wire.ts";

/** Returns the usage; `undefined` without counts of input and output, as in some early events. */
export function geminiUsageOf(raw: unknown): TokenUsage | undefined {
  if (typeof raw !== "object" || raw === null) return undefined;
  const wire = raw as WireUsage;
  const thoughts = countIn(wire.thoughtsTokenCount) ?? 0;
  const forTools = countIn(wire.toolUsePromptTokenCount) ?? 0;
  const [prompt, candidates] = [countIn(wire.promptTokenCount), countIn(wire.candidatesTokenCount)];
  // The input includes what provider tools add to the prompt, and the output includes thoughts. The last report may
  // lack these counts, but its total includes them.
  const counts = countsOf(
    prompt === undefined ? undefined : prompt + forTools,
    candidates === undefined ? undefined : candidates + thoughts,
    wire.totalTokenCount,
  );
  if (!counts) return undefined;
  const { input: inputTokens, output, total: totalTokens } = counts;
  const outputTokens = Math.max(output, thoughts);
  return {
    inputTokens,
    outputTokens,
    totalTokens,
    ...(countIn(wire.cachedContentTokenCount) !== undefined && {
      cachedInputTokens: Number(wire.cachedContentTokenCount),
    }),
    ...(countIn(wire.thoughtsTokenCount) !== undefined && { reasoningTokens: Number(wire.thoughtsTokenCount) }),
    ...(typeof wire.serviceTier === "string" && { serviceTier: wire.serviceTier }),
    raw,
  };
}
