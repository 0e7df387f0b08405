/** The clocks of one call. One timer serves all of them; when it fires, it checks the time that really passed. */

import type { TimeoutPhase } from "../contract/error-kind.ts";
import type { CallLimits, LimitsInForce, Timeouts } from "../contract/timeouts.ts";
import { type Clock, MAX_TIMER_MS } from "../platform/clock.ts";

/** Starts with the call, receives its events, and reports once which limit passed. */
export class Deadlines {
  readonly #limits: CallLimits;
  readonly #untilFirstChunk: LimitsInForce;
  readonly #now: Clock;
  readonly #onExpire: (phase: TimeoutPhase, waitedMs: number) => void;
  readonly #calledAt: number;
  #requestAt: number | undefined;
  /** Between two attempts only the limits of the complete call run. */
  #isBetween = false;
  #lastByteAt: number;
  #lastChunkAt: number;
  #anyChunk = false;
  /** Undefined while the caller works on its chunks: then only `total` runs. */
  #waitingSince: number | undefined;
  /** Time waited for the first chunk before `#waitingSince`. */
  #waitedMs = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  /** The timer fired late, and checks again. */
  #wasLate = false;

  /** @param calledAt the time of the call, which `total` counts from */
  constructor(
    limits: CallLimits,
    now: Clock,
    onExpire: (phase: TimeoutPhase, waitedMs: number) => void,
    calledAt: number = now(),
  ) {
    this.#limits = limits;
    this.#untilFirstChunk = limits.untilFirstChunk ?? limits;
    this.#now = now;
    this.#onExpire = onExpire;
    this.#calledAt = calledAt;
    this.#lastByteAt = calledAt;
    this.#lastChunkAt = calledAt;
  }

  /** A request is sent. */
  sent(at: number = this.#now()): void {
    this.#isBetween = false;
    this.#requestAt = at;
    this.waiting(at);
  }

  /** The response headers arrived, or the request failed. */
  answered(): void {
    this.#requestAt = undefined;
    this.#lastByteAt = this.#now();
    this.#lastChunkAt = this.#lastByteAt;
    this.#arm(); // other limits run now
  }

  /** The attempt failed; another follows. */
  between(): void {
    this.#isBetween = true;
    this.#requestAt = undefined;
    this.waiting();
  }

  bytes(): void {
    this.#lastByteAt = this.#now();
  }

  /** Chunks came with the last bytes: the caller is busy. */
  chunks(): void {
    this.#lastChunkAt = this.#lastByteAt;
    this.#anyChunk = true;
    this.#hold();
  }

  /** The caller waits, since `at`. */
  waiting(at: number = this.#now()): void {
    if (this.#waitingSince === undefined) {
      this.#waitingSince = at;
      this.#timer?.ref?.();
    }
    const { idle, stall, headers } = this.#limits;
    const soonest = this.#waitingSince + Math.min(idle, stall, headers);
    if (this.#anyChunk && this.#timerAt <= soonest) return; // the timer checks it
    this.#arm();
  }

  /** The caller is busy, without a chunk. */
  holding(): void {
    if (this.#waitingSince !== undefined && !this.#anyChunk) this.#waitedMs += this.#now() - this.#waitingSince;
    this.#hold();
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#timerAt = Number.POSITIVE_INFINITY;
  }

  /** The caller is busy: the clock keeps no process alive meanwhile. */
  #hold(): void {
    this.#waitingSince = undefined;
    this.#timer?.unref?.();
  }

  #arm(): void {
    const due = this.#soonest();
    if (due >= this.#timerAt || due === NEVER) return;
    this.clear();
    this.#timerAt = due;
    this.#timer = setTimeout(() => this.#look(), Math.min(MAX_TIMER_MS, Math.max(0, due - this.#now())));
    if (this.#waitingSince === undefined) this.#timer.unref?.();
  }

  #look(): void {
    const now = this.#now();
    const late = now - this.#timerAt;
    this.clear();
    const limits = this.#limitsNow();
    const passed = PHASES.find((phase) => this.#sinceOf(phase) + limits[phase] <= now);
    if (passed && passed !== "total" && late > LATE_MS && !this.#wasLate) {
      // The thread was busy: text that came meanwhile is unread, because timers run first. (The limits of the complete
      // call did pass.)
      this.#wasLate = true;
      this.#timerAt = now;
      this.#timer = setTimeout(() => this.#look(), CATCH_UP_MS);
      return;
    }
    this.#wasLate = false;
    if (passed) this.#onExpire(passed, Math.round(now - this.#sinceOf(passed)));
    else this.#arm();
  }

  /** Returns the time at which the first of the running limits passes. */
  #soonest(): number {
    const limits = this.#limitsNow();
    let soonest = NEVER;
    for (const phase of PHASES) {
      const due = this.#sinceOf(phase) + limits[phase];
      if (due < soonest) soonest = due;
    }
    return soonest;
  }

  #limitsNow(): LimitsInForce {
    return this.#anyChunk ? this.#limits : this.#untilFirstChunk;
  }

  /** Returns the time since which a limit counts; `NEVER` while it does not run. */
  #sinceOf(phase: keyof Timeouts): number {
    const waitingSince = this.#waitingSince;
    if (phase === "total") return this.#calledAt;
    if (waitingSince === undefined) return NEVER;
    const reads = this.#requestAt === undefined && !this.#isBetween;
    switch (phase) {
      case "firstChunk":
        return this.#anyChunk ? NEVER : waitingSince - this.#waitedMs;
      case "headers":
        return this.#requestAt ?? NEVER;
      case "idle":
        return reads ? Math.max(waitingSince, this.#lastByteAt) : NEVER;
      case "stall":
        return reads ? Math.max(waitingSince, this.#lastChunkAt) : NEVER;
    }
  }
}

/** A timer that is this late shows that the thread was blocked, or that the computer slept. */
const LATE_MS = 50;

/** Time to read the text that has arrived, after a late timer. */
const CATCH_UP_MS = 100;

const NEVER = Number.POSITIVE_INFINITY;

/** The order of the limits: if two have passed, the one that ends the complete call counts. */
const PHASES = ["total", "firstChunk", "headers", "idle", "stall"] as const satisfies readonly (keyof Timeouts)[];
