/** JSON objects with unknown members. */

/** An object whose members are unknown. */
export type JsonObject = Readonly<Record<string, unknown>>;

/**
 * Returns whether a value is an object whose content is its fields. A `Headers`, a `Map` or a promise has none: as
 * options, it would be ignored without a word.
 */
export function hasFields(value: unknown): value is JsonObject {
  return isJsonObject(value) && (classNameOf(value) === "Object" || Object.keys(value).length > 0);
}

/** Returns the name of a value's built-in class, such as `Promise`; `Object` for objects of other classes. */
export function classNameOf(value: unknown): string {
  try {
    return Object.prototype.toString.call(value).slice("[object ".length, -1);
  } catch {
    return "Object"; // a getter of the caller's throws
  }
}

/** Returns whether a value is an object that is neither `null` nor an array. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
