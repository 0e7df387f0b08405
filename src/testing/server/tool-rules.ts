/** The rules of providers for schemas of tools. */

import { objectOr } from "./rules.ts";

/** Returns the fault of the root of a tool's schema; `undefined` for a valid one. */
export function rootFault(schema: unknown, refused: readonly string[]): string | undefined {
  const root = objectOr(schema);
  if (root.type !== "object") return `schema must be a JSON Schema of 'type: "object"', got 'type: "${root.type}"'.`;
  const stray = refused.find((keyword) => root[keyword] !== undefined);
  return stray && `schema must have type 'object' and not have '${stray}' at the top level.`;
}
