/** The time of a machine whose clock may be set forward, or that may sleep. */

/** A clock that has gained so much between two looks was set forward, in milliseconds. */
const MIN_GAIN_MS = 2_000;

/** Reads a clock, with which times are compared that other processes have written. */
export class SteadyTime {
  readonly #clock: () => number;
  /** How far the clock was ahead of the time since the process began. */
  #ahead: number;
  #setForwardAt = Number.NEGATIVE_INFINITY;

  constructor(clock: () => number = () => Date.now()) {
    this.#clock = clock;
    this.#ahead = clock() - performance.now();
  }

  /** Returns the time in milliseconds since 1970. */
  now(): number {
    const [now, elapsed] = [this.#clock(), performance.now()];
    if (now - elapsed - this.#ahead >= MIN_GAIN_MS) this.#setForwardAt = elapsed;
    this.#ahead = now - elapsed;
    return now;
  }

  /**
   * Returns whether the clock was set forward, or the machine slept, in the last `ms` milliseconds. A time that has
   * passed says nothing then: a process that lives renews its lease now.
   */
  wasSetForward(ms: number): boolean {
    this.now();
    return performance.now() - this.#setForwardAt < ms;
  }
}
