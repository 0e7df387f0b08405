/** The parts of a stream that programs have in two sizes: all of them, and as few as a page needs. */

import type { MessageChunk } from "../contract/chunk.ts";
import type { AssistantMessage } from "../contract/message.ts";
import type { ReplyMetrics } from "../contract/metrics.ts";
import type { Ending } from "./ending.ts";
import type { ReplyFacts } from "./reply-facts.ts";

/** Handed to a stream where it is made. `MessageStream` has the complete ones. */
export interface StreamParts {
  /** Returns the collector of the chunks of one reply. */
  fold(facts: ReplyFacts): FoldPart;
  /** Returns the value in the text of one reply, for `partialObject()`. */
  partialOutput(): PartialOutputPart;
  /** Returns the chunks as a web stream, for `toReadableStream()`. `stop` is called when its reader leaves. */
  readableOf<Chunk>(chunks: AsyncIterator<Chunk>, stop: () => void): ReadableStream<Chunk>;
  /** Calls `listener` when no consumer reads, for `onUnread()`. */
  watchUnread(stream: Watchable, afterMs: number, listener: () => void): void;
}

/** A stream, as far as it shows whether it is read. */
export interface Watchable {
  readonly queue: { readonly chunks: readonly MessageChunk[]; readonly taken: number };
  readonly isRunning: boolean;
  readonly isRead: boolean;
  /** Calls `task` after the end. */
  afterEnd(task: () => void): void;
}

/** Collects the chunks of one reply. */
export interface FoldPart {
  add(chunk: MessageChunk): void;
  /** Counts a chunk that is billed and not part of the message. Returns its estimated tokens. */
  addUnseen(chunk: MessageChunk): number;
  /** Returns the reply so far as a message. */
  message(ending: Ending, metricsOf: (outputTokens: number | undefined) => ReplyMetrics): AssistantMessage;
  /** Returns the output tokens so far, as reported or as estimated. */
  outputTokens(): number;
}

/** The value in the text of one reply. */
interface PartialOutputPart {
  /** The value so far: the same object where nothing was added, `undefined` before it begins. */
  readonly value: unknown;
  add(chunk: MessageChunk): void;
}
