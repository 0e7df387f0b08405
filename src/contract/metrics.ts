/** What a reply took: its timing, and every request that was sent for it. */

import type { SendErrorKind } from "./error-kind.ts";
import type { TokenUsage } from "./usage.ts";

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
