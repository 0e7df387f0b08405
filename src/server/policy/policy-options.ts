/** The options of a relay's rules: who may use it, what a browser may say, and what it sees. */

import type { ClientWrapper } from "../../contract/client.ts";
import type { SendError } from "../../contract/errors.ts";
import type { SendOptions } from "../../contract/options.ts";

/** The user behind a request. */
export interface Caller {
  /**
   * A name that belongs to one user for ever, such as the key of a table. It owns the runs and chats that it starts.
   */
  readonly user: string;
}

/**
 * Resolves with the caller of a request; with `undefined` for 401; with a `Response` that is sent as it is, such as a
 * redirect. A rejection is answered with 500.
 */
export type Authorize = (request: Request) => Caller | Response | undefined | Promise<Caller | Response | undefined>;

/** A `Response` is known by its shape: a framework or a package may bring a class of its own. */
export function isResponse(answer: Caller | Response): answer is Response {
  return !("user" in answer) && "status" in answer && "headers" in answer;
}

/** A chat of another user. */
export interface SharedChat {
  /** The user that it belongs to: `Caller.user`. */
  readonly owner: string;
  /**
   * The name that the owner's front end has given the chat. One of the AI SDK or of AG-UI with other characters than
   * `A-Z a-z 0-9 _ -` is encoded: `_` or `t_`, and the name as base64 for addresses.
   */
  readonly chat: string;
}

/** The bounds of one relay. Each one overrides its default alone. */
export interface RelayLimits {
  /**
   * Maximum number of running replies of one user. More are refused with 429.
   * @default 4
   */
  readonly runsPerUser?: number | undefined;
  /**
   * Maximum number of connections that watch one run in this process. For another one, the oldest leaves that was
   * there for 30 seconds, and comes back if its page lives; without one, it is refused with 429.
   * @default 16
   */
  readonly viewersPerRun?: number | undefined;
  /**
   * Maximum size of a request's body, in bytes. A larger one is refused with 413.
   * @default 1_048_576 (1 MiB)
   */
  readonly bodyBytes?: number | undefined;
  /**
   * Maximum time to read a request's body, in milliseconds. A slower one is refused with 408.
   * @default 30_000
   */
  readonly bodyMs?: number | undefined;
  /**
   * Maximum depth of a request's JSON.
   * @default 64
   */
  readonly depth?: number | undefined;
  /**
   * Maximum number of messages in a request.
   * @default 500
   */
  readonly messages?: number | undefined;
  /**
   * Maximum number of parts in a message: texts, images and files, or tool calls.
   * @default 64
   */
  readonly parts?: number | undefined;
  /**
   * Maximum text of one message, in UTF-16 units.
   * @default 200_000
   */
  readonly textLength?: number | undefined;
  /**
   * Maximum number of tokens of a reply: sent to the provider with each request, and the most that a browser may ask
   * for.
   * @default none: the client's own
   */
  readonly maxOutputTokens?: number | undefined;
  /**
   * Maximum time of a run, in milliseconds.
   * @default 600_000 (10 minutes)
   */
  readonly totalMs?: number | undefined;
}

/** Parts of a reply that a browser sees in addition to its text, calls, sources, media and finish reason. */
export interface Exposure {
  /**
   * The model's thinking.
   * @default false
   */
  readonly reasoning?: boolean | undefined;
  /**
   * Token counts, without the provider's own usage object.
   * @default true
   */
  readonly usage?: boolean | undefined;
  /**
   * The results of tools that the server ran. The text of a failure is never shown.
   * @default true
   */
  readonly toolResults?: boolean | undefined;
  /**
   * The tools that the provider ran, with their arguments and results.
   * @default false
   */
  readonly providerTools?: boolean | undefined;
  /**
   * Log probabilities of tokens.
   * @default false
   */
  readonly logprobs?: boolean | undefined;
}

/** The options of a call that `allow` may name. */
export type AllowedOption =
  | "model"
  | Extract<
      keyof SendOptions,
      "maxOutputTokens" | "temperature" | "topP" | "stop" | "seed" | "toolChoice" | "reasoning" | "output" | "search"
    >;

