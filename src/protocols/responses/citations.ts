/** The citations of a text's annotations. */

import type { Citation } from "../../contract/message.ts";
import type { TextPositions } from "../common/text-positions.ts";
import { nameIn } from "../common/wire-values.ts";
import type { WireAnnotation } from "./wire.ts";

/**
 * @param text the text it belongs to, by its positions (code points)
 * @param start where that text begins in the visible text
 * @param isDone whether the text is complete
 * @returns `undefined` for one that names no source, or reaches beyond an incomplete text
 */
export function annotationCitation(
  annotation: WireAnnotation,
  text: TextPositions,
  start: number,
  isDone: boolean,
): Citation | undefined {
  const { url, filename, start_index, end_index } = annotation;
  const title = nameIn(annotation.title);
  const source = url ?? filename;
  if (typeof source !== "string" || source === "") return undefined;
  const from = start_index ?? 0;
  const to = end_index ?? 0;
  if (!isDone && to > text.length) return undefined;
  // Some vendors number their sources where a title should be.
  const name = title && !/^\d+$/.test(title) ? { title } : {};
  const place = to > from ? { startIndex: start + text.offsetOf(from), endIndex: start + text.offsetOf(to) } : {};
  return { url: source, ...name, ...place };
}
