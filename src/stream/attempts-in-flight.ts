/** What was sent for a call that is still being opened. */

import type { Attempt } from "../contract/metrics.ts";

/**
 * A call that is given up before it has a stream tells its attempts with an error, which comes after whoever gave it up has
 * come to its own end. So the signal that ends the call knows them at once.
 */
const WATCHED = new WeakMap<AbortSignal, { sent?: () => readonly Attempt[] }>();

/** For who asks a client under a signal of its own: what it has sent so far; `undefined` for a client that does not say. */
export function observeAttempts(signal: AbortSignal): () => readonly Attempt[] | undefined {
  const watched: { sent?: () => readonly Attempt[] } = {};
  WATCHED.set(signal, watched);
  return () => watched.sent?.();
}

/** For who is asked: `sent` lists what was sent under this signal, from now on. */
export function reportAttempts(signal: AbortSignal | undefined, sent: () => readonly Attempt[]): void {
  const watched = signal && WATCHED.get(signal);
  if (watched) watched.sent = sent;
}

/** The same where whoever asked has ended the request by himself: the caller's own signal has not fired. */
export function asStopped(attempts: readonly Attempt[]): readonly Attempt[] {
  return attempts.map((attempt) => (attempt.outcome === "aborted" ? { ...attempt, outcome: "stopped" } : attempt));
}
