/** A text that came in pieces, held against the whole that the server repeats later. */

import { SendError } from "../../contract/errors.ts";

/** Whether `whole` holds all characters of `pieces` in their order, so that it is what they are once nothing is missing. */
export function isRestored(pieces: string, whole: string): boolean {
  let at = 0;
  for (const character of pieces) {
    at = whole.indexOf(character, at) + 1;
    if (at === 0) return false;
  }
  return true;
}

/** Whether they are one text: but for white space around it, and for bytes that were no UTF-8 in the pieces. */
export function isOneText(pieces: string, whole: string): boolean {
  if (pieces.trim() === whole.trim()) return true;
  if (!pieces.includes("\uFFFD") || whole.length > pieces.length) return false;
  const [first = "", ...rest] = pieces.split(/\uFFFD+/);
  const last = rest.pop() ?? "";
  return whole.startsWith(first) && whole.endsWith(last) && isRestored(rest.join(""), whole.slice(first.length));
}

/**
 * Returns the error of a reply whose text is not what its server says it is. Not retryable by itself: a continuation would be
 * written behind a hole.
 */
export function lostTextError(): SendError {
  const message = "Part of the text was lost on the way: the server repeats the reply as another text. Send it again.";
  return new SendError("truncated", message, { retryable: false });
}
