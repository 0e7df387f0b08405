/** Limits the retries that a client's calls share, so that an outage does not triple the load. */

import type { Clock } from "../platform/clock.ts";

/** Retries available at the start: a burst of a few failures is not yet an outage. */
const CAPACITY = 10;

/** One retry, minus the rounding error of added fractions. */
const ONE_RETRY = 1 - 1e-9;

/** Milliseconds without any call until the budget is full again. */
const REFILL_MS = 30_000;

/**
 * A token bucket. Each call adds a part of a retry; each retry takes one out. A call that is alone on the client
 * does not need it, because it multiplies no load.
 */
export class RetryBudget {
  readonly #now: Clock;
  #tokens = CAPACITY;
  #filledAt: number;
  #calls = 0;

  constructor(now: Clock) {
    this.#now = now;
    this.#filledAt = now();
  }

  /** A call begins. `share` is the part of a retry that it adds. */
  enter(share: number): void {
    this.#calls++;
    this.#tokens = Math.min(CAPACITY, this.#tokens + share);
  }

  /** A call is over. */
  leave(): void {
    this.#calls--;
  }

  /** Whether one more request may be sent for a call in progress. */
  take(): boolean {
    if (this.#calls <= 1) return true;
    const now = this.#now();
    this.#tokens = Math.min(CAPACITY, this.#tokens + ((now - this.#filledAt) * CAPACITY) / REFILL_MS);
    this.#filledAt = now;
    if (this.#tokens < ONE_RETRY) return false;
    this.#tokens = Math.max(0, this.#tokens - 1);
    return true;
  }
}
