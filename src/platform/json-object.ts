/** JSON objects with unknown members. */

/** An object whose members are unknown. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** Returns whether a value is an object that is neither `null` nor an array. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
