/** What a reply cost, in tokens. */

/**
 * Tokens as the provider bills them. One definition for all: `inputTokens` includes cached input, `outputTokens` includes
 * reasoning, and `totalTokens` is what the provider calls the total, or else their sum.
 */
export interface TokenUsage {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly totalTokens: number;
  /** The part of `inputTokens` that was read from the provider's cache. */
  readonly cachedInputTokens?: number;
  /** The part of `inputTokens` that was written to the provider's cache. */
  readonly cacheWriteTokens?: number;
  /** The part of `outputTokens` that was spent on thinking. */
  readonly reasoningTokens?: number;
  /**
   * The service the provider says it gave, in its own word (`default`, `flex`, `priority`, `batch` …), which has its own price;
   * not what was asked for. Of a sum over several services: all their words. Absent when it did not say.
   * @see https://platform.openai.com/docs/api-reference/chat/object#chat-object-service_tier
   * @see https://docs.anthropic.com/en/api/service-tiers
   */
  readonly serviceTier?: string;
  /**
   * The provider's own usage object, as it came. Of a sum over several requests (a session's tools, a recovery): a list of them,
   * in order; absent when one of them is missing.
   */
  readonly raw?: unknown;
}
