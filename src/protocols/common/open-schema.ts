/** Schemas for servers that refuse to hear that an object has no other properties. */

import type { JsonSchema } from "../../schema/schema.ts";

/** Keywords whose value is no schema but a value of the caller's. */
const VALUES = ["const", "enum", "default", "examples"];

/** The same schema without `additionalProperties: false`, at any depth. */
export function openSchema(schema: JsonSchema): JsonSchema {
  const kept = Object.entries(schema).filter(([name, value]) => name !== "additionalProperties" || value !== false);
  return Object.fromEntries(kept.map(([name, value]) => [name, VALUES.includes(name) ? value : opened(value)]));
}

function opened(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(opened);
  return typeof value === "object" && value !== null ? openSchema(value as JsonSchema) : value;
}
