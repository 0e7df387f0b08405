/** A reply that came in one piece, as the stream it would have been. */

import type { MessageChunk } from "../contract/chunk.ts";
import type { AssistantMessage } from "../contract/message.ts";
import { MessageStream } from "./message-stream.ts";
import type { ReplyFacts } from "./reply-facts.ts";
import { type ChunkSink, type ChunkSource, NO_SINK } from "./source.ts";

/** Returns the chunks of a complete reply: folded, they are the same message. */
export function chunksOf<Output>(message: AssistantMessage<Output>): readonly MessageChunk<Output>[] {
  const {
    content,
    reasoning = "",
    citations = [],
    toolCalls = [],
  }: Partial<AssistantMessage> & typeof message = message;
  const { providerToolCalls = [], media = [] } = message;
  return [
    ...(reasoning === "" ? [] : [{ type: "reasoning", content: "", reasoning, isFinal: false } as const]),
    ...providerToolCalls.map(
      (providerToolCall) => ({ type: "providerToolCall", content: "", providerToolCall, isFinal: false }) as const,
    ),
    ...(content === "" ? [] : [{ type: "text", content, isFinal: false } as const]),
    ...media.map((medium, index) => ({ type: "media", content: "", index, ...medium, isFinal: false }) as const),
    ...citations.map((citation) => ({ type: "citation", content: "", ...citation, isFinal: false }) as const),
    ...toolCalls.map((toolCall) => ({ type: "toolCall", content: "", toolCall, isFinal: false }) as const),
    { type: "final", content: "", message, isFinal: true },
  ];
}

/** Returns the same reply as a stream. */
export function streamOf<Output>(message: AssistantMessage<Output>): MessageStream<Output> {
  async function* chunks() {
    yield* chunksOf(message);
  }
  return MessageStream.from(chunks());
}

/** A reply that is complete, as a source: its message is passed on as it is, for callers that have validated it. */
export class CompleteSource implements ChunkSource {
  readonly facts: ReplyFacts;
  readonly #message: AssistantMessage;
  #sink: ChunkSink = NO_SINK;

  constructor(message: AssistantMessage) {
    const { provider, model } = message;
    this.#message = message;
    this.facts = { provider, model, attempts: [] };
  }

  attach(sink: ChunkSink): void {
    this.#sink = sink;
  }

  pull(): void {
    for (const chunk of chunksOf(this.#message)) if (chunk.type !== "final") this.#sink.chunks.push(chunk);
    this.#sink.end(this.#message);
  }

  close(): void {
    this.#sink = NO_SINK;
  }
}
