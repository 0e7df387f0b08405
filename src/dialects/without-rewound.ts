/** Chunks without those that a rewind among them discards, for a reader that has shown none of them yet. Pure. */

import type { MessageChunk } from "../contract/chunk.ts";

/** The chunks that count, and how often the reply began again. */
export interface Unrewound {
  readonly kept: readonly MessageChunk[];
  readonly rewinds: number;
}

/** Applies the rewinds in `chunks`, which begin at the beginning of the reply. */
export function withoutRewound(chunks: readonly MessageChunk[]): Unrewound {
  if (!chunks.some(({ type }) => type === "rewind")) return { kept: chunks, rewinds: 0 };
  let rewinds = 0;
  let kept: MessageChunk[] = [];
  let length = 0;
  for (const chunk of chunks) {
    if (chunk.type === "rewind") {
      rewinds++;
      length -= chunk.length;
      kept = rewound(kept, chunk.length, chunk.reasoningLength, length);
    } else {
      if (chunk.type === "text") length += chunk.content.length;
      kept.push(chunk);
    }
  }
  return { kept, rewinds };
}

/** @param textLength the length of the text that stays: a citation of more goes */
function rewound(
  chunks: readonly MessageChunk[],
  length: number,
  reasoningLength: number,
  textLength: number,
): MessageChunk[] {
  let [text, reasoning] = [length, reasoningLength];
  const delivered = new Set(chunks.flatMap((chunk) => (chunk.type === "toolCall" ? [chunk.toolCall.id] : [])));
  const kept: MessageChunk[] = [];
  for (const chunk of chunks.toReversed()) {
    if (chunk.type === "text") {
      const content = chunk.content.slice(0, Math.max(0, chunk.content.length - text));
      text -= chunk.content.length - content.length;
      if (content !== "") kept.push({ ...chunk, content });
    } else if (chunk.type === "reasoning") {
      const stays = chunk.reasoning.slice(0, Math.max(0, chunk.reasoning.length - reasoning));
      reasoning -= chunk.reasoning.length - stays.length;
      if (stays !== "") kept.push({ ...chunk, reasoning: stays });
    } else if (isKept(chunk, delivered, textLength)) kept.push(chunk);
  }
  return kept.toReversed();
}

function isKept(chunk: MessageChunk, delivered: ReadonlySet<string>, textLength: number): boolean {
  if (chunk.type === "toolCallDelta") return delivered.has(chunk.id);
  if (chunk.type === "citation") return textLength > 0 && (chunk.endIndex ?? 0) <= textLength;
  return chunk.type !== "providerToolCall" || textLength > 0;
}
