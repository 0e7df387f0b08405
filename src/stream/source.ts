/** The border between streams and what fills them. */

import type { MessageChunk } from "../contract/chunk.ts";
import type { SendError } from "../contract/errors.ts";
import type { AssistantMessage } from "../contract/message.ts";
import type { ReplyFacts } from "./reply-facts.ts";

/** Where a stream's chunks come from. It runs only when asked. */
export interface ChunkSource {
  /** What is known of the reply beside its chunks; live. */
  readonly facts: ReplyFacts;
  /**
   * Asks for more, which the consumer waits for since `at` (on the clock of the stream). Answered by one call of the sink's
   * `flush`, `end` or `fail`, now or later.
   */
  pull(at: number): void;
  /** Nobody wants more: lets go of the connection at once. */
  close(): void;
  /** The caller has stopped and only the rest is read: what fails now is not begun again. */
  lastAttempt?(): void;
  /** The message that the chunks make, with what only the source knows of it. */
  complete?(message: AssistantMessage): AssistantMessage;
}

/** What a source delivers into. */
export interface ChunkSink {
  /** Append what arrived in one read here, then call `flush`. Taken anew after each `flush`. */
  readonly chunks: MessageChunk[];
  flush(): void;
  /** The reply is whole. A source that relays somebody else's reply hands over its message. */
  end(message?: AssistantMessage): void;
  fail(error: SendError): void;
}
