/** What a call may ask for. Every option is optional; the same names in the constructor of a client are its defaults. */

import type { RetryOptions } from "./retries.ts";
import type { Schema } from "./schema.ts";
import type { Timeouts } from "./timeouts.ts";

/** What a tool gets beside its arguments. */
export interface ToolContext {
  /** Fires when the caller's signal does, or when the reply is stopped: nobody wants the answer any more. */
  readonly signal: AbortSignal;
  readonly toolCallId: string;
}

/**
 * A function the model may ask to have called. `Arguments` is what `parameters` says they are: `tool` infers it. The default has
 * no fields to take out, so that arguments are typed or do not compile: those of type `unknown` would be taken apart into `any`.
 */
export interface Tool<Arguments = NonNullable<unknown>> {
  /** Letters, digits, `_` and `-`, at most 64. */
  readonly name: string;
  /** What it does and when to use it; the model decides by this text. */
  readonly description?: string | undefined;
  /** Schema of its arguments (an object): JSON Schema, or a schema library's. Absent for a function without any. */
  readonly parameters?: Schema<Arguments | null | undefined> | undefined;
  /**
   * Maximum time for one call, in milliseconds; 0 turns the limit off. When it passes, the tool's `signal` fires, the model receives
   * an error result, and a result that comes later is dropped.
   * @default no limit of its own; `timeouts.total` covers the whole turn
   */
  readonly timeoutMs?: number | undefined;
  /**
   * Does it. An `LLMSession` calls it with the arguments as `parameters` returned them, once the consumer has taken the last
   * `toolCall` chunk of the reply and asks for more: leaving the stream at a call is a veto. Without `run`, the caller answers.
   *
   * The result goes back to the model: a string as it is, everything else as JSON, `undefined` as `null`. A `Map` is sent as its
   * entries, a `Set` as an array, a nested `Error` as its name and message, a `bigint` and a number that is not finite as a string.
   *
   * The model receives an error result if the tool throws, returns an `Error`, or returns what is not data (a function, a symbol, a
   * `Promise` within the result, an object whose fields JSON does not see, a circular reference). It gets the message without the stack;
   * the program gets the error itself as `error` of the `toolResult` chunk, and in `SessionOptions.onToolError`.
   */
  run?(args: Arguments, context: ToolContext): unknown;
}

/**
 * Which tool the model must call: its own choice (default), none, at least one, or the one named. In a session that runs tools,
 * a choice that forces a call holds for the first reply of a turn; then the model chooses.
 */
export type ToolChoice = "auto" | "none" | "required" | { readonly name: string };

/** How much the model thinks before it answers. `maxTokens` is a budget, where the model takes one. */
export type ReasoningEffort = "none" | "low" | "medium" | "high" | "xhigh" | "max" | { readonly maxTokens: number };

/**
 * Whether the provider keeps the beginning of the request for the next one, which is then cheaper. Anthropic asks for it to
 * be marked; OpenAI and xAI do it by themselves, and better with a `key` that the requests of one conversation share.
 */
export type PromptCache = boolean | { readonly key?: string | undefined; readonly ttl?: "5m" | "1h" | undefined };

/** Web search asked of a provider, in one shape for all. */
export interface SearchParameters {
  /** `auto` lets the model decide (default), `on` asks for it, `off` forbids it. */
  readonly mode?: "auto" | "on" | "off" | undefined;
  /** Most results to consult. */
  readonly maxResults?: number | undefined;
  /** Only sources from this day on, as `YYYY-MM-DD`. */
  readonly fromDate?: string | undefined;
  /** Only sources up to this day, as `YYYY-MM-DD`. */
  readonly toDate?: string | undefined;
  readonly allowedDomains?: readonly string[] | undefined;
  readonly blockedDomains?: readonly string[] | undefined;
  /** Where the user is, as an ISO 3166-1 alpha-2 code. */
  readonly country?: string | undefined;
  readonly sources?: readonly ("web" | "x" | "news")[] | undefined;
  /** Whether sources are named in the reply. Default true. */
  readonly citations?: boolean | undefined;
}

