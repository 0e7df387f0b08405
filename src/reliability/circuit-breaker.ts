/** Skips a client that keeps failing: after some failures in a row it gets no call until a pause is over. */

import { checkSettings, type Fault, isBetween, isPatience } from "../contract/option-faults.ts";

/** When a circuit opens, and for how long. */
export interface CircuitOptions {
  /**
   * Failures in a row after which the client is skipped.
   * @default 5
   */
  readonly failureThreshold?: number | undefined;
  /**
   * Time for which the client is skipped, in milliseconds; then one call may try.
   * @default 30_000
   */
  readonly resetAfterMs?: number | undefined;
}

const OPTION_FAULTS: { readonly [Name in keyof CircuitOptions]-?: Fault } = {
  failureThreshold: (value) =>
    isBetween(value, 1, Number.POSITIVE_INFINITY) ? undefined : "must be a number, 1 or more",
  resetAfterMs: isPatience,
};

/** The circuit of one client. Time comes in from outside, in milliseconds. */
export class Circuit {
  readonly #failureThreshold: number;
  readonly #resetAfterMs: number;
  #failed = 0;
  #openUntil = 0;
  /** A trial that has not ended by then has no result. */
  #trialUntil = 0;

  /** @throws {TypeError} when an option is invalid */
  constructor(options: CircuitOptions) {
    checkSettings(options, OPTION_FAULTS, "circuit.");
    const { failureThreshold = 5, resetAfterMs = 30_000 } = options;
    this.#failureThreshold = failureThreshold;
    this.#resetAfterMs = resetAfterMs;
  }

  /**
   * Returns whether the client may be asked now. An open circuit lets one trial through when its pause is over, and no
   * more before it ends.
   */
  enter(now: number): "closed" | "trial" | undefined {
    if (this.#failed < this.#failureThreshold) return "closed";
    if (this.waitMs(now) > 0) return undefined;
    this.#trialUntil = now + this.#resetAfterMs;
    return "trial";
  }

  /** Milliseconds until the next trial, if the one under way has no result. */
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
    if (this.#failed >= this.#failureThreshold) this.#openUntil = now + this.#resetAfterMs;
  }

  /** The call was given up for another reason: it says nothing about the client. */
  abandoned(wasTrial: boolean): void {
    if (wasTrial) this.#trialUntil = 0;
  }
}
