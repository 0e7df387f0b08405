/** Gemini's `usageMetadata` as `TokenUsage`. */

import type { TokenUsage } from "../../contract/usage.ts";
import { countIn, countsOf } from "../common/usage-counts.ts";
import type { WireUsage } from "./wire.ts";

/** `undefined` when it does not tell what went in and what came out, as some early events do not. */
export function geminiUsageOf(raw: unknown): TokenUsage | undefined {
  if (typeof raw !== "object" || raw === null) return undefined;
  const wire = raw as WireUsage;
  const thoughts = countIn(wire.thoughtsTokenCount) ?? 0;
  const forTools = countIn(wire.toolUsePromptTokenCount) ?? 0;
  const [prompt, candidates] = [countIn(wire.promptTokenCount), countIn(wire.candidatesTokenCount)];
  // What tools of the provider's own put before the model is input on top of the prompt, and thoughts are not among the
  // candidates' tokens. A last report may lack those; the total has them.
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
