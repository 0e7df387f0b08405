/** JSON objects with unknown members. */

/** An object whose members are unknown. */
export type JsonObject = Readonly<Record<string, unknown>>;

/**
 * Returns whether a value is an object whose content is its fields. A `Headers`, a `Map`, a promise, and an object of
 * a class with getters alone have none: as options, they would be ignored without a word.
 */
export function hasFields(value: unknown): value is JsonObject {
  return isJsonObject(value) && (Object.keys(value).length > 0 || isPlain(value));
}

/** Returns whether an object is of no class. Each realm has an `Object.prototype` of its own. */
export function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
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
