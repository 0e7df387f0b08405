/** JSON as every server takes it. Half a surrogate pair, left by cutting a string, makes some refuse the whole request. */

import { withNumbers } from "./exact-json.ts";

/** What `JSON.stringify` writes for half a pair begins like this, and seldom does anything else. */
const HALF = /\\u[dD][89a-fA-F]/;

/** An escaped backslash, a pair in escapes, or half of one. */
const ESCAPES = /\\\\|\\ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}|\\ud[89a-f][0-9a-f]{2}/gi;

/** The same JSON, with U+FFFD for each half of a surrogate pair that stands in it as an escape, in names as in values. */
export function wellFormedJson(json: string): string {
  if (!json.includes("\\u") || !HALF.test(json)) return json; // a letter is found faster than a pattern
  return json.replace(ESCAPES, (found) => (found.length === 6 ? "\\ufffd" : found));
}

/**
 * The value as JSON that holds no half of a surrogate pair.
 * @throws {TypeError | RangeError} when it holds itself, a BigInt, or is nested too deep
 */
export function jsonOf(value: unknown): string {
  return wellFormedJson(withNumbers(JSON.stringify(value)));
}
