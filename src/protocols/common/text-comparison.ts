/** Compares a text that came in pieces with the complete text that the server repeats later. */

import { SendError } from "../../contract/errors.ts";

/**
 * Returns whether `text` contains all characters of `pieces` in their order, so that the pieces only lack some
 * characters.
 */
export function isRestored(pieces: string, text: string): boolean {
  let at = 0;
  for (const character of pieces) {
    at = text.indexOf(character, at) + 1;
    if (at === 0) return false;
  }
  return true;
}

/** Returns whether both are one text, except for white space around it and bytes that were not UTF-8 in the pieces. */
export function isOneText(pieces: string, text: string): boolean {
  if (pieces.trim() === text.trim()) return true;
  if (!pieces.includes("\uFFFD") || text.length > pieces.length) return false;
  const [first = "", ...rest] = pieces.split(/\uFFFD+/);
  const last = rest.pop() ?? "";
  return text.startsWith(first) && text.endsWith(last) && isRestored(rest.join(""), text.slice(first.length));
}

/**
 * Returns the error of a reply whose text differs from its server's repetition. It is not retryable: a continuation
 * would follow a gap.
 */
export function lostTextError(): SendError {
  const message = "Part of the text was lost: it differs from the server's repetition. Send the request again.";
  return new SendError("truncated", message, { retryable: false });
}
