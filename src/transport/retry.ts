/** Whether and when a failed request is sent again. Pure: waiting is the caller's affair. */

import type { SendError } from "../errors.ts";

const FIRST_BACKOFF_MS = 500;
const LONGEST_BACKOFF_MS = 8_000;

/** The longest wait a provider may ask for; above it the error comes at once, so that the caller can decide. */
const LONGEST_RETRY_AFTER_MS = 60_000;

/**
 * Milliseconds to wait before the next attempt, or `undefined` when there must be none.
 * @param failures how many attempts have failed, this one included
 * @param random a number from 0 to 1: full jitter spreads clients that failed together
 */
export function retryDelayMs(error: SendError, failures: number, retries: number, random: number): number | undefined {
  if (!error.retryable || failures > retries) return undefined;
  const { retryAfterMs } = error;
  if (retryAfterMs !== undefined) return retryAfterMs <= LONGEST_RETRY_AFTER_MS ? retryAfterMs : undefined;
  return random * Math.min(LONGEST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (failures - 1));
}
