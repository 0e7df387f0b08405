/** The kinds of failure: one table, from which the type and the default of `retryable` are read. */

/**
 * What went wrong, as a closed set a program can switch on.
 *
 * - `authentication`: the key is missing, wrong or revoked.
 * - `permission`: the key is good but may not do this, or the account cannot pay for it.
 * - `notFound`: no such model or address.
 * - `invalidRequest`: the request is malformed; nothing was sent, or the provider refused it.
 * - `contextLength`: the conversation does not fit into the model's context window.
 * - `contentFilter`: the provider withheld the reply for its content.
 * - `rateLimit`: too many requests or tokens for now (see `retryAfterMs`), or a spent quota (not `retryable` then).
 * - `overloaded`: the provider has no capacity at the moment.
 * - `server`: the provider failed.
 * - `network`: no connection, or it broke.
 * - `timeout`: a deadline passed; `phase` says which.
 * - `truncated`: the reply ended before the provider finished it.
 * - `protocol`: the answer is not what the protocol promises.
 * - `aborted`: the caller's signal fired.
 * - `unsupported`: this provider, model or runtime cannot do what was asked.
 * - `invalidOutput`: the reply does not match the schema that was asked for.
 * - `busy`: the session is in the middle of another turn, or another process has it.
 * - `storage`: the store of a session could not read or write; `cause` says why.
 */
export type SendErrorKind = keyof typeof RETRYABLE;

/** Every kind, and whether the same request may succeed when sent again after it. */
const RETRYABLE = {
  authentication: false,
  permission: false,
  notFound: false,
  invalidRequest: false,
  contextLength: false,
  contentFilter: false,
  rateLimit: true,
  overloaded: true,
  server: true,
  network: true,
  timeout: true,
  truncated: true,
  protocol: true,
  aborted: false,
  unsupported: false,
  invalidOutput: false,
  busy: false,
  storage: false,
} as const;

/** Whether a value, such as one from another thread, is a kind. */
export function isSendErrorKind(value: unknown): value is SendErrorKind {
  return typeof value === "string" && Object.hasOwn(RETRYABLE, value);
}

/** Whether the same request may succeed when it is sent again after a failure of this kind. */
export function isRetryable(kind: SendErrorKind): boolean {
  return RETRYABLE[kind];
}

/** Which deadline passed: see `Timeouts`. */
export type TimeoutPhase = "headers" | "firstChunk" | "idle" | "stall" | "total";
