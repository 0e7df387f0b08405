/**
 * The types of what a Chat Completions server sends; every member may be missing or null somewhere.
 * @see https://platform.openai.com/docs/api-reference/chat-streaming
 */

import type { Nullable } from "../common/wire-values.ts";

/** The object on the wire; every member may be missing or null somewhere. */
export interface WireChunk {
  readonly id?: Nullable<string>;
  readonly model?: Nullable<string>;
  readonly object?: Nullable<string>;
  readonly choices?: Nullable<readonly Nullable<WireChoice>[]>;
  readonly usage?: unknown;
  readonly service_tier?: unknown;
  readonly x_groq?: Nullable<{ readonly usage?: unknown; readonly error?: unknown }>;
  readonly error?: unknown;
  /** MiniMax's state of a request, and the codes of other vendors' errors. */
  readonly base_resp?: unknown;
  readonly code?: unknown;
  /** Perplexity: URLs, and the same sources with titles. */
  readonly citations?: Nullable<readonly unknown[]>;
  readonly search_results?: Nullable<readonly Nullable<{ readonly url?: unknown; readonly title?: unknown }>[]>;
}

export interface WireChoice {
  readonly index?: Nullable<number>;
  readonly delta?: Nullable<WireDelta>;
  readonly message?: Nullable<WireDelta>;
  readonly text?: unknown;
  readonly finish_reason?: Nullable<string>;
  /** OpenRouter: the word of the provider behind it. */
  readonly native_finish_reason?: unknown;
  /** OpenRouter: the provider behind it failed. */
  readonly error?: unknown;
  readonly logprobs?: unknown;
  readonly usage?: unknown;
}

export interface WireDelta {
  readonly error?: unknown;
  readonly content?: Nullable<string | readonly WirePart[]>;
  readonly refusal?: Nullable<string>;
  readonly reasoning_content?: unknown;
  readonly reasoning?: unknown;
  readonly reasoning_text?: unknown;
  readonly thinking?: unknown;
  readonly reasoning_details?: Nullable<readonly ReasoningDetail[]>;
  readonly thinking_blocks?: Nullable<readonly ThinkingBlock[]>;
  readonly tool_calls?: Nullable<readonly WireToolCall[]>;
  readonly function_call?: WireToolCall["function"];
  readonly annotations?: Nullable<readonly WireAnnotation[]>;
  readonly audio?: unknown;
  readonly images?: unknown;
}

export interface WireToolCall {
  readonly index?: unknown;
  readonly id?: unknown;
  readonly function?: Nullable<{
    readonly name?: Nullable<string>;
    readonly arguments?: unknown;
    readonly provider_specific_fields?: unknown;
  }>;
  /** A call of a tool that takes plain text. */
  readonly custom?: Nullable<{ readonly name?: Nullable<string>; readonly input?: Nullable<string> }>;
  /** Gemini's signature: of Google, of LiteLLM, and of other gateways. */
  readonly extra_content?: unknown;
  readonly provider_specific_fields?: unknown;
  readonly thought_signature?: unknown;
}

/** Some servers send the citation without this envelope. */
export interface WireAnnotation extends UrlCitation {
  readonly url_citation?: Nullable<UrlCitation>;
}

export interface UrlCitation {
  readonly url?: Nullable<string>;
  readonly title?: Nullable<string>;
  readonly content?: Nullable<string>;
  readonly start_index?: Nullable<number>;
  readonly end_index?: Nullable<number>;
}

/** One element of OpenRouter's `reasoning_details`. */
export interface ReasoningDetail {
  readonly type?: string;
  readonly id?: string | null;
  readonly index?: number;
  readonly text?: string | null;
  readonly summary?: string | null;
  readonly data?: string | null;
  readonly signature?: string | null;
}

/** A piece of Claude's thinking behind LiteLLM. The piece with the signature ends a block. */
export interface ThinkingBlock {
  readonly type?: string;
  readonly thinking?: string | null;
  readonly signature?: string | null;
}

/** One of Mistral's content parts, or Databricks'. */
export interface WirePart {
  readonly type?: string;
  readonly text?: string | null;
  readonly refusal?: string | null;
  readonly thinking?: readonly WirePart[] | string | null;
  readonly summary?: readonly WirePart[] | null;
}

/** A sound, or a piece of one: every member may be missing. */
export interface WireAudio {
  readonly id?: unknown;
  readonly data?: string | null;
  readonly transcript?: string | null;
  /** Seconds since 1970. */
  readonly expires_at?: unknown;
}

export interface WireUsage {
  readonly prompt_tokens?: number | null;
  readonly completion_tokens?: number | null;
  readonly total_tokens?: number | null;
  readonly prompt_tokens_details?: WireDetails | null;
  /** Mistral's spelling. */
  readonly prompt_token_details?: WireDetails | null;
  readonly completion_tokens_details?: { readonly reasoning_tokens?: number | null } | null;
  /** DeepSeek, Moonshot, Mistral. */
  readonly prompt_cache_hit_tokens?: number | null;
  readonly cached_tokens?: number | null;
  readonly num_cached_tokens?: number | null;
  /** Names of other protocols, which gateways leave in place. */
  readonly input_tokens?: number | null;
  readonly output_tokens?: number | null;
  readonly cache_read_input_tokens?: number | null;
  readonly input_tokens_details?: WireDetails | null;
  readonly output_tokens_details?: { readonly reasoning_tokens?: number | null } | null;
  /** Azure's DeepSeek. */
  readonly reasoning_tokens?: number | null;
}

interface WireDetails {
  readonly cached_tokens?: number | null;
  readonly cache_write_tokens?: number | null;
}
