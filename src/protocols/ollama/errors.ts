/** Ollama's errors: a text without a code, `{"error": "…"}`. */

import { SendError } from "../../contract/errors.ts";
import { errorOf } from "../common/error-kinds.ts";

/** A model that is larger than the machine does not load at the second attempt either. */
const TOO_LARGE = /requires more system memory|not enough memory|out of memory|insufficient memory/i;

/** The prompt does not fit, in the words of the versions since 0.12. */
const TOO_LONG = /longer than the context length|exceeds the (available )?context|context length exceeded/i;

const RAISE = "Raise `providerOptions.options.num_ctx`, or allow the cut with `providerOptions.truncate: true`.";

/**
 * @param status the HTTP status; 0 for an error inside a stream that had begun with 200
 * @see https://docs.ollama.com/api/errors
 */
export function ollamaError(provider: string, status: number, body: unknown): SendError {
  const error = errorOf(provider, status, body);
  if (TOO_LONG.test(error.message))
    return new SendError("contextLength", `${error.message} ${RAISE}`, { ...factsOf(error), retryable: false });
  if (TOO_LARGE.test(error.message))
    return new SendError(error.kind, error.message, { ...factsOf(error), retryable: false });
  return error;
}

/** Returns the error of a reply to a part of the conversation: the server cut the rest off without a word. */
export function cutPromptError(kept: number, contextTokens: number, estimate: number): SendError {
  const message = `The server cut the prompt to ${kept} tokens to fit its context of ${contextTokens}. The prompt has about ${estimate} tokens. ${RAISE}`;
  return new SendError("contextLength", message, { retryable: false });
}

function factsOf(error: SendError) {
  const { kind: _kind, message: _message, ...facts } = error.toJSON();
  return facts;
}
