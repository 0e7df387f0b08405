/** Measures one reply. One clock reading for each read from the wire, none for a chunk. */

import type { ReplyMetrics } from "../contract/metrics.ts";
import type { Clock } from "../platform/clock.ts";
import type { ReplyFacts } from "./reply-facts.ts";

/** The part of the metrics that the source counts. */
type Counted = Pick<ReplyFacts, "reconnects"> & Pick<ReplyMetrics, "attempts">;

/** Receives each read: how many chunks it brought, and the milliseconds since the one before, without pauses. */
export type ArrivalListener = (count: number, gapMs: number) => void;

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
  /** See `MessageStream.onArrival`. */
  onArrival: ArrivalListener | undefined = undefined;

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

  /** Milliseconds since the last chunk, or since the consumer has begun to wait for the next. */
  get waitedMs(): number {
    return this.#now() - Math.max(this.#lastAt, this.#waitingSince);
  }

  /** `count` chunks arrived together. */
  arrived(count: number): void {
    const now = this.#now();
    let gapMs = 0;
    if (this.#firstAt === undefined) this.#firstAt = now;
    else {
      gapMs = now - Math.max(this.#lastAt, this.#waitingSince);
      this.#longestGapMs = Math.max(this.#longestGapMs, gapMs);
    }
    this.#lastAt = now;
    this.chunks += count;
    if (this.onArrival !== undefined) this.onArrival(count, gapMs);
  }

  ended(): void {
    this.#endedAt ??= this.#now();
  }

  read({ attempts, reconnects }: Counted, outputTokens: number | undefined): ReplyMetrics {
    const end = this.#endedAt ?? this.#now();
    const writingMs = this.#lastAt === this.#firstAt ? 0 : end - (this.#firstAt ?? end);
    // Optional fields last: a literal that begins with a spread and continues with fractions gets a hidden class each
    // time.
    return {
      durationMs: end - this.#startedAt,
      chunks: this.chunks,
      longestGapMs: this.#longestGapMs,
      attempts,
      ...(this.#firstAt !== undefined && { timeToFirstChunkMs: this.#firstAt - this.#startedAt }),
      ...(outputTokens && writingMs > 0 && { outputTokensPerSecond: outputTokens / (writingMs / 1000) }),
      ...(reconnects !== undefined && { reconnects }),
    };
  }
}
