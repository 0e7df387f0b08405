/** The kinds of failure: two lists, which give the type and the default of `retryable`. */

/**
 * The cause of a failure, as a closed set that a program can switch on.
 *
 * - `authentication`: the key is missing, wrong or revoked.
 * - `permission`: the key is valid but may not do this, or the account cannot pay for it.
 * - `notFound`: the model or the address does not exist.
 * - `invalidRequest`: the request is malformed; it was not sent, or the provider refused it.
 * - `contextLength`: the conversation does not fit into the model's context window.
 * - `contentFilter`: the provider withheld the reply because of its content.
 * - `rateLimit`: too many requests or tokens for now (see `retryAfterMs`), or a spent quota (not `retryable` then).
 * - `overloaded`: the provider has no capacity at the moment.
 * - `server`: the provider failed.
 * - `network`: the connection failed or broke.
 * - `timeout`: a deadline passed; `phase` names it.
 * - `truncated`: the reply ended before the provider finished it.
 * - `protocol`: the response breaks the provider's protocol.
 * - `aborted`: the caller's signal fired.
 * - `unsupported`: this provider, model or runtime lacks the requested feature.
 * - `invalidOutput`: the reply does not match the requested schema.
 * - `busy`: the session is in the middle of another turn, or another process has it.
 * - `storage`: the store of a session could not read or write; `cause` has the reason.
 */
export type SendErrorKind = (typeof RETRYABLE | typeof LASTING)[number];

/** The kinds after which the same request may succeed when it is sent again. */
const RETRYABLE = ["rateLimit", "overloaded", "server", "network", "timeout", "truncated", "protocol"] as const;

/** The kinds after which it fails again. */
const LASTING = [
  "authentication",
  "permission",
  "notFound",
  "invalidRequest",
  "contextLength",
  "contentFilter",
  "aborted",
  "unsupported",
  "invalidOutput",
  "busy",
  "storage",
] as const;

/** Returns whether a value, such as one from another thread, is a kind. */
export function isSendErrorKind(value: unknown): value is SendErrorKind {
  return [...RETRYABLE, ...LASTING].some((kind) => kind === value);
}

/** Returns whether the same request may succeed when it is sent again after a failure of this kind. */
export function isRetryable(kind: SendErrorKind): boolean {
  return RETRYABLE.some((other) => other === kind);
}

/** Which deadline passed: see `Timeouts`. */
export type TimeoutPhase = "headers" | "firstChunk" | "idle" | "stall" | "total";
