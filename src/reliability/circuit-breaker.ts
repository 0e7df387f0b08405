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
  /** A trial that has not ended by then has told nothing. */
  #trialUntil = 0;

  /** @throws {TypeError} when an option is senseless */
  constructor({ failures = 5, pauseMs = 30_000 }: CircuitOptions) {
    if (!(failures >= 1)) throw new TypeError("`circuit.failures` must be a number, 1 or more.");
    if (!(pauseMs >= 0)) throw new TypeError("`circuit.pauseMs` must be milliseconds, 0 or more.");
    this.#failures = failures;
    this.#pauseMs = pauseMs;
  }

  /** Whether the client may be asked now. An open circuit lets one trial through when its pause is over, and no more before it ends. */
  enter(now: number): "closed" | "trial" | undefined {
    if (this.#failed < this.#failures) return "closed";
    if (this.waitMs(now) > 0) return undefined;
    this.#trialUntil = now + this.#pauseMs;
    return "trial";
  }

  /** Milliseconds until the next trial, if the one under way tells nothing. */
  waitMs(now: number): number {
    return Math.max(0, this.#openUntil - now, this.#trialUntil - now);
  }

  succeeded(): void {
    this.#failed = 0;
    this.#openUntil = 0;
    this.#trialUntil = 0;
  }

  /** `wasTrial`: of a call that was asked before the circuit opened, a trial under way learns nothing. */
  failed(now: number, wasTrial: boolean): void {
    this.#failed++;
    if (wasTrial) this.#trialUntil = 0;
    if (this.#failed >= this.#failures) this.#openUntil = now + this.#pauseMs;
  }

  /** The call was given up for another reason: it says nothing about the client. */
  abandoned(wasTrial: boolean): void {
    if (wasTrial) this.#trialUntil = 0;
  }
}
