/** The attempts of a call that is still being opened. */

import type { Attempt } from "../contract/metrics.ts";

/**
 * A call aborted before it has a stream reports its attempts in its rejection, which arrives too late for the code that
 * aborted the call. So the signal that aborts the call also knows its attempts.
 */
const WATCHED = new WeakMap<AbortSignal, { sent?: () => readonly Attempt[] }>();

/**
 * Returns a function for the caller of a client, which made the signal: the attempts so far, or `undefined` for a
 * client that does not report them.
 */
export function observeAttempts(signal: AbortSignal): () => readonly Attempt[] | undefined {
  const watched: { sent?: () => readonly Attempt[] } = {};
  WATCHED.set(signal, watched);
  return () => watched.sent?.();
}

/** Registers `sent`, on the client's side, as the list of the attempts made under this signal. */
export function reportAttempts(signal: AbortSignal | undefined, sent: () => readonly Attempt[]): void {
  const watched = signal && WATCHED.get(signal);
  if (watched) watched.sent = sent;
}

/**
 * Returns the attempts as ended by a limit of the wrapper that has released them. `before`: those that were over by
 * then, which keep their outcome.
 */
export function asTimedOut(attempts: readonly Attempt[], before: readonly Attempt[]): readonly Attempt[] {
  return attempts.map((attempt) => {
    const wasReleased = attempt.outcome === "stopped" || attempt.outcome === "aborted";
    return wasReleased && !before.includes(attempt) ? { ...attempt, outcome: "timeout" } : attempt;
  });
}

/**
 * Returns the attempts as ended by a stop: the wrapper ended the request, and the caller's own signal has not fired.
 */
export function asStopped(attempts: readonly Attempt[]): readonly Attempt[] {
  return attempts.map((attempt) => (attempt.outcome === "aborted" ? { ...attempt, outcome: "stopped" } : attempt));
}
