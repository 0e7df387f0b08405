/**
 * The encoder of an API whose stream only goes forwards: it has an event for each chunk, and one for the end. The words
 * of the events are the API's own.
 */

import type { MessageChunk, RewindChunk } from "../../contract/chunk.ts";
import type { AssistantMessage } from "../../contract/message.ts";
import type { ReplyEncoder, ReplyEvent } from "../dialect.ts";
import type { GatewayError } from "./dialect.ts";
import { isNamed, type NamedFinish, SENT_AWAY, TAKEN_BACK, unnamedEnd } from "./endings.ts";

/** Writes the events of one reply in an API's words. */
export interface ReplyWriter {
  /** Returns the events before the first chunk. */
  begin(): string;
  chunk(chunk: Exclude<MessageChunk, RewindChunk>): string;
  /** Whether a call was begun and is not complete. */
  readonly hasOpenCalls: boolean;
  /** Returns the last events of a complete reply. */
  complete(message: AssistantMessage, finishReason: NamedFinish): string;
  /** Returns the last event of a reply that failed. A stream that only ends would pass for a complete reply. */
  fail(error: GatewayError): string;
}

/** Encodes one reply for one connection. */
export class GatewayEncoder implements ReplyEncoder {
  isOver = false;
  readonly #writer: ReplyWriter;

  constructor(writer: ReplyWriter) {
    this.#writer = writer;
  }

  encode(event: ReplyEvent): string {
    if (this.isOver) return "";
    switch (event.type) {
      case "opened":
        return this.#writer.begin();
      case "chunks":
        return this.#chunks(event.chunks);
      case "reconnect":
        return this.#fail(SENT_AWAY);
      case "complete":
        return this.#complete(event.message);
      case "failed":
        return this.#fail(event.error);
    }
  }

  #chunks(chunks: readonly MessageChunk[]): string {
    let text = "";
    for (const chunk of chunks) {
      if (chunk.type !== "rewind") text += this.#writer.chunk(chunk);
      // Thinking is not part of the answer: what was shown of it may stay.
      else if (chunk.length > 0 || this.#writer.hasOpenCalls) return text + this.#fail(TAKEN_BACK);
    }
    return text;
  }

  #complete(message: AssistantMessage): string {
    const { finishReason } = message;
    if (!isNamed(finishReason)) return this.#fail(unnamedEnd(finishReason));
    this.isOver = true;
    return this.#writer.complete(message, finishReason);
  }

  #fail(error: GatewayError): string {
    this.isOver = true;
    return this.#writer.fail(error);
  }
}
