/** The citations of Gemini's search results. */

import type { Citation } from "../../contract/message.ts";
import { TextPositions, utf8Bytes } from "../common/text-positions.ts";
import { listIn, nameIn } from "../common/wire-values.ts";
import type { GroundingMetadata, GroundingSupport } from "./wire.ts";

/** Maximum number of characters that are searched for statements: more would cost too much for a position. */
const MAX_SEARCHED = 10_000_000;

/**
 * Returns the sources, each with every statement that it supports. Positions on the wire are bytes of UTF-8 within one
 * part of the answer. Where they do not lead to the statement, the text is searched for it.
 * @see https://ai.google.dev/gemini-api/docs/google-search
 */
export function groundingCitations(metadata: GroundingMetadata, content: string): readonly Citation[] {
  const positions = new TextPositions(utf8Bytes, content);
  let searched = 0;
  const placeOf = (from: number, to: number, text: string | undefined) => {
    const place = { startIndex: positions.offsetOf(from), endIndex: positions.offsetOf(to) };
    if (!text || content.slice(place.startIndex, place.endIndex) === text) return place;
    if (searched > MAX_SEARCHED) return place;
    searched += content.length;
    const startIndex = content.indexOf(text);
    if (startIndex < 0 || content.lastIndexOf(text) !== startIndex) return place;
    return { startIndex, endIndex: startIndex + text.length };
  };
  const supportsOf = new Map<number, GroundingSupport[]>();
  for (const support of listIn(metadata.groundingSupports)) {
    if (!support?.segment) continue;
    for (const index of new Set(listIn(support.groundingChunkIndices))) {
      const known = supportsOf.get(index);
      if (known) known.push(support);
      else supportsOf.set(index, [support]);
    }
  }
  return listIn(metadata.groundingChunks).flatMap((chunk, index): readonly Citation[] => {
    const { uri, ...named } = chunk?.web ?? chunk?.retrievedContext ?? chunk?.maps ?? {};
    const title = nameIn(named.title);
    if (typeof uri !== "string" || uri === "") return [];
    const source = { url: uri, ...(title && { title }) };
    const statements = (supportsOf.get(index) ?? []).map(({ segment }) => {
      const { startIndex, endIndex, ...rest } = segment ?? {};
      const text = nameIn(rest.text);
      // The server omits a start of 0.
      const place = endIndex ? placeOf(startIndex ?? 0, endIndex, text) : {};
      return { ...source, ...(text && { citedText: text }), ...place };
    });
    return statements.length > 0 ? statements : [source];
  });
}
