/** A schema of either form as plain JSON Schema, and values that are validated by it. */

import { SendError } from "../contract/errors.ts";
import type { JsonSchema, Schema, SchemaResult } from "../contract/schema.ts";
import { mayLoseDigits, parseBigInts } from "../platform/exact-json.ts";
import { schemaFault } from "./schema-check.ts";
import { convertedSchema, isStandardSchema, withoutDialect } from "./standard-schema.ts";
import { jsonSchemaIssues } from "./validator.ts";

/**
 * Returns the schema as providers take it, without the name of its dialect. `owner` is the option or tool that it
 * belongs to, for error messages.
 * @throws {SendError} kind `invalidRequest` when the library cannot convert it to JSON Schema, or a plain one is not
 * usable
 */
export function jsonSchemaOf(schema: Schema, owner: string): JsonSchema {
  if (!isStandardSchema(schema)) {
    const fault = schemaFault(schema);
    if (fault) throw new SendError("invalidRequest", `The JSON Schema of ${owner} cannot be used: ${fault}`);
    return withoutDialect(schema);
  }
  const { vendor } = schema["~standard"];
  const refusal = (fault: string, cause?: unknown) =>
    new SendError("invalidRequest", `The schema of ${owner} (${vendor}) ${fault} to JSON Schema: ${ADVICE}.`, {
      cause,
    });
  let converted: JsonSchema | undefined;
  try {
    converted = convertedSchema(schema);
  } catch (cause) {
    throw refusal("cannot be converted", cause);
  }
  if (!converted) throw refusal("does not convert");
  return converted;
}

const ADVICE = "give a schema that can (Zod 4.2 and ArkType 2.2 can, Valibot by toStandardJsonSchema), or JSON Schema";

/** Returns whether a value matches a plain JSON Schema. @see `validate` */
export function validateJson<Output>(schema: JsonSchema, value: unknown, json?: string): SchemaResult<Output> {
  const issues = jsonSchemaIssues(schema, json && mayLoseDigits(json) ? parseBigInts(json) : value);
  return issues.length > 0 ? { issues } : { value: value as Output };
}
