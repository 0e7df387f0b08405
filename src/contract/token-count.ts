/** The size of a request, known before it is sent. */

/** The input tokens of a request. */
export interface TokenCount {
  /** The tokens of the messages, tools and schemas, those from the provider's cache included. */
  readonly inputTokens: number;
  /**
   * `"provider"`: the provider's own count of this very request. `"estimate"`: this library's. Its figure for text is
   * mostly within 20 %, and the one for a picture or file is a guess.
   */
  readonly source: "provider" | "estimate";
  /** The part of `inputTokens` that is in a cache that the request names; absent when not reported. */
  readonly cachedInputTokens?: number;
  /** The provider's id of the counting request. */
  readonly requestId?: string;
}
