/** A reply that came in one piece, as the stream it would have been. */

import type { MessageChunk } from "../contract/chunk.ts";
import type { AssistantMessage } from "../contract/message.ts";
import { MessageStream } from "./message-stream.ts";

/** The chunks of a reply that came whole: folded, they are the same message. */
export function chunksOf<Output>(message: AssistantMessage<Output>): readonly MessageChunk<Output>[] {
  const { content, reasoning, citations, toolCalls, providerToolCalls = [], media = [] } = message;
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

/** The same reply as a stream. */
export function streamOf<Output>(message: AssistantMessage<Output>): MessageStream<Output> {
  async function* chunks() {
    yield* chunksOf(message);
  }
  return MessageStream.from(chunks());
}
