/** The schemas inside a JSON Schema. */

import type { JsonSchema } from "../contract/schema.ts";
import { isJsonObject } from "../platform/json-object.ts";

/** Keywords whose value is one schema. */
const ONE = [
  "additionalProperties",
  "propertyNames",
  "items",
  "additionalItems",
  "contains",
  "not",
  "if",
  "then",
  "else",
  "unevaluatedItems",
  "unevaluatedProperties",
];

/** Keywords whose value is an array of schemas; before 2020, `items` also was one. */
const LIST = ["anyOf", "oneOf", "allOf", "prefixItems", "items"];

/** Keywords whose value is an object of schemas by name; before 2019, `dependencies` also had arrays of names. */
const NAMED = ["properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies"];

/** Returns the schemas directly in one, with the path to each. */
export function* partsOf(
  schema: JsonSchema,
): Generator<{ readonly path: readonly (string | number)[]; readonly part: unknown }> {
  for (const [keyword, value] of Object.entries(schema)) {
    if (Array.isArray(value)) {
      if (LIST.includes(keyword)) for (const [index, part] of value.entries()) yield { path: [keyword, index], part };
    } else if (ONE.includes(keyword)) yield { path: [keyword], part: value };
    else if (NAMED.includes(keyword) && isJsonObject(value)) {
      for (const [name, part] of Object.entries(value)) {
        if (keyword !== "dependencies" || !Array.isArray(part)) yield { path: [keyword, name], part };
      }
    }
  }
}

/**
 * Returns the same schema with `change` applied to each schema directly in it. Parts that are `true` or `false` stay.
 */
export function withParts(schema: JsonSchema, change: (part: JsonSchema) => JsonSchema): JsonSchema {
  const changed = (part: unknown): unknown => (isJsonObject(part) ? change(part) : part);
  return Object.fromEntries(
    Object.entries(schema).map(([keyword, value]) => {
      if (Array.isArray(value)) return [keyword, LIST.includes(keyword) ? value.map(changed) : value];
      if (ONE.includes(keyword)) return [keyword, changed(value)];
      if (!NAMED.includes(keyword) || !isJsonObject(value)) return [keyword, value];
      return [keyword, Object.fromEntries(Object.entries(value).map(([name, part]) => [name, changed(part)]))];
    }),
  );
}

/** Returns the schemas under a keyword that names them; none where it is absent. */
export function namedSchemas(value: unknown): Readonly<Record<string, unknown>> {
  return isJsonObject(value) ? value : {};
}
