/** What a client's calls may send again together, so that an outage is not answered with three times the load. */

import type { Clock } from "../platform/clock.ts";

/** Retries that are always there to begin with: a burst of a few failures is not yet an outage. */
const CAPACITY = 10;

/** A retry, but for what adding up fractions loses. */
const WHOLE = 1 - 1e-9;

/** After so long without any call the budget is whole again, in milliseconds. */
const REFILL_MS = 30_000;

/**
 * A token bucket. Each call puts in a part of a retry, each retry takes one out. A call that has the client for itself
 * needs nothing from it: it multiplies no load.
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

  /** A call begins. `share` is how much of a retry it puts in. */
  enter(share: number): void {
    this.#calls++;
    this.#tokens = Math.min(CAPACITY, this.#tokens + share);
  }

  /** It is over. */
  leave(): void {
    this.#calls--;
  }

  /** Whether one more request may be sent for a call under way. */
  take(): boolean {
    if (this.#calls <= 1) return true;
    const now = this.#now();
    this.#tokens = Math.min(CAPACITY, this.#tokens + ((now - this.#filledAt) * CAPACITY) / REFILL_MS);
    this.#filledAt = now;
    if (this.#tokens < WHOLE) return false;
    this.#tokens = Math.max(0, this.#tokens - 1);
    return true;
  }
}
