/** Chunks that follow each other, as few as possible: for entries, and for viewers that are behind. Pure. */

import type { MessageChunk } from "../../contract/chunk.ts";

/**
 * Returns the same reply in fewer chunks: successive texts, pieces of the thinking and pieces of one call's arguments
 * are joined.
 */
export function coalesced(chunks: Iterable<MessageChunk>): readonly MessageChunk[] {
  const joined: MessageChunk[] = [];
  /** Those that the last of `joined` is to be made of, when there are several. */
  let pieces: string[] = [];
  const settle = (): void => {
    const last = joined.at(-1);
    if (last && pieces.length > 1) joined[joined.length - 1] = withText(last, pieces.join(""));
  };
  for (const chunk of chunks) {
    const last = joined.at(-1);
    if (last && continues(last, chunk)) {
      pieces.push(textIn(chunk));
      continue;
    }
    settle();
    joined.push(chunk);
    pieces = [textIn(chunk)];
  }
  settle();
  return joined;
}

/**
 * Returns the chunks of one read as they are kept: in fewer chunks, unless one has a raw event. Entries live long, so
 * the garbage collector copies each of their objects.
 */
export function joinedRead(chunks: readonly MessageChunk[]): readonly MessageChunk[] {
  return chunks.length < 2 || chunks.some((chunk) => "raw" in chunk) ? chunks : coalesced(chunks);
}

function continues(last: MessageChunk, next: MessageChunk): boolean {
  if (next.type === "toolCallDelta") {
    return last.type === "toolCallDelta" && last.index === next.index && last.id === next.id && last.name === next.name;
  }
  return last.type === next.type && (next.type === "text" || next.type === "reasoning");
}

function textIn(chunk: MessageChunk): string {
  if (chunk.type === "reasoning") return chunk.reasoning;
  return chunk.type === "toolCallDelta" ? chunk.argumentsDelta : chunk.content;
}

function withText(chunk: MessageChunk, text: string): MessageChunk {
  switch (chunk.type) {
    case "text":
      return { type: "text", content: text, isFinal: false };
    case "reasoning":
      return { type: "reasoning", content: "", reasoning: text, isFinal: false };
    case "toolCallDelta": {
      const { index, id, name } = chunk;
      return { type: "toolCallDelta", content: "", index, id, name, argumentsDelta: text, isFinal: false };
    }
    default:
      return chunk;
  }
}
