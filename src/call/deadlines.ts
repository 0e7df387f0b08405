/** The clocks of one call. One timer serves them all and looks, when it fires, at what really passed. */

import type { Timeouts } from "../contract/client.ts";
import type { TimeoutPhase } from "../contract/errors.ts";
import { type Clock, MAX_TIMER_MS } from "../platform/clock.ts";

const STREAMED = { headers: 60_000, firstChunk: 180_000, idle: 60_000, stall: 120_000, total: 0 };
// A server that is asked for the whole reply says nothing until it is written.
const WHOLE = { headers: 600_000, firstChunk: 0, idle: 600_000, stall: 0, total: 0 };

const OFF = { headers: 0, firstChunk: 0, idle: 0, stall: 0, total: 0 };

type LimitsInForce = Readonly<Record<keyof Timeouts, number>>;

/** The limits in force, in milliseconds; infinite where one is off. */
export interface Limits extends LimitsInForce {
  /** Those until the first chunk, where they are others. */
  readonly untilFirstChunk?: LimitsInForce;
}

/** Later settings win; what they leave undefined, they leave alone. */
export function limitsOf(whole: boolean, ...settings: (Timeouts | undefined)[]): Limits {
  return inForce(whole ? WHOLE : STREAMED, settings);
}

/**
 * The same for a server on the caller's own computer: until the first chunk only what the caller has set. It reads one prompt at a
 * time, for minutes perhaps and without a byte, and begins anew when the request is sent again.
 */
export function localLimitsOf(whole: boolean, ...settings: (Timeouts | undefined)[]): Limits {
  return { ...limitsOf(whole, ...settings), untilFirstChunk: inForce(OFF, settings) };
}

function inForce(defaults: LimitsInForce, settings: readonly (Timeouts | undefined)[]): LimitsInForce {
  const limits = { ...defaults };
  for (const setting of settings) {
    for (const name of Object.keys(limits) as (keyof Timeouts)[]) limits[name] = setting?.[name] ?? limits[name];
  }
  for (const name of Object.keys(limits) as (keyof Timeouts)[]) limits[name] ||= Number.POSITIVE_INFINITY;
  return limits;
}

/** Started with the call; told what happens; tells once which limit passed. */
export class Deadlines {
  readonly #limits: Limits;
  readonly #untilFirstChunk: LimitsInForce;
  readonly #now: Clock;
  readonly #onExpire: (phase: TimeoutPhase, waitedMs: number) => void;
  readonly #calledAt: number;
  #requestAt: number | undefined;
  /** Between two attempts only the limits of the whole call run. */
  #isBetween = false;
  #lastByteAt: number;
  #lastChunkAt: number;
  #anyChunk = false;
  /** Undefined while the caller holds what it got: then only `total` runs. */
  #waitingSince: number | undefined;
  /** Time waited for the first chunk before `#waitingSince`. */
  #waitedMs = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  /** It fired late, and looks again. */
  #wasLate = false;

  constructor(limits: Limits, now: Clock, onExpire: (phase: TimeoutPhase, waitedMs: number) => void) {
    this.#limits = limits;
    this.#untilFirstChunk = limits.untilFirstChunk ?? limits;
    this.#now = now;
    this.#onExpire = onExpire;
    this.#calledAt = now();
    this.#lastByteAt = this.#calledAt;
    this.#lastChunkAt = this.#calledAt;
  }

  /** A request goes out. */
  sent(at: number = this.#now()): void {
    this.#isBetween = false;
    this.#requestAt = at;
    this.waiting(at);
  }

  /** Its response headers are there, or it failed. */
  answered(): void {
    this.#requestAt = undefined;
    this.#lastByteAt = this.#now();
    this.#lastChunkAt = this.#lastByteAt;
    this.#arm(); // other limits run now
  }

  /** The attempt failed, and another will come. */
  between(): void {
    this.#isBetween = true;
    this.#requestAt = undefined;
    this.waiting();
  }

  bytes(): void {
    this.#lastByteAt = this.#now();
  }

  /** Chunks came with the last bytes; the caller has something to do. */
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
    if (this.#anyChunk && this.#timerAt <= soonest) return; // the timer will look
    this.#arm();
  }

  /** The caller has something to do, though no chunk. */
  holding(): void {
    if (this.#waitingSince !== undefined && !this.#anyChunk) this.#waitedMs += this.#now() - this.#waitingSince;
    this.#hold();
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#timerAt = Number.POSITIVE_INFINITY;
  }

  /** Nobody waits, so no process need wait for the clock. */
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
      // This thread was busy: what came meanwhile has not been read, for timers go first. (The whole call did take too long.)
      this.#wasLate = true;
      this.#timerAt = now;
      this.#timer = setTimeout(() => this.#look(), CATCH_UP_MS);
      return;
    }
    this.#wasLate = false;
    if (passed) this.#onExpire(passed, Math.round(now - this.#sinceOf(passed)));
    else this.#arm();
  }

  /** When the first of the running limits passes. */
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

  /** Since when a limit counts; `NEVER` while it does not run. */
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

/** A timer that fires so late tells of a thread that was blocked, or of a computer that slept. */
const LATE_MS = 50;

/** Then what has arrived is read first. */
const CATCH_UP_MS = 100;

const NEVER = Number.POSITIVE_INFINITY;

/** Where two limits have passed, the one that ends the whole call counts. */
const PHASES = ["total", "firstChunk", "headers", "idle", "stall"] as const satisfies readonly (keyof Timeouts)[];
