/** Leaves a client alone that keeps failing: after so many failures in a row it is not asked until a pause is over. */

/** When a circuit opens, and for how long. */
export interface CircuitOptions {
  /** Failures in a row after which the client is left alone. Default 5. */
  readonly failures?: number | undefined;
  /** For how long, in milliseconds; then one call may try. Default 30 000. */
  readonly pauseMs?: number | undefined;
}

/** The circuit of one client. Time comes in from outside, in milliseconds. */
export class Circuit {
  readonly #failures: number;
  readonly #pauseMs: number;
  #failed = 0;
  #openUntil = 0;
  #trial = false;

  constructor({ failures = 5, pauseMs = 30_000 }: CircuitOptions) {
    this.#failures = failures;
    this.#pauseMs = pauseMs;
  }

  /** Whether the client may be asked now. An open circuit lets one trial through when its pause is over. */
  enter(now: number): boolean {
    if (this.#failed < this.#failures) return true;
    if (this.#trial || now < this.#openUntil) return false;
    this.#trial = true;
    return true;
  }

  /** Milliseconds until the next trial. */
  waitMs(now: number): number {
    return Math.max(0, this.#openUntil - now);
  }

  succeeded(): void {
    this.#failed = 0;
    this.#trial = false;
  }

  failed(now: number): void {
    this.#failed++;
    this.#trial = false;
    if (this.#failed >= this.#failures) this.#openUntil = now + this.#pauseMs;
  }

  /** The call was given up for another reason: it says nothing about the client. */
  abandoned(): void {
    this.#trial = false;
  }
}