/**
 * Which earlier turns count: see `PolicyOptions.history`.
 * - `server`: those of the session store. A request with `messages` is refused.
 * - `signed`: those of the request. Assistant turns are plain text; tool calls need the relay's signature.
 * - `client`: those of the request, as the browser says.
 */
export type HistoryRule = "server" | "signed" | "client";

/** The options of a relay that decide who may do what. */
export interface PolicyOptions {
  /**
   * Resolves with the caller of a request. Everything that belongs to another user is answered with 404.
   *
   * `"public"` admits every caller. All of them are one user then: a chat is open to those who know its id, and the
   * limits count all of them together.
   */
  readonly authorize: "public" | Authorize;
  /**
   * Resolves with `true` when the caller may read a chat of another user. The query parameter `owner` names that user.
   * A reader loads the conversation and watches its replies, and never starts, answers, stops or deletes anything.
   * Called for each such request. A rejection is answered with 500.
   * @default none: chats of another user do not exist (404)
   */
  readonly canRead?: ((caller: Caller, shared: SharedChat) => boolean | Promise<boolean>) | undefined;
  /**
   * Origins of other sites whose pages may use the relay, such as `https://app.example.com`. Compared exactly.
   * @default none: pages of the relay's own origin only
   */
  readonly origins?: readonly string[] | undefined;
  /**
   * Whether pages of `origins` send cookies.
   * @default false
   */
  readonly credentials?: boolean | undefined;
  /** Bounds on requests and runs. */
  readonly limits?: RelayLimits | undefined;
  /**
   * Called before a run starts, for limits of your own, such as a number of replies a day. Resolves with nothing when
   * the run may start; with how long to wait, in milliseconds, when it may not: the answer is 429 with `Retry-After`.
   */
  readonly limit?: ((caller: Caller) => LimitAnswer | Promise<LimitAnswer>) | undefined;
  /**
   * Options of a call that a browser may choose. All others in a request are ignored.
   * @default none
   */
  readonly allow?: readonly AllowedOption[] | undefined;
  /**
   * Clients by the names under which a browser may choose them. Needs `allow: ["model"]`.
   * @default none
   */
  readonly models?: Readonly<Record<string, ClientWrapper>> | undefined;
  /**
   * Which earlier turns count: `server` (those of the session store), `signed` (those of the request; tool calls only
   * with the relay's signature, which needs `secret`), or `client` (those of the request, unchecked).
   * @default "server" with a session store, else "signed"
   */
  readonly history?: HistoryRule | undefined;
  /**
   * Signs the tool calls of replies, so that a relay without a session store recognizes them when they come back. At
   * least 32 characters, random, the same in each process.
   * @default none: tool calls that come back are refused
   */
  readonly secret?: string | undefined;
  /**
   * Whether system turns and file ids of a request are taken as the server's own.
   * @default false: both are refused
   */
  readonly trustHistory?: boolean | undefined;
  /**
   * Whether a request may declare tools, which run in the browser: at most 32, their schemas at most 16 kB each, under
   * other names than the server's.
   * @default false: they are ignored
   */
  readonly clientTools?: boolean | undefined;
  /**
   * Decides about the `https` or `http` address of an image or file, in the place of the default. The relay itself
   * fetches nothing and looks up no name; the provider may, and a public name can lead to an inner address. Decide here
   * when the provider fetches from inside your network.
   * @default `https` on port 443 of a public host name, without credentials
   */
  readonly attachmentUrl?: ((url: URL) => boolean) | undefined;
  /** The parts of a reply that a browser sees. */
  readonly expose?: Exposure | undefined;
  /**
   * Returns the sentence about a failure that the browser sees; `undefined` for the relay's own. The error holds the
   * provider's message, which may name hosts, models and accounts.
   */
  readonly describe?: ((error: SendError) => string | undefined) | undefined;
}

/** Nothing, or how long to wait before the next request, in milliseconds. */
export type LimitAnswer = { readonly retryAfterMs: number } | undefined;
