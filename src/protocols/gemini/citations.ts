/** What Gemini found on the web, as citations. */

import type { Citation } from "../../contract/message.ts";
import { TextPositions, utf8Bytes } from "../common/text-positions.ts";
import { listIn, nameIn } from "../common/wire-values.ts";
import type { GroundingMetadata, GroundingSupport } from "./wire.ts";

/**
 * Statements are looked for only until so many characters were looked at: a place is not worth a search of the text for
 * each.
 */
const MAX_SEARCHED = 10_000_000;

/**
 * The sources, each with every statement it supports. Positions on the wire are bytes of UTF-8, counted in one part of
 * the answer: where they do not lead to the statement, it is looked for.
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
      const { startIndex, endIndex, ...said } = segment ?? {};
      const text = nameIn(said.text);
      // A start of 0 is left out.
      const place = endIndex ? placeOf(startIndex ?? 0, endIndex, text) : {};
      return { ...source, ...(text && { citedText: text }), ...place };
    });
    return statements.length > 0 ? statements : [source];
  });
}
