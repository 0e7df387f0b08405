/** What providers demand of the schemas of tools. */

import { objectOr } from "./rules.ts";

/** What is wrong with the root of a tool's schema, given what the provider does not take there. */
export function rootFault(schema: unknown, refused: readonly string[]): string | undefined {
  const root = objectOr(schema);
  if (root.type !== "object") return `schema must be a JSON Schema of 'type: "object"', got 'type: "${root.type}"'.`;
  const stray = refused.find((keyword) => root[keyword] !== undefined);
  return stray && `schema must have type 'object' and not have '${stray}' at the top level.`;
}
