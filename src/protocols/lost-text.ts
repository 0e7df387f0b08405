/** A text that came in pieces, held against the whole that the server repeats later. */

import { SendError } from "../errors.ts";

/** Whether `whole` holds all characters of `pieces` in their order, so that it is what they are once nothing is missing. */
export function isRestored(pieces: string, whole: string): boolean {
  let at = 0;
  for (const character of pieces) {
    at = whole.indexOf(character, at) + 1;
    if (at === 0) return false;
  }
  return true;
}

/**
 * Returns the error of a reply whose text is not what its server says it is. Not retryable by itself: a continuation would be
 * written behind a hole.
 */
export function lostTextError(): SendError {
  const message = "Part of the text was lost on the way: the server repeats the reply as another text. Send it again.";
  return new SendError("truncated", message, { retryable: false });
}
