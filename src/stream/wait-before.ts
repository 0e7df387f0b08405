/**
 * The wait of a complete call, where an inner call had only the rest of `timeouts.total`: after its turn in a queue,
 * after other clients, after a reply that broke, after tools.
 */

import { replaced } from "../contract/error-copies.ts";
import type { SendError } from "../contract/errors.ts";
import { durationText, type Timeouts } from "../contract/timeouts.ts";
import { setStack } from "../platform/error-stack.ts";

/**
 * Returns the time to be added to the wait of an inner call whose limits are `limitsLeft(timeouts, passedMs)`, in
 * milliseconds; 0 where the complete call has no limit, and that of an inner client is its own.
 */
export function waitBefore(timeouts: Timeouts | undefined, passedMs: number): number {
  return timeouts?.total ? passedMs : 0;
}

/** Returns the failure of an inner call with the wait of the complete call, where it is the limit on that. */
export function withWaitBefore(error: SendError, beforeMs: number): SendError {
  const { kind, phase, waitedMs } = error;
  if (beforeMs <= 0 || kind !== "timeout" || phase !== "total" || waitedMs === undefined) return error;
  const completeMs = Math.round(beforeMs + waitedMs);
  const { message: own, ...facts } = error.toJSON();
  const message = own.replace(durationText(waitedMs), durationText(completeMs));
  const failure = replaced(error, { ...facts, waitedMs: completeMs, cause: error.cause }, message);
  setStack(failure, error.stack);
  return failure;
}
