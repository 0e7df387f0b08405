/** How requests are looked at: whatever a client may send, before it is known to be well-formed. */

import type { JsonObject } from "../../platform/json-object.ts";

/** Which thinking a call followed, by the call's id (or what else the format knows it by): who answers the call must send that thinking back as it was. */
export type Signatures = Map<string, string>;

/** What recorded replies have signed, by the signature, and what each format must know of it. */
export type Recorded = Map<string, unknown>;

export function objectOr(value: unknown): JsonObject {
  return typeof value === "object" && value !== null ? (value as JsonObject) : {};
}

/** The objects of a list. */
export function listOf(value: unknown): readonly JsonObject[] {
  return Array.isArray(value) ? value.map(objectOr) : [];
}

/** The objects of a body: a JSON document, or the events of a stream. What is not JSON is left out. */
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

export function isJsonText(value: unknown): boolean {
  try {
    return typeof value === "string" && JSON.parse(value) !== undefined;
  } catch {
    return false;
  }
}
