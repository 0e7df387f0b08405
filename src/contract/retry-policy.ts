/** Whether and when a failed request is sent again. Pure: the caller does the waiting. */

import { MAX_TIMER_MS } from "../platform/clock.ts";
import type { SendError } from "./errors.ts";

/** How failed requests are sent again, while no chunk was delivered. */
export interface RetryOptions {
  /** Maximum number of retries of one call. Default 2; 0 turns retries off. */
  readonly max?: number | undefined;
  /**
   * Longest wait that a provider may ask for (`Retry-After`), in milliseconds; a longer one ends the call at once.
   * Default 60 000.
   */
  readonly maxRetryAfterMs?: number | undefined;
  /**
   * The share of a client's concurrent calls that may be retried. The default of 0.1 allows one retry for ten calls,
   * beyond the first ten. The budget keeps an outage from being answered with a multiple of the load: calls beyond it
   * fail at once. A call that is alone on its client always has its retries. `false`: no budget.
   */
  readonly budget?: number | false | undefined;
}

const FIRST_BACKOFF_MS = 500;
const MAX_BACKOFF_MS = 8_000;

/** The rules without any settings. */
const DEFAULTS = { max: 2, maxRetryAfterMs: 60_000, budget: 0.1 } as const;

/** The rules of one call. */
export type RetryPolicy = Readonly<Required<{ [Name in keyof RetryOptions]: Exclude<RetryOptions[Name], undefined> }>>;

/** Returns the complete rules for the option `retries`. Later settings win, field by field. */
export function retryPolicyOf(...settings: readonly (number | RetryOptions | undefined)[]): RetryPolicy {
  const policy: { -readonly [Name in keyof RetryPolicy]: RetryPolicy[Name] } = { ...DEFAULTS };
  for (const setting of settings) {
    const { max, maxRetryAfterMs, budget } = typeof setting === "number" ? { max: setting } : (setting ?? {});
    policy.max = max ?? policy.max;
    policy.maxRetryAfterMs = maxRetryAfterMs ?? policy.maxRetryAfterMs;
    policy.budget = budget ?? policy.budget;
  }
  return policy;
}

/**
 * Returns the milliseconds to wait before the next attempt, or `undefined` if there must not be one.
 * @param failures the number of attempts that have failed, this one included
 * @param random a number from 0 to 1: full jitter spreads clients that failed together
 */
export function retryDelayMs(
  error: SendError,
  failures: number,
  { max, maxRetryAfterMs }: Pick<RetryPolicy, "max" | "maxRetryAfterMs">,
  random: number,
): number | undefined {
  if (!error.retryable || failures > max) return undefined;
  const { retryAfterMs } = error;
  // Above the cap, and above what a timer can wait, the error comes at once, so that the caller can decide.
  if (retryAfterMs !== undefined)
    return retryAfterMs <= Math.min(maxRetryAfterMs, MAX_TIMER_MS) ? retryAfterMs : undefined;
  return random * Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (failures - 1));
}
