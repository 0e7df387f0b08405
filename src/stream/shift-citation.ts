/** Citations in a text that is put behind another. */

import type { Citation } from "../contract/message.ts";

/** Returns the citation with its place moved by so many UTF-16 units. */
export function shiftCitation<Place extends Pick<Citation, "startIndex" | "endIndex">>(
  length: number,
  place: Place,
): Place {
  const { startIndex, endIndex } = place;
  return {
    ...place,
    ...(startIndex !== undefined && { startIndex: startIndex + length }),
    ...(endIndex !== undefined && { endIndex: endIndex + length }),
  };
}
