/** The parts of a stream that only some programs need: estimates, and views of the chunks. */

import type { MediaChunk, MessageChunk } from "../contract/chunk.ts";
import type { Media, Replay } from "../contract/message.ts";
import type { TokenEstimator } from "../tokens/live-estimate.ts";

/** Handed to a stream where it is made. `MessageStream` has all of them. */
export interface StreamParts extends TokenEstimator {
  /** Returns the estimated tokens of a medium, or of a piece of one. */
  estimateMediaTokens(chunk: MediaChunk): number;
  /** Returns a collector for the media of one reply. */
  mediaCollector(): MediaPart;
  /** Returns the value in the text of one reply, for `partialObject()`. */
  partialOutput(): PartialOutputPart;
  /** Returns what the provider wants back, with the digits that its parsed numbers have lost. */
  withAllDigits(replay: Replay): Replay;
}

/** Collects the media of one reply. */
export interface MediaPart {
  /** Estimated output tokens of the media so far. */
  readonly tokens: number;
  add(chunk: MediaChunk): void;
  /** Forgets partial media: a new attempt takes their place. */
  dropPartial(): void;
  /** Returns the media in order; of a complete reply, only those that are complete. */
  list(isComplete: boolean): readonly Media[];
}

/** The value in the text of one reply. */
interface PartialOutputPart {
  /** The value so far: the same object where nothing was added, `undefined` before it begins. */
  readonly value: unknown;
  add(chunk: MessageChunk): void;
}
