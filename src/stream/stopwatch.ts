/** What a reply's timing was. One clock reading per read from the wire, none per chunk. */

import type { SendErrorKind } from "../contract/errors.ts";
import type { TokenUsage } from "../contract/message.ts";

/** One request that was sent for a call, and how it ended. */
export interface Attempt {
  readonly provider: string;
  readonly model: string;
  /** From sending it to its end, in milliseconds. */
  readonly durationMs: number;
  readonly outcome: "answered" | "stopped" | SendErrorKind;
  /** The HTTP status, where one came. */
  readonly status?: number;
  /**
   * True when the client has changed the request: the provider had refused the thinking of earlier replies as another
   * conversation's, and it was left out.
   */
  readonly amended?: true;
  /** What the provider reported for this one; a failed attempt may be billed, too. */
  readonly usage?: TokenUsage;
}

/** Timing of one reply, in milliseconds from the call. Present on every ending, and live on the stream while it runs. */
export interface ReplyMetrics {
  /** Call → first chunk, over all attempts. Absent while none has come. */
  readonly timeToFirstChunkMs?: number;
  /** Call → end, or until now. */
  readonly durationMs: number;
  /** Chunks that arrived, the final one not counted. */
  readonly chunks: number;
  /**
   * Output tokens over the time from the first chunk to the end: as the provider counted them, else as we estimate them.
   * Absent for a reply that came in one piece, such as a whole one: it says nothing about how fast it was written.
   */
  readonly outputTokensPerSecond?: number;
  /** Longest wait between two arrivals, the caller's own pauses not counted; 0 before the second. */
  readonly longestGapMs: number;
  /** Every request that was sent for this call; more than one after a retry or a recovery, where several clients were asked, or a session ran tools. */
  readonly attempts: readonly Attempt[];
}

/** Milliseconds from some fixed moment, never backwards. */
export type Clock = () => number;

/** The longest that a timer can be set for, in milliseconds: one for longer, or for ever, fires at once. */
export const LONGEST_TIMER_MS: number = 2 ** 31 - 1;

/** The runtime's own clock. On Node the global `performance` is a getter, so it is asked for once. */
export function systemClock(): Clock {
  const { performance } = globalThis;
  return () => performance.now();
}

/** The running clock of one reply. */
export class Stopwatch {
  readonly #now: Clock;
  readonly #startedAt: number;
  #firstAt: number | undefined;
  #lastAt = 0;
  #waitingSince = 0;
  #endedAt: number | undefined;
  #longestGapMs = 0;
  chunks = 0;

  /** `startedAt` is when the call was made, on the same clock. */
  constructor(now: Clock, startedAt: number) {
    this.#now = now;
    this.#startedAt = startedAt;
  }

  /** The consumer has nothing to do but wait. Returns since when. */
  waiting(): number {
    this.#waitingSince = this.#now();
    return this.#waitingSince;
  }

  /** `count` chunks arrived together. */
  arrived(count: number): void {
    const now = this.#now();
    if (this.#firstAt === undefined) this.#firstAt = now;
    else this.#longestGapMs = Math.max(this.#longestGapMs, now - Math.max(this.#lastAt, this.#waitingSince));
    this.#lastAt = now;
    this.chunks += count;
  }

  ended(): void {
    this.#endedAt ??= this.#now();
  }

  read(attempts: readonly Attempt[], outputTokens: number | undefined): ReplyMetrics {
    const end = this.#endedAt ?? this.#now();
    const writingMs = this.#lastAt === this.#firstAt ? 0 : end - (this.#firstAt ?? end);
    // Optional fields last: a literal that begins with a spread and goes on with fractions gets a hidden class each time.
    return {
      durationMs: end - this.#startedAt,
      chunks: this.chunks,
      longestGapMs: this.#longestGapMs,
      attempts,
      ...(this.#firstAt !== undefined && { timeToFirstChunkMs: this.#firstAt - this.#startedAt }),
      ...(outputTokens && writingMs > 0 && { outputTokensPerSecond: outputTokens / (writingMs / 1000) }),
    };
  }
}
