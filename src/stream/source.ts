/** The border between a stream and its source: the interface of every source, and its sink. */

import type { MessageChunk } from "../contract/chunk.ts";
import { SendError } from "../contract/errors.ts";
import type { AssistantMessage } from "../contract/message.ts";
import { messageOf } from "../platform/text-of.ts";
import type { ReplyFacts } from "./reply-facts.ts";

/** Where a stream's chunks come from. It delivers only when asked. */
export interface ChunkSource {
  /** The facts of the reply that are not in its chunks; live. */
  readonly facts: ReplyFacts;
  /**
   * Resolves when the reply can be read, such as when the provider has accepted the request; rejects with the refusal.
   * Absent: it can be read at once.
   */
  readonly opened?: Promise<void> | undefined;
  /** Begins to open the reply, which is delivered into `sink`. Called once, before everything else, by the stream. */
  attach(sink: ChunkSink): void;
  /**
   * Asks for more, which the consumer waits for since `at` (on the clock of the stream). Answered by one call of the
   * sink's `flush`, `end` or `fail`, now or later.
   */
  pull(at: number): void;
  /** Releases the connection at once: no consumer wants more. `closing` is absent when the chunks cannot be read. */
  close(closing?: Closing): void;
  /**
   * The caller has stopped, and the rest is read only for its usage: a failure from now on is not retried. `drain`: how
   * far the stream reads, for a source that relays another stream.
   */
  lastAttempt?(drain?: DrainLimits): void;
  /** Whether tools run now, or wait for a decision. Absent: never. */
  readonly waitsForTools?: boolean;
  /** Returns the message that the chunks make, with the facts that only the source knows. */
  complete?(message: AssistantMessage): AssistantMessage;
}

/** How the consumer has ended a reply: by `stop()`, or by leaving its loop. */
export type Closing = "stopped" | "left";

/** The default limits of a drain: see `DrainLimits`. */
export const MAX_DRAIN_MS = 30_000;
export const MAX_DRAIN_TOKENS = 4_000;

/** How far `stop({ drain })` reads on for the usage. The first limit that is reached ends the reply. */
export interface DrainLimits {
  /**
   * In milliseconds; most replies are complete by then.
   * @default 30_000
   */
  readonly withinMs?: number | undefined;
  /**
   * Estimated tokens that arrive after the stop: about as much as a stop should cost at most.
   * @default 4_000
   */
  readonly maxTokens?: number | undefined;
}

/** The receiver of a source's chunks. */
export interface ChunkSink {
  /** Append the chunks of one read here, then call `flush`. Read this field again after each `flush`. */
  readonly chunks: MessageChunk[];
  flush(): void;
  /** The reply is complete. A source that relays the reply of another client hands over its message. */
  end(message?: AssistantMessage): void;
  fail(error: SendError): void;
}

/** The sink of a source that has none yet: drops everything. */
export const NO_SINK: ChunkSink = {
  chunks: [],
  flush: () => undefined,
  end: () => undefined,
  fail: () => undefined,
};

/**
 * The opening of a reply. A failure before it is a refusal, which rejects the call; a failure after it ends the stream.
 * Only the first outcome counts.
 */
export class Opening {
  /** For `ChunkSource.opened`. */
  readonly promise: Promise<void>;
  #accept: () => void = () => undefined;
  #refuse: (error: SendError) => void = () => undefined;
  #isOpen = false;

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.#accept = resolve;
      this.#refuse = reject;
    });
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  accept(): void {
    this.#isOpen = true;
    this.#accept();
  }

  /**
   * Fails the call with `refusal` while the reply is not open, and the stream behind `sink` with `failure` afterwards.
   */
  fail(sink: ChunkSink, failure: SendError, refusal: SendError = failure): void {
    if (this.#isOpen) sink.fail(failure);
    else this.#refuse(refusal);
  }
}

/**
 * Returns what a source has thrown as a `SendError`. Never throws.
 * @param source what has failed, for the message
 */
export function failureOf(thrown: unknown, source = "source of this stream"): SendError {
  try {
    if (thrown instanceof SendError) return thrown;
  } catch {
    // a proxy
  }
  const message = `The ${source} failed: ${messageOf(thrown)}`;
  return new SendError("protocol", message, { cause: thrown, retryable: false });
}
