/** The options of a call. All are optional; the same names in the constructor of a client are its defaults. */

import type { RetryOptions } from "./retry-policy.ts";
import type { Schema } from "./schema.ts";
import type { Timeouts } from "./timeouts.ts";

/** The second argument of a tool's `run`. */
export interface ToolContext {
  /** Fires with the caller's signal, when the reply is stopped, and when the tool's `timeoutMs` passes. */
  readonly signal: AbortSignal;
  readonly toolCallId: string;
}

/** Whether a call may run: `"ask"` leaves it to a person. */
export type Approval = boolean | "ask";

/** A function as a method: so a `Tool` with arguments of a type is assignable to a `Tool` without. */
interface Approver<Arguments> {
  decide(args: Arguments, context: ToolContext): Approval | Promise<Approval>;
}

/** `Tool.approve`: whether calls may run, or a function that decides about each call. */
export type ToolApproval<Arguments = NonNullable<unknown>> = Approval | Approver<Arguments>["decide"];

/**
 * A function that the model may call. `Arguments` is the type that `parameters` describe; `tool` infers it. The default
 * has no fields to destructure, so arguments without a type do not compile. With the type `unknown`, destructuring
 * would give `any`.
 */
export interface Tool<Arguments = NonNullable<unknown>> {
  /** Letters, digits, `_` and `-`, at most 64. */
  readonly name: string;
  /** The purpose of the tool, and when to use it; the model decides by this text. */
  readonly description?: string | undefined;
  /**
   * Schema of its arguments (an object): JSON Schema, or a schema library's. Absent for a function without arguments.
   */
  readonly parameters?: Schema<Arguments | null | undefined> | undefined;
  /**
   * Maximum time for one call, in milliseconds; 0 turns the limit off. When it passes, the tool's `signal` fires and
   * the model receives an error result. A later result is dropped.
   * @default no limit of its own; `timeouts.total` covers the complete turn
   */
  readonly timeoutMs?: number | undefined;
  /**
   * Whether a call may run: `true`, `false`, or `"ask"` for a person's answer. An `LLMSession` asks for each call, with
   * the arguments as `parameters` returned them. Needs a `run`.
   *
   * - `false`: the tool does not run, and the model receives an error result.
   * - `"ask"`: the turn ends with the call open and marked `needsApproval`. `session.answer` decides, also in another
   *   process. The other calls of the reply run before the turn ends.
   *
   * A function may be asked before the reply is complete, so it only decides. If it throws, the call does not run, and
   * the model receives an error result.
   * @default true
   */
  readonly approve?: ToolApproval<Arguments> | undefined;
  /**
   * Runs the tool. An `LLMSession` calls it with the arguments as `parameters` returned them. It does so once the
   * consumer has taken the last `toolCall` chunk of the reply and asks for more: leaving the stream at a call is a
   * veto. Without `run`, the caller answers.
   *
   * The result returns to the model: a string as it is, everything else as JSON, `undefined` as `null`. A `Map` is sent
   * as its entries, a `Set` as an array, a nested `Error` as its name and message. A `bigint` and a number that is not
   * finite are sent as strings.
   *
   * The model receives an error result if the tool throws, returns an `Error`, or returns a value that is not data.
   * Examples are a function, a symbol, a nested `Promise`, an object whose fields JSON does not see, and a circular
   * reference. The model gets the message without the stack. The program gets the error itself as `error` of the
   * `toolResult` chunk, and in `SessionOptions.onToolError`.
   */
  run?(args: Arguments, context: ToolContext): unknown;
}

/**
 * Which tool the model must call: its own choice (default), none, at least one, or the named one. In a session that
 * runs tools, a choice that forces a call holds for the first reply of a turn; then the model chooses.
 */
export type ToolChoice = "auto" | "none" | "required" | { readonly name: string };

/**
 * How much the model thinks before it answers: a level, or a budget in tokens where the model takes one.
 *
 * | | `low` | `medium` | `high` |
 * |---|---|---|---|
 * | Claude before 4.6 | a budget of 4,096 | 16,384 | 32,768 tokens; at most `maxOutputTokens` less 256 |
 * | Claude from 4.6 on | effort `low` | `medium` | `high` |
 * | OpenAI, xAI | effort `low` | `medium` | `high` |
 * | Gemini 2.5 | a budget of 2,048 | 8,192 | 24,576 tokens |
 * | Gemini from 3 on | level `LOW` | `MEDIUM` | `HIGH` |
 * | other servers | `reasoning_effort`, or the vendor's own field | | |
 */
