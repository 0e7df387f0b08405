/** Why a reply ended, in one word for all providers. */

/**
 * Why a reply ended.
 *
 * `stop`: the model was done. `length`: a token limit. `toolCalls`: it waits for tools. `contentFilter`: the provider
 * withheld the rest. `refusal`: the model declined. `stopped`: the caller stopped it. `interrupted`: it failed on the way
 * (only on `error.partial`). `unknown`: the provider gave no reason, or one we do not know; see `rawFinishReason`.
 */
export type FinishReason =
  | "stop"
  | "length"
  | "toolCalls"
  | "contentFilter"
  | "refusal"
  | "stopped"
  | "interrupted"
  | "unknown";
