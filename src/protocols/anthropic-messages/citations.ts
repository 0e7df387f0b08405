/** The citations of a text block. */

import type { MessageChunk } from "../../contract/chunk.ts";
import { citationChunk } from "../common/citation-chunk.ts";
import { nameIn } from "../common/wire-values.ts";
import type { OpenBlock } from "./blocks.ts";

/**
 * Emits the citations of a block. Each belongs to the whole block, which is one statement.
 * @param end where the block's text ends in the visible text
 */
export function emitCitations({ citations, start }: OpenBlock, end: number, chunks: MessageChunk[]): void {
  for (const citation of citations) {
    const title = nameIn(citation?.title);
    const citedText = nameIn(citation?.cited_text);
    const { url } = citation ?? {};
    // A place in the caller's own document has no URL. It goes back with the replay.
    if (typeof url !== "string" || url === "") continue;
    const named = {
      url,
      ...(title && { title }),
      ...(citedText && { citedText }),
      ...(end > start && { startIndex: start, endIndex: end }),
    };
    chunks.push(citationChunk(named));
  }
}
