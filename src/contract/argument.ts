/** Arguments are checked before their use: the error names the argument, and not a place in this library. */

import { isJsonObject } from "../platform/json-object.ts";
import { typeText } from "../platform/received.ts";

/**
 * Checks an argument that must be an object.
 * @param fields what it must have, and the type of each
 * @throws {TypeError} with one sentence that names the argument
 */
export function checkArgument(name: string, value: unknown, fields: Readonly<Record<string, FieldType>> = {}): void {
  const isObject = isJsonObject(value) || typeof value === "function";
  const wanted = Object.entries(fields);
  const has = (field: string) => typeof (value as Readonly<Record<string, unknown>>)[field];
  if (isObject && wanted.every(([field, type]) => has(field) === type)) return;
  const names = wanted.map(([field]) => `\`${field}\``).join(" and ");
  const kind = names === "" ? "an object" : `an object with ${names}`;
  throw new TypeError(`\`${name}\` must be ${kind}, not ${typeText(value)}.`);
}

type FieldType = "function" | "string";
