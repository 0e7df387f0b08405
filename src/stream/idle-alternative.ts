/** Whether another client is idle, for a client that would otherwise wait before it sends a call again. */

import type { SendError } from "../contract/errors.ts";

/** Longest wait of a client while another could answer, in milliseconds. */
const MAX_WAIT_MS = 1_000;

/**
 * A wrapper that calls a client under a signal of its own reports by the signal whether another client could take the
 * call over.
 */
const ALTERNATIVES = new WeakMap<AbortSignal, (error: SendError) => boolean>();

/**
 * Registers `isThere`, on the wrapper's side: whether a failure with this error would now lead to another client that
 * is idle.
 */
export function offerAlternative(signal: AbortSignal, isThere: (error: SendError) => boolean): void {
  ALTERNATIVES.set(signal, isThere);
}

/** Returns whether another client could take the call over now. */
export function hasAlternative(signal: AbortSignal | undefined, error: SendError): boolean {
  return (signal && ALTERNATIVES.get(signal)?.(error)) ?? false;
}

/**
 * Returns, on the client's side, whether to fail with this error now, since the wait is long and another client is
 * idle.
 */
export function waitsInVain(signal: AbortSignal | undefined, waitMs: number, error: SendError): boolean {
  return waitMs > MAX_WAIT_MS && hasAlternative(signal, error);
}
