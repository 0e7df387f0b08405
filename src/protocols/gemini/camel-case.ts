/** Proto JSON in the names of its definition: `finish_reason` for `finishReason`. A reader must accept both. */

import { moveExact } from "../../platform/exact-json.ts";

const JOINT = /_([a-z])/g;

/** The values of tools, whose names are the caller's. */
const OF_TOOLS = ["args", "response"];

/**
 * Returns an event, or a part of one, with the names that Google's servers send.
 * @see https://protobuf.dev/programming-guides/json/
 */
export function camelCased(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(camelCased);
  if (typeof value !== "object" || value === null) return value;
  const named: Record<string, unknown> = {};
  for (const [name, inner] of Object.entries(value)) {
    const other = name.replace(JOINT, (_match, letter: string) => letter.toUpperCase());
    named[other] = OF_TOOLS.includes(name) ? inner : camelCased(inner);
    moveExact(value, name, named, other);
  }
  return named;
}

/** Returns whether a part has such names. */
export function hasOtherNames(part: object): boolean {
  return Object.keys(part).some((name) => name.search(JOINT) >= 0);
}