export type ReasoningEffort = "none" | "low" | "medium" | "high" | "xhigh" | "max" | { readonly maxTokens: number };

/**
 * Whether the provider caches the beginning of the request for the next one, which is then cheaper. Anthropic requires
 * a mark. OpenAI and xAI cache without being asked, and better with a `key` that the requests of one conversation
 * share.
 */
export type PromptCache = boolean | { readonly key?: string | undefined; readonly ttl?: "5m" | "1h" | undefined };

/** Parameters of the provider's web search, in one form for all providers. */
export interface SearchParameters {
  /**
   * `auto` lets the model decide, `on` demands a search, `off` forbids it.
   * @default "auto"
   */
  readonly mode?: "auto" | "on" | "off" | undefined;
  /** Maximum number of results to consult. */
  readonly maxResults?: number | undefined;
  /** Only sources from this day on, as `YYYY-MM-DD`. */
  readonly fromDate?: string | undefined;
  /** Only sources up to this day, as `YYYY-MM-DD`. */
  readonly toDate?: string | undefined;
  /** The only domains to search, such as `example.com`. Not together with `blockedDomains`. */
  readonly allowedDomains?: readonly string[] | undefined;
  /** Domains to leave out. */
  readonly blockedDomains?: readonly string[] | undefined;
  /** Where the user is, as an ISO 3166-1 alpha-2 code. */
  readonly country?: string | undefined;
  /** Kinds of source to search; `x` is X (Twitter), at xAI only. */
  readonly sources?: readonly ("web" | "x" | "news")[] | undefined;
  /**
   * Whether the reply names its sources.
   * @default true
   */
  readonly citations?: boolean | undefined;
}

/**
 * The recovery of a reply that breaks after its first chunk (by a reset, an early end, silence, or an error inside the
 * stream):
 *
 * - `resume`: if the provider continues to write without a connection, the client reads the same reply from where it
 *   broke. OpenAI's Responses API supports it, and keeps such replies (`store`, for 30 days). Elsewhere, and when it
 *   fails, `continue` applies.
 * - `continue`: the provider receives the text that arrived, as the beginning of its answer if it takes one.
 *   Otherwise it receives a request to continue from there. Repeated words are left out; the client holds back a few
 *   words to detect them. Where the text repeats itself (equal rows, a refrain), a repetition cannot be detected, and
 *   the call fails as `truncated`. A reply without text so far, or with a schema (`output`), begins again as with
 *   `restart`.
 * - `restart`: the reply begins again. A `rewind` chunk before its first chunk says how much of the shown text to
 *   discard.
 *
 * A client recovers one reply at most two times; resuming is not limited as long as it brings new chunks. A client does
 * not recover after it has delivered a tool call, which would run twice. The same holds after a tool of the provider
 * that may have had an effect, such as one of an MCP server. A non-streamed reply (`sendMessage`) is streamed inside,
 * with the limits of a stream. A `fallback` then continues with its next client. All recoveries are in `usage` and, one
 * by one, in `metrics.attempts`.
 */
export type Recovery = "resume" | "continue" | "restart";