/**
 * How a reply that breaks after its first chunk is brought to its end (reset, early end, silence, error inside the stream alike):
 *
 * - `resume`: where the provider goes on writing by itself, the same reply is taken up again where it broke. OpenAI's Responses
 *   can, and keeps such replies (`store`, for 30 days); elsewhere, and when that fails, as `continue`.
 * - `continue`: the provider is given the text that arrived, as the beginning of its answer where it takes one, else with the
 *   request to go on from there. What it repeats then is left out, for which at most some words are held back. Where the text repeats
 *   itself (equal rows, a refrain), nobody can know what is a repetition, and the call fails as `truncated`.
 *   A reply of which no text has come, or that must fit a schema (`output`), begins again as with `restart`.
 * - `restart`: the reply begins again. A `rewind` chunk, directly before its first one, says what to discard of what was shown.
 *
 * At most two times for one reply at one client (resuming goes on as long as it brings something new), and never once a tool
 * call was delivered: it would be run twice. A whole reply (`sendMessage`) is streamed inside, with the limits of a stream. A `fallback` goes on with its next client then. Whatever it took is in `usage` and,
 * one by one, in `metrics.attempts`.
 */
export type Recovery = "resume" | "continue" | "restart";

/** What may be said with one call. Everything is optional; the same names in a client's constructor are the defaults. */
export interface SendOptions<Output = unknown> {
  /** Ends the call with a `SendError` of kind `aborted` and closes the socket, at any moment. */
  readonly signal?: AbortSignal | undefined;
  readonly timeouts?: Timeouts | undefined;
  /**
   * How often a failed request is sent again, as long as no chunk was delivered: after a status, a broken or silent connection,
   * an early end, an error inside the stream, or an answer that is none. Default 2; 0 turns it off. Waits are random, from 0
   * to 0.5 s, then 1 s, up to 8 s; a `Retry-After` of up to 60 s is obeyed, a longer one ends the call. The calls of one client
   * share a budget: see `RetryOptions`.
   */
  readonly retries?: number | RetryOptions | undefined;
  /** What is done when a reply breaks after its first chunk: see `Recovery`. Default: the call fails, with what arrived. */
  readonly recover?: Recovery | undefined;
  /**
   * Maximum size of one reply, in bytes of its body after decompression, thinking, tool calls and framing included. A larger reply fails
   * with kind `protocol` (not retryable), with what arrived on `partial`: a megabyte of gzip can hold a thousand of text.
   * @default 67 108 864 (64 MiB)
   */
  readonly maxReplyBytes?: number | undefined;
  /** Extra request headers. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Most tokens to write, thinking included. */
  readonly maxOutputTokens?: number | undefined;
  /** 0 (always the likeliest word) to 2. */
  readonly temperature?: number | undefined;
  /** Only the likeliest words that together have this probability, 0 to 1. */
  readonly topP?: number | undefined;
  /** Texts at which the model stops writing. */
  readonly stop?: readonly string[] | undefined;
  /** Asks for repeatable choices; no provider promises them. */
  readonly seed?: number | undefined;
  readonly tools?: readonly Tool[] | undefined;
  readonly toolChoice?: ToolChoice | undefined;
  /**
   * A tool call whose arguments do not fit the tool's `parameters` fails the reply with `invalidOutput` (`fail`, the default),
   * or is delivered all the same (`deliver`), for who tells the model. Sessions do.
   */
  readonly invalidArguments?: "fail" | "deliver" | undefined;
  /**
   * How much to think. Thinking that the provider shows comes as `reasoning` chunks. A model without `xhigh` or `max` gets the
   * next lower level it has (`max`, `xhigh`, `high`); any other level that a model lacks is `unsupported`.
   * @default the model's own
   */
  readonly reasoning?: ReasoningEffort | undefined;
  /**
   * Asks for JSON of this shape (an object) instead of prose. The value is validated and stands in `message.output`;
   * `stream.partialObject()` shows it as it grows. What does not fit throws kind `invalidOutput`.
   */
  readonly output?: Schema<Output> | undefined;
  readonly search?: SearchParameters | undefined;
  /** Default: the provider's own. */
  readonly promptCache?: PromptCache | undefined;
  /** Labels for the provider's records, as far as it takes them (OpenAI: any; Anthropic: `user_id`). */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /**
   * What becomes of an option that the provider or the model does not have: `error` (default) throws kind `unsupported` before
   * anything is sent, `ignore` leaves it out.
   */
  readonly unsupported?: "error" | "ignore" | undefined;
  /**
   * Whether each chunk of a stream carries the provider's event that it was read from, as `chunk.raw`; a non-streamed reply carries its whole
   * body, as `message.raw`. Events that make no chunk are not shown. Wrappers that make chunks of their own leave it out.
   * @default false
   */
  readonly raw?: boolean | undefined;
  /**
   * The provider's own fields, put into the request's body last, so that they win: plain objects field by field, everything
   * else as a whole; one that is `undefined` is taken out. Provider clients know many by type (`ClaudeProviderOptions` …).
   */
  readonly providerOptions?: Readonly<Record<string, unknown>> | undefined;
}
