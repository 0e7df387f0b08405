/** The reason why a reply ended, in one word for all providers. */

/**
 * The reason why a reply ended.
 *
 * - `stop`: the model was done.
 * - `length`: the reply reached a token limit.
 * - `toolCalls`: the model waits for the results of tools.
 * - `contentFilter`: the provider withheld the rest.
 * - `refusal`: the model declined.
 * - `stopped`: the caller stopped the reply.
 * - `budget`: the turn of a session reached its `budget`.
 * - `interrupted`: the reply failed on the way (only on `error.partial`).
 * - `unknown`: the provider gave no reason, or an unknown one; see `rawFinishReason`.
 */
export type FinishReason =
  | "stop"
  | "length"
  | "toolCalls"
  | "contentFilter"
  | "refusal"
  | "stopped"
  | "budget"
  | "interrupted"
  | "unknown";