/** The options of one call. All are optional; the same names in the constructor of a client are the defaults. */
export interface SendOptions<Output = unknown> {
  /** Ends the call with a `SendError` of kind `aborted` and closes the socket, at any moment. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Limits on time, in milliseconds. Each one overrides only its own default, and 0 turns it off. See `Timeouts` for
   * the defaults. An expiry throws kind `timeout` with the name of the limit as `phase`.
   */
  readonly timeouts?: Timeouts | undefined;
  /**
   * Maximum number of retries of one call, as long as no chunk was delivered; 0 turns retries off. A retry follows a
   * retryable status, a broken or silent connection, an early end, an error inside the stream, or an answer that is not
   * valid.
   *
   * The wait is random: from 0 to 0.5 s, then to 1 s, up to 8 s. A `Retry-After` of up to 60 s is obeyed; a longer one
   * ends the call. The calls of one client share a budget: see `RetryOptions`.
   * @default 2
   */
  readonly retries?: number | RetryOptions | undefined;
  /**
   * The recovery of a reply that breaks after its first chunk: see `Recovery`.
   * @default no recovery: the call fails, with everything that arrived on `error.partial`
   */
  readonly recover?: Recovery | undefined;
  /**
   * Maximum size of one reply, in bytes of its body after decompression, with thinking, tool calls and framing. A
   * larger reply fails with kind `protocol` (not retryable), with the beginning on `partial`. The limit matters since a
   * megabyte of gzip can hold a gigabyte of text.
   * @default 67 108 864 (64 MiB)
   */
  readonly maxReplyBytes?: number | undefined;
  /**
   * Additional request headers. Later ones replace earlier ones of the same name, in any case: the headers of the
   * protocol and the key, the `headers` of the constructor, the `headers` of the call. `anthropic-beta` is a list:
   * values are added to it.
   */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /**
   * Maximum number of tokens to write, thinking included. Anthropic requires one (`max_tokens`).
   * @default the provider's own; for Claude, the maximum of the model
   */
  readonly maxOutputTokens?: number | undefined;
  /**
   * Randomness of the choice of tokens, from 0 (the most likely one) to 2; Claude takes 0 to 1. Some models refuse it,
   * such as GPT-6 and Claude from 4.7 on (kind `unsupported`).
   * @default the provider's own, mostly 1
   */
  readonly temperature?: number | undefined;
  /**
   * Limits the choice to the most likely tokens that together have this probability, from 0 to 1. Models that refuse
   * `temperature` refuse it as well.
   * @default the provider's own, mostly 1
   */
  readonly topP?: number | undefined;
  /**
   * Non-empty strings at which the model stops; they are not part of the reply. OpenAI's Chat Completions takes at most
   * 4, the Responses API none.
   * @default none
   */
  readonly stop?: readonly string[] | undefined;
  /** Asks for repeatable choices; no provider promises them. */
  readonly seed?: number | undefined;
  /**
   * Functions that the model may call. Provider clients deliver the calls (`toolCall` chunks, `message.toolCalls`); an
   * `LLMSession` also runs those tools that have a `run`.
   * @default none
   */
  readonly tools?: readonly Tool[] | undefined;
  /**
   * Whether the model may, must or must not call a tool, or which one: see `ToolChoice`. Needs `tools`, except for
   * `"none"`.
   * @default "auto"
   */
  readonly toolChoice?: ToolChoice | undefined;
  /**
   * The result of a tool call whose arguments do not match the tool's `parameters`: `fail` throws kind `invalidOutput`,
   * `deliver` delivers the call, for a caller that reports the mistake to the model. Sessions do.
   * @default "fail"
   */
  readonly invalidArguments?: "fail" | "deliver" | undefined;
  /**
   * Amount of thinking. Thinking that the provider shows comes as `reasoning` chunks. A model without `xhigh` or `max`
   * gets the next lower level that it has (`max`, `xhigh`, `high`). Any other level that a model lacks is
   * `unsupported`.
   * @default the model's own
   */
  readonly reasoning?: ReasoningEffort | undefined;
  /**
   * Asks for JSON of this shape (an object) instead of prose. The validated value is in `message.output`, and
   * `stream.partialObject()` shows the value as it grows. A reply that does not match throws kind `invalidOutput`.
   */
  readonly output?: Schema<Output> | undefined;
  /**
   * The result of a reply that does not match `output`, such as one that a token limit cut: `fail` throws kind
   * `invalidOutput`, `deliver` delivers the reply without `message.output`, for a caller that reads its text.
   * @default "fail"
   */
  readonly invalidOutput?: "fail" | "deliver" | undefined;
  /**
   * Web search by the provider, before or during the answer. Sources come as `citation` chunks and in
   * `message.citations`, queries in `message.search`. A parameter that the provider lacks is `unsupported`.
   * @default no search
   */
  readonly search?: SearchParameters | undefined;
  /**
   * Whether the provider caches the beginning of the request: see `PromptCache`.
   * @default the provider's own
   */
  readonly promptCache?: PromptCache | undefined;
  /** Labels for the provider's records, as far as it takes them (OpenAI: any; Anthropic: `user_id`). */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /**
   * The treatment of an option that the provider or the model does not have: `error` throws kind `unsupported` before
   * anything is sent, `ignore` leaves the option out.
   * @default "error"
   */
  readonly unsupported?: "error" | "ignore" | undefined;
  /**
   * Whether each chunk of a stream carries the provider's event that it was read from, as `chunk.raw`. A non-streamed
   * reply carries its complete body, as `message.raw`, unless `recover` reads it as a stream. Events that make no chunk
   * are not shown. Wrappers and sessions pass `raw` on. A text that `recover` joined from several events carries the
   * last of them. Chunks that come from no event (`rewind`, `toolResult`) have none.
   * @default false
   */
  readonly raw?: boolean | undefined;
  /**
   * The provider's own fields, put into the request's body last, so that they win: plain objects field by field,
   * everything else as a whole; one that is `undefined` is taken out. Provider clients know many by type
   * (`ClaudeProviderOptions` …).
   */
  readonly providerOptions?: Readonly<Record<string, unknown>> | undefined;
}
