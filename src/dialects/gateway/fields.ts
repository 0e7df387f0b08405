/** Reads the fields of a request's body. A field that is absent or `null` is not given. */

import { isJsonObject, type JsonObject } from "../../platform/json-object.ts";
import { badRequest } from "../refusal.ts";

/** @throws {Refusal} 400 when the value is not an object; `subject` begins the sentence */
export function objectOf(value: unknown, subject: string): JsonObject {
  if (isJsonObject(value)) return value;
  throw badRequest(`${subject} must be an object.`);
}

/** @throws {Refusal} 400 when the value is neither an array nor absent */
export function arrayOf(value: unknown, subject: string): readonly unknown[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value;
  throw badRequest(`${subject} must be an array.`);
}

/** @throws {Refusal} 400 when the value is neither a string nor absent */
export function stringOf(value: unknown, subject: string): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === "string") return value;
  throw badRequest(`${subject} must be a string.`);
}

/** @throws {Refusal} 400 when the value is neither a string nor absent, or is empty */
export function requiredString(value: unknown, subject: string): string {
  const text = stringOf(value, subject);
  if (text) return text;
  throw badRequest(`${subject} must be a non-empty string.`);
}

/** @throws {Refusal} 400 when the value is neither a boolean nor absent */
export function booleanOf(value: unknown, subject: string): boolean | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === "boolean") return value;
  throw badRequest(`${subject} must be true or false.`);
}

/** @throws {Refusal} 400 when the value is neither a number in the range nor absent */
export function numberOf(value: unknown, subject: string, low: number, high: number): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === "number" && value >= low && value <= high) return value;
  throw badRequest(`${subject} must be a number from ${low} to ${high}.`);
}

/** @throws {Refusal} 400 when the value is neither an integer above 0 nor absent */
export function countOf(value: unknown, subject: string): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === "number" && Number.isSafeInteger(value) && value > 0) return value;
  throw badRequest(`${subject} must be an integer above 0.`);
}

/**
 * Returns strings that end a reply. Empty ones end nothing.
 * @throws {Refusal} 400 when the value is neither a string, nor an array of strings, nor absent
 */
export function stopsOf(value: unknown, subject: string): readonly string[] | undefined {
  const given = typeof value === "string" ? [value] : arrayOf(value, subject);
  const stops = given.map((item) => {
    if (typeof item === "string") return item;
    throw badRequest(`${subject} must hold strings.`);
  });
  const useful = stops.filter((stop) => stop !== "");
  return useful.length > 0 ? useful : undefined;
}
