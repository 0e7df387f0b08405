/**
 * JSON that every server accepts. Some servers refuse a request with half a surrogate pair, which cutting a string can
 * leave.
 */

import { withNumbers } from "./exact-json.ts";

/** The beginning of the escape that `JSON.stringify` writes for half a pair. It rarely matches anything else. */
const HALF = /\\u[dD][89a-fA-F]/;

/** An escaped backslash, a pair in escapes, or half of one. */
const ESCAPES = /\\\\|\\ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}|\\ud[89a-f][0-9a-f]{2}/gi;

/**
 * Returns the same JSON, with U+FFFD for each half of a surrogate pair that is an escape in it, in names and in values.
 */
export function wellFormedJson(json: string): string {
  if (!json.includes("\\u") || !HALF.test(json)) return json; // a search for a letter is faster than a pattern
  return json.replace(ESCAPES, (found) => (found.length === 6 ? "\\ufffd" : found));
}

/**
 * Returns the value as JSON without halves of surrogate pairs.
 * @throws {TypeError | RangeError} for a circular value, a BigInt, or a value that is nested too deeply
 */
export function jsonOf(value: unknown): string {
  return wellFormedJson(withNumbers(JSON.stringify(value)));
}

/** Returns whether a text is JSON. */
export function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
