/** The schemas of libraries (Standard Schema), and their own conversion to JSON Schema. */

import type { JsonSchema, Schema, StandardSchema } from "../contract/schema.ts";

/** Returns whether a schema is that of a library. */
export function isStandardSchema(schema: Schema): schema is StandardSchema {
  // ArkType's schemas are functions.
  return "~standard" in schema;
}

/**
 * Returns a library's schema as JSON Schema, without the name of its dialect; `undefined` where the library has no
 * conversion. Throws where the library does.
 */
export function convertedSchema(schema: StandardSchema): JsonSchema | undefined {
  const converted = schema["~standard"].jsonSchema?.input({
    target: "draft-2020-12",
    libraryOptions: LIBRARY_OPTIONS,
  });
  return converted && withoutDialect(converted);
}

/** Returns the schema as providers take it, without the name of its dialect. */
export function withoutDialect({ $schema: _dialect, ...json }: JsonSchema): JsonSchema {
  return json;
}

/**
 * JSON Schema cannot express rules in code; they apply to the reply. Zod and ArkType leave them out by default. Valibot
 * needs an option for that, and the others ignore it.
 */
const LIBRARY_OPTIONS = {
  ignoreActions: ["check", "check_items", "partial_check", "raw_check", "every_item", "some_item"].flatMap((rule) => [
    rule,
    `${rule}_async`,
  ]),
};
