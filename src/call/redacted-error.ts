/** Errors without secrets: in their words, their stacks and their causes. */

import { replaced } from "../contract/error-copies.ts";
import type { SendError } from "../contract/errors.ts";
import type { AssistantMessage } from "../contract/message.ts";
import { setStack } from "../platform/error-stack.ts";
import { mapTexts, wordsOf } from "../platform/text-of.ts";

/** Maximum number of causes that are copied: causes may form a cycle. */
const MAX_CAUSE_DEPTH = 8;

/** Returns an error's own words and causes, without attached objects: the request, with its headers, may be one. */
export function plainCause(cause: unknown, redact: (text: string) => string, depth: number = MAX_CAUSE_DEPTH): unknown {
  if (!(cause instanceof Error)) return redact(wordsOf(cause));
  const isLast = cause.cause === undefined || depth === 0;
  const inner = isLast ? undefined : { cause: plainCause(cause.cause, redact, depth - 1) };
  const plain = new Error(redact(wordsOf(cause.message)), inner);
  plain.name = redact(wordsOf(cause.name));
  setStack(plain, redact(wordsOf(cause.stack ?? "")));
  return "code" in cause && typeof cause.code === "string" ? Object.assign(plain, { code: redact(cause.code) }) : plain;
}

/**
 * Returns the same error without the secrets that `redact` removes: in its message, its stack, and the message so far
 * that is added later.
 */
export function redactedError(error: SendError, redact: (text: string) => string): SendError {
  const { kind: _kind, message, ...facts } = error.toJSON();
  const clean = (partial: AssistantMessage): AssistantMessage => mapTexts(partial, redact);
  const other = replaced(error, { ...facts, cause: error.cause }, redact(message), clean);
  if (error.stack !== undefined) setStack(other, redact(error.stack));
  return other;
}
