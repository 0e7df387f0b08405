/** The value that a caller passed, as the end of an error message. */

import { classNameOf, hasFields } from "./json-object.ts";

const MAX_SHOWN = 60;

/**
 * Returns the value as a message quotes it: numbers, booleans and short strings as they are, anything else by its type.
 * Reads no field of an object, since a getter may throw.
 */
export function receivedText(value: unknown): string {
  if (typeof value === "string" && value.length <= MAX_SHOWN) return JSON.stringify(value);
  if (typeof value === "number" || typeof value === "boolean" || value === null) return String(value);
  return typeText(value);
}

/** Returns the type of a value with its article, such as `an array`, for values that may be secret. */
export function typeText(value: unknown): string {
  if (value === null) return "null";
  if (value === undefined) return "undefined";
  if (Array.isArray(value)) return "an array";
  if (typeof value !== "object") return `a ${typeof value}`;
  const name = classNameOf(value);
  if (name !== "Object") return `${/^[AEIOU]/.test(name) ? "an" : "a"} ${name} object`;
  return isBare(value) ? "an object without fields of its own" : "an object";
}

/** Returns whether an object hides its content. */
function isBare(value: unknown): boolean {
  try {
    return !hasFields(value);
  } catch {
    return false; // a trap of the caller's throws
  }
}
