/** One failure as another error: with more facts, or with others. A page that only shows failures does not carry it. */

import { setStack } from "../platform/error-stack.ts";
import type { SendErrorKind } from "./error-kind.ts";
import { SendError, type SendErrorFacts } from "./errors.ts";
import type { AssistantMessage } from "./message.ts";

/** Causes that a program may read and that logs do not show, since their text may contain a secret. */
const PRIVATE = /* @__PURE__ */ new WeakSet<object>();

/** Returns a cause that neither `console` nor `util.inspect` prints as a part of an error of this file. */
export function privateCause(cause: unknown): object {
  const kept = typeof cause === "object" && cause !== null ? cause : new Error(String(cause));
  PRIVATE.add(kept);
  return kept;
}

/** Returns whether a cause is from `privateCause`. */
export function isPrivateCause(cause: unknown): boolean {
  return PRIVATE.has(cause as object); // of another value, a set has none
}

/** Takes the secrets of a call out of the message so far. */
type Clean = (partial: AssistantMessage) => AssistantMessage;

const CLEANS = /* @__PURE__ */ new WeakMap<SendError, Clean>();

/** Returns an error whose cause may be private. */
export function errorWith(kind: SendErrorKind, message: string, facts: SendErrorFacts): SendError {
  const error = new SendError(kind, message, facts);
  // Inspection prints an accessor by its name only.
  if (isPrivateCause(facts.cause)) Object.defineProperty(error, "cause", { get: () => facts.cause });
  return error;
}

/** Returns the same error with more facts. Facts that it already has stay. */
export function withFacts(error: SendError, facts: SendErrorFacts): SendError {
  const partial = facts.partial && (CLEANS.get(error)?.(facts.partial) ?? facts.partial);
  const more = replaced(error, { ...facts, partial, ...error.toJSON(), cause: error.cause ?? facts.cause });
  setStack(more, error.stack);
  return more;
}

/**
 * Returns an error of the same kind, with these facts and this message in place of its own. `clean` is applied to a
 * message that `withFacts` adds later; several add up. No output shows it.
 */
export function replaced(
  error: SendError,
  facts: SendErrorFacts,
  message: string = error.message,
  clean: Clean = (partial) => partial,
): SendError {
  const other = errorWith(error.kind, message, facts);
  const earlier = CLEANS.get(error);
  CLEANS.set(other, (partial) => clean(earlier?.(partial) ?? partial));
  return other;
}
