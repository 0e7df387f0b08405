/** Reads requests that are not known to be well-formed. */

import type { JsonObject } from "../../platform/json-object.ts";

/**
 * The signature of the thinking before each call, by the call's id or another mark. A request with the call's result
 * must return that thinking unchanged.
 */
export type Signatures = Map<string, string>;

/** The signatures in recorded replies, with the facts that each format needs. */
export type Recorded = Map<string, unknown>;

/** Returns a value that is an object; an empty object for any other value. */
export function objectOr(value: unknown): JsonObject {
  return typeof value === "object" && value !== null ? (value as JsonObject) : {};
}

/** Returns the objects of an array; an empty array for any other value. */
export function listOf(value: unknown): readonly JsonObject[] {
  return Array.isArray(value) ? value.map(objectOr) : [];
}

/** Returns the objects of a body: a JSON document, or the events of a stream. Data that is not JSON is left out. */
export function objectsIn(body: string): readonly JsonObject[] {
  const texts = /^\s*[{[]/.test(body) ? [body] : [...body.matchAll(/^data:(.*)$/gm)].map(([, json = ""]) => json);
  return texts.flatMap((text) => {
    try {
      const value: unknown = JSON.parse(text);
      return Array.isArray(value) ? listOf(value) : [objectOr(value)];
    } catch {
      return [];
    }
  });
}

/** Returns whether a value is a string of JSON. */
export function isJsonText(value: unknown): boolean {
  try {
    return typeof value === "string" && JSON.parse(value) !== undefined;
  } catch {
    return false;
  }
}

/** Returns whether a block of Anthropic's format is text that is only white space. */
export function isBlankText({ type, text }: JsonObject): boolean {
  return type === "text" && typeof text === "string" && text.trim() === "";
}
