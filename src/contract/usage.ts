/** The tokens of a reply. */

/**
 * Tokens as the provider bills them, in one definition for all: `inputTokens` includes cached input, `outputTokens`
 * includes reasoning. `totalTokens` is the provider's own total, or else the sum of the two.
 */
export interface TokenUsage {
  /** All input, cached or not. */
  readonly inputTokens: number;
  /** All output, thinking included. */
  readonly outputTokens: number;
  /** The provider's total, or else the sum of both. */
  readonly totalTokens: number;
  /** The part of `inputTokens` that was read from the provider's cache. */
  readonly cachedInputTokens?: number;
  /** The part of `inputTokens` that was written to the provider's cache. */
  readonly cacheWriteTokens?: number;
  /** The part of `outputTokens` that was spent on thinking. */
  readonly reasoningTokens?: number;
  /**
   * The service class that the provider reports, in its own word (`default`, `flex`, `priority`, `batch` …), with a
   * price of its own. It may differ from the one asked for. In a sum over several classes: all their words. Absent when
   * not reported.
   * @see https://platform.openai.com/docs/api-reference/chat/object#chat-object-service_tier
   * @see https://docs.anthropic.com/en/api/service-tiers
   */
  readonly serviceTier?: string;
  /**
   * The provider's own usage object, unchanged. In a sum over several requests (a session's tools, a recovery): an
   * array of them, in order; absent when one of them is missing.
   */
  readonly raw?: unknown;
}

/** The counts of a complete or partial reply, as its message has them. */
export interface ReplyUsage {
  readonly usage?: TokenUsage | undefined;
  readonly estimatedUsage?: TokenUsage | undefined;
}

/**
 * Returns the tokens of everything that a reply took: the provider's counts where they cover the complete reply, else
 * the estimate. The estimate includes the counts that the provider did report: the input of an aborted reply, say.
 * `undefined` where nothing is known.
 */
export function completeUsageOf(reply: ReplyUsage | null | undefined): TokenUsage | undefined {
  const { usage, estimatedUsage } = reply ?? {};
  return estimatedUsage ?? usage; // a message has an estimate only where `usage` is absent or does not cover it
}
