/** A citation as a chunk. */

import type { CitationChunk } from "../../contract/chunk.ts";
import type { Citation } from "../../contract/message.ts";

/** Returns the citation as a chunk. */
export function citationChunk(citation: Citation): CitationChunk {
  return { type: "citation", content: "", ...citation, isFinal: false };
}
