/** The timing of a reply, and every request that was sent for it. */

import type { SendErrorKind } from "./error-kind.ts";
import type { TokenUsage } from "./usage.ts";

/** One request that was sent for a call, and how it ended. */
export interface Attempt {
  readonly provider: string;
  readonly model: string;
  /** From its start to its end, in milliseconds. */
  readonly durationMs: number;
  /**
   * `stopped`: its reply was not wanted any more. `timeout`: a limit has passed, of the client, of a wrapper around it
   * or of a relay.
   */
  readonly outcome: "answered" | "stopped" | SendErrorKind;
  /** The HTTP status, where a response arrived. */
  readonly status?: number;
  /**
   * True when the client changed the request after a refusal: it left out the thinking of earlier replies, which the
   * provider took for another conversation's, or it asked the function `apiKey` for the next key.
   */
  readonly amended?: true;
  /** The usage that the provider reported for this attempt; a failed attempt may also be billed. */
  readonly usage?: TokenUsage;
}

/** Timing of one reply, in milliseconds from the call. Every ending has it, and a running stream has it live. */
export interface ReplyMetrics {
  /** Call → first chunk, over all attempts. Absent while none has come. */
  readonly timeToFirstChunkMs?: number;
  /** Call → end, or until now. */
  readonly durationMs: number;
  /** Chunks that arrived, the final one not counted. */
  readonly chunks: number;
  /**
   * Output tokens divided by the time from the first chunk to the end. The provider's count is used, else the estimate.
   * Absent for a reply in one piece, such as a non-streamed one, whose duration is not the time of writing.
   */
  readonly outputTokensPerSecond?: number;
  /** Longest wait between two arrivals, without the caller's own pauses; 0 before the second arrival. */
  readonly longestGapMs: number;
  /**
   * Every request that was sent for this call. Several after a retry or a recovery, with several clients, or in a
   * session that runs tools.
   */
  readonly attempts: readonly Attempt[];
  /**
   * How often the connection to a relay broke and was made again. Present only on replies of `relayClient`. The reply
   * itself continued meanwhile, and nothing was sent to the provider again.
   */
  readonly reconnects?: number;
}
