/** The limit of a whole turn: `timeouts.total`, which covers its replies and the tools between them. */

import { SendError } from "../contract/errors.ts";
import { type Timeouts, timeoutText } from "../contract/timeouts.ts";
import { MAX_TIMER_MS } from "../platform/clock.ts";

/** Limits the time of one turn. */
export class TurnTimeout {
  readonly #totalMs: number;
  readonly #startedAt: number;
  /** The time that had passed at the turn's last request. See `waitBefore`. */
  waitedBeforeMs = 0;

  /**
   * @param totalMs in milliseconds; 0 and `undefined` turn the limit off
   * @param startedAt when the turn began, on the clock of `performance.now`
   */
  constructor(totalMs: number | undefined, startedAt: number) {
    // The client refuses any other value.
    this.#totalMs = typeof totalMs === "number" && totalMs > 0 ? totalMs : Number.POSITIVE_INFINITY;
    this.#startedAt = startedAt;
  }

  /** Returns the timeouts of the turn's next request; its `total` is the time that is left. */
  timeouts(given: Timeouts | undefined): { readonly timeouts?: Timeouts } {
    if (this.#totalMs === Number.POSITIVE_INFINITY) return given ? { timeouts: given } : {};
    this.waitedBeforeMs = this.#elapsedMs();
    return { timeouts: { ...given, total: Math.max(1, Math.ceil(this.#totalMs - this.waitedBeforeMs)) } };
  }

  /** Calls `expire` when the limit passes. Returns the timer, for `clearTimeout`. */
  timer(expire: () => void): ReturnType<typeof setTimeout> | undefined {
    if (this.#totalMs > MAX_TIMER_MS) return undefined;
    return setTimeout(expire, Math.max(0, this.#remainingMs()));
  }

  /** Whether the limit has passed. */
  get isOver(): boolean {
    return this.#remainingMs() <= 0;
  }

  /** Returns the error of a turn that exceeded the limit. `subject` is the part that it waited for. */
  error(subject = "The turn with its tools"): SendError {
    const message = timeoutText(subject, "total", this.#totalMs);
    return new SendError("timeout", message, { phase: "total", waitedMs: Math.round(this.#elapsedMs()) });
  }

  #elapsedMs(): number {
    return performance.now() - this.#startedAt;
  }

  #remainingMs(): number {
    return this.#totalMs - this.#elapsedMs();
  }
}
