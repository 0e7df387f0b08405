/** An error of a relay with more facts. It has no secrets, which `withFacts` of `contract/error-copies.ts` keeps. */

import { SendError, type SendErrorFacts } from "../contract/errors.ts";
import { setStack } from "../platform/error-stack.ts";

/** Returns the same error with more facts. Facts that it already has stay. */
export function withFacts(error: SendError, facts: SendErrorFacts): SendError {
  const more = new SendError(error.kind, error.message, { ...facts, ...error.toJSON(), cause: error.cause });
  setStack(more, error.stack);
  return more;
}
