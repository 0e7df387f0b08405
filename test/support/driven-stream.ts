/** A stream whose source delivers when the test says so, also before it is asked. */

import { type ChunkSink, type MessageChunk, MessageStream, type ReplyFacts, type SendError } from "../../src/index.ts";

export interface DrivenStream {
  readonly stream: MessageStream;
  readonly facts: ReplyFacts;
  /** Delivers these texts in one read. */
  push(...contents: readonly string[]): void;
  end(): void;
  fail(error: SendError): void;
}

export function drivenStream(): DrivenStream {
  const facts: ReplyFacts = { provider: "scripted", model: "script", attempts: [] };
  let sink: ChunkSink | undefined;
  const stream = new MessageStream({
    facts,
    attach: (given) => {
      sink = given;
    },
    pull: () => undefined,
    close: () => undefined,
  });
  const chunk = (content: string): MessageChunk => ({ type: "text", content, isFinal: false });
  return {
    stream,
    facts,
    push: (...contents) => {
      sink?.chunks.push(...contents.map(chunk));
      sink?.flush();
    },
    end: () => sink?.end(),
    fail: (error) => sink?.fail(error),
  };
}
