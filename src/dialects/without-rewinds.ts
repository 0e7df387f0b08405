/** Chunks in which nothing is taken back, for wires that cannot take anything back. Pure. */

import type { MessageChunk, RewindChunk } from "../contract/chunk.ts";

/**
 * Returns the chunks without the text that a rewind among them discards. The rewind stays, before them: it says how
 * much it discards of what came earlier, which may be nothing but calls that were begun.
 */
export function withoutRewinds(chunks: readonly MessageChunk[]): readonly MessageChunk[] {
  if (!chunks.some(({ type }) => type === "rewind")) return chunks;
  let kept: readonly MessageChunk[] = [];
  for (const chunk of chunks) kept = chunk.type === "rewind" ? rewound(kept, chunk) : [...kept, chunk];
  return kept;
}

function rewound(chunks: readonly MessageChunk[], { length, reasoningLength }: RewindChunk): readonly MessageChunk[] {
  /** From the last chunk to the first. */
  const kept: MessageChunk[] = [];
  let [text, reasoning] = [length, reasoningLength];
  for (const chunk of [...chunks].reverse()) {
    switch (chunk.type) {
      case "text": {
        const content = withoutEnd(chunk.content, text);
        text -= chunk.content.length - content.length;
        if (content !== "") kept.push({ ...chunk, content });
        break;
      }
      case "reasoning": {
        const rest = withoutEnd(chunk.reasoning, reasoning);
        reasoning -= chunk.reasoning.length - rest.length;
        if (rest !== "") kept.push({ ...chunk, reasoning: rest });
        break;
      }
      case "toolCallDelta":
        break; // a call that was begun and not delivered is discarded
      case "citation":
        if (text <= 0) kept.push(chunk);
        break;
      case "rewind":
        kept.push({ ...chunk, length: chunk.length + text, reasoningLength: chunk.reasoningLength + reasoning });
        [text, reasoning] = [0, 0];
        break;
      default:
        kept.push(chunk);
    }
  }
  if (kept.at(-1)?.type !== "rewind") {
    kept.push({ type: "rewind", content: "", length: text, reasoningLength: reasoning, isFinal: false });
  }
  return kept.reverse();
}

function withoutEnd(text: string, length: number): string {
  return text.slice(0, Math.max(0, text.length - length));
}
