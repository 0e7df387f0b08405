/** What the strict modes of providers want of a JSON Schema. */

import type { JsonSchema } from "./schema.ts";

/** Keywords whose value is one schema, a list of them, or an object of them by name. */
const ONE = ["items", "not", "if", "then", "else", "contains", "propertyNames", "additionalItems"];
const LIST = ["anyOf", "oneOf", "allOf", "prefixItems"];
const NAMED = ["properties", "$defs", "definitions", "patternProperties", "dependentSchemas"];

/** The same schema with every object closed (`additionalProperties: false`) that does not say otherwise. */
export function closedSchema(schema: JsonSchema): JsonSchema {
  const closed = Object.fromEntries(
    Object.entries(schema).map(([keyword, value]) => [keyword, withParts(keyword, value, closedSchema)]),
  );
  const open = closed.type === "object" || closed.properties !== undefined;
  return open && closed.additionalProperties === undefined ? { ...closed, additionalProperties: false } : closed;
}

/** Whether every object in it is closed and requires all its properties: what OpenAI's strict mode asks for. */
export function isStrictSchema(schema: JsonSchema): boolean {
  const { type, properties, required, additionalProperties } = schema;
  if (type === "object" || properties !== undefined) {
    const names = Object.keys((properties ?? {}) as object);
    if (additionalProperties !== false) return false;
    if (!Array.isArray(required) ? names.length > 0 : names.some((name) => !required.includes(name))) return false;
  }
  let strict = true;
  for (const [keyword, value] of Object.entries(schema)) {
    withParts(keyword, value, (part) => {
      strict &&= isStrictSchema(part);
      return part;
    });
  }
  return strict;
}

/** The value of a keyword with `change` made to each schema directly in it. */
function withParts(keyword: string, value: unknown, change: (part: JsonSchema) => JsonSchema): unknown {
  if (ONE.includes(keyword)) return isSchema(value) ? change(value) : value;
  if (LIST.includes(keyword) && Array.isArray(value))
    return value.map((part) => (isSchema(part) ? change(part) : part));
  if (NAMED.includes(keyword) && isSchema(value)) {
    return Object.fromEntries(
      Object.entries(value).map(([name, part]) => [name, isSchema(part) ? change(part) : part]),
    );
  }
  return value;
}

function isSchema(value: unknown): value is JsonSchema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
