/** Where a JSON Schema holds further schemas. */

import type { JsonSchema } from "../contract/schema.ts";

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

/** Keywords whose value is a list of schemas; `items` was one, too, before 2020. */
const LIST = ["anyOf", "oneOf", "allOf", "prefixItems", "items"];

/** Keywords whose value is an object of schemas by name; in `dependencies`, as it was before 2019, of lists of names as well. */
const NAMED = ["properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies"];

/** The schemas directly in one, with the way to each. */
export function* partsOf(
  schema: JsonSchema,
): Generator<{ readonly way: readonly (string | number)[]; readonly part: unknown }> {
  for (const [keyword, value] of Object.entries(schema)) {
    if (Array.isArray(value)) {
      if (LIST.includes(keyword)) for (const [index, part] of value.entries()) yield { way: [keyword, index], part };
    } else if (ONE.includes(keyword)) yield { way: [keyword], part: value };
    else if (NAMED.includes(keyword) && isJsonObject(value)) {
      for (const [name, part] of Object.entries(value)) {
        if (keyword !== "dependencies" || !Array.isArray(part)) yield { way: [keyword, name], part };
      }
    }
  }
}

/** The same schema with `change` made to each schema directly in it. Parts that are `true` or `false` stay. */
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

export function isJsonObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The schemas under a keyword that names them; none where it is absent. */
export function namedSchemas(value: unknown): Readonly<Record<string, unknown>> {
  return isJsonObject(value) ? value : {};
}
