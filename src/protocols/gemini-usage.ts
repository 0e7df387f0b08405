/** Gemini's `usageMetadata` as `TokenUsage`. */

import type { TokenUsage } from "../message.ts";

type Count = number | null | undefined;

interface WireUsage {
  readonly promptTokenCount?: Count;
  readonly cachedContentTokenCount?: Count;
  readonly candidatesTokenCount?: Count;
  readonly thoughtsTokenCount?: Count;
  readonly toolUsePromptTokenCount?: Count;
  readonly totalTokenCount?: Count;
  readonly serviceTier?: unknown;
}

/** `undefined` when it says nothing of tokens, as some early events do. */
export function geminiUsageOf(raw: unknown): TokenUsage | undefined {
  if (typeof raw !== "object" || raw === null) return undefined;
  const wire = raw as WireUsage;
  if (typeof wire.promptTokenCount !== "number" && typeof wire.totalTokenCount !== "number") return undefined;
  const thoughts = wire.thoughtsTokenCount ?? 0;
  // What tools of the provider's own put before the model is input on top of the prompt.
  const inputTokens = (wire.promptTokenCount ?? 0) + (wire.toolUsePromptTokenCount ?? 0);
  // Thoughts are not among the candidates' tokens; a last report may lack those, the total has them.
  const candidates = wire.candidatesTokenCount ?? Math.max(0, (wire.totalTokenCount ?? 0) - inputTokens - thoughts);
  const outputTokens = candidates + thoughts;
  return {
    inputTokens,
    outputTokens,
    totalTokens: wire.totalTokenCount ?? inputTokens + outputTokens,
    ...(typeof wire.cachedContentTokenCount === "number" && { cachedInputTokens: wire.cachedContentTokenCount }),
    ...(typeof wire.thoughtsTokenCount === "number" && { reasoningTokens: wire.thoughtsTokenCount }),
    ...(typeof wire.serviceTier === "string" && { serviceTier: wire.serviceTier }),
    raw,
  };
}
