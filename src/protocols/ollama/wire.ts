/**
 * The types of what an Ollama server sends; every member may be missing or null somewhere.
 * @see https://docs.ollama.com/api/chat
 */

import type { Nullable } from "../common/wire-values.ts";

/** One line of a stream, or a complete reply: both have the same members. */
export interface WireResponse extends WireMetrics {
  readonly model?: Nullable<string>;
  /** A time with nanoseconds, of this line. */
  readonly created_at?: Nullable<string>;
  readonly message?: Nullable<WireMessage>;
  readonly response?: Nullable<string>;
  readonly done?: Nullable<boolean>;
  readonly done_reason?: Nullable<string>;
  readonly logprobs?: unknown;
  readonly error?: unknown;
}

export interface WireMessage {
  readonly content?: Nullable<string>;
  readonly thinking?: Nullable<string>;
  /** Pictures that the model made, in base64. */
  readonly images?: unknown;
  readonly tool_calls?: Nullable<readonly Nullable<WireToolCall>[]>;
}

/** A complete call. Servers before 0.12 give it no id. */
export interface WireToolCall {
  readonly id?: Nullable<string>;
  readonly function?: Nullable<{ readonly name?: Nullable<string>; readonly arguments?: unknown }>;
}

/** The counts and durations of the last line. Durations are in nanoseconds. A count of 0 is left out. */
export interface WireMetrics {
  readonly total_duration?: unknown;
  readonly load_duration?: unknown;
  readonly prompt_eval_count?: unknown;
  readonly prompt_eval_cached_count?: unknown;
  readonly prompt_eval_duration?: unknown;
  readonly eval_count?: unknown;
  readonly eval_duration?: unknown;
}
