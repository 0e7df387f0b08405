/**
 * The JSON Schemas that providers with grammars accept: closed objects, and few keywords. The description carries the
 * rest to the model as prose. The reply is validated by the caller's own schema in any case.
 */

import type { JsonSchema } from "../contract/schema.ts";
import { isJsonObject } from "../platform/json-object.ts";
import { partsOf, withParts } from "./subschemas.ts";

/** Formats of strings that both accept. */
const FORMATS = ["date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"];

/** Keywords for the structure of a value. */
const SHAPE = ["type", "properties", "required", "additionalProperties", "items", "enum", "const", "anyOf", "$ref"];

/** Keywords that do not constrain a value. */
const NOTES = ["title", "description", "$defs", "definitions", "$id", "$comment", "$anchor"];

/** Keywords that change the meaning of the others; a description cannot replace them. */
const STRUCTURE = [
  "allOf",
  "not",
  "if",
  "then",
  "else",
  "oneOf",
  "prefixItems",
  "additionalItems",
  "patternProperties",
  "propertyNames",
  "contains",
  "dependentRequired",
  "dependentSchemas",
  "dependencies",
  "unevaluatedItems",
  "unevaluatedProperties",
  "$dynamicRef",
  "nullable",
];

const RANGES = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"];

const OPENAI: readonly string[] = [...SHAPE, ...NOTES, ...RANGES, "pattern", "minItems", "maxItems", ...STRUCTURE];

const CLAUDE: readonly string[] = [...SHAPE, ...NOTES, "allOf"];

/**
 * Returns the schema for OpenAI's strict mode, in which every reply matches. Returns `undefined` where that mode cannot
 * express it: an object with further or optional properties, a root that is not an object, or an unknown keyword.
 * @see https://platform.openai.com/docs/guides/structured-outputs#supported-schemas
 */
export function strictSchema(schema: JsonSchema): JsonSchema | undefined {
  const strict = loosened(schema, (keyword, value) =>
    keyword === "format" ? FORMATS.includes(String(value)) : OPENAI.includes(keyword),
  );
  return isObjectSchema(strict) && isStrict(strict) ? strict : undefined;
}

/**
 * Returns the schema as Anthropic's structured outputs accept it.
 * @see https://docs.claude.com/en/docs/build-with-claude/structured-outputs#json-schema-limitations
 */
export function claudeSchema(schema: JsonSchema): JsonSchema {
  return loosened(withAlternatives(schema), (keyword, value) => {
    if (keyword === "format") return value === "uri" || FORMATS.includes(String(value));
    return CLAUDE.includes(keyword) || (keyword === "minItems" && (value === 0 || value === 1));
  });
}

/** Several types become alternatives. */
function withAlternatives(schema: JsonSchema): JsonSchema {
  const { type, anyOf, enum: values, title, description, ...rest } = withParts(schema, withAlternatives);
  if (!Array.isArray(type) || anyOf !== undefined) return withParts(schema, withAlternatives);
  const listed = Array.isArray(values) ? { enum: values.filter((value) => value !== null) } : {};
  return {
    ...(title !== undefined && { title }),
    ...(description !== undefined && { description }),
    anyOf: type.map((one) => (one === "null" ? { type: one } : { type: one, ...listed, ...rest })),
  };
}

/**
 * Returns whether objects in it may have properties of any name with values of a given shape. A grammar cannot express
 * that.
 */
export function hasRecords(schema: JsonSchema): boolean {
  const { additionalProperties: others } = schema;
  if (isJsonObject(others) && Object.keys(others).length > 0) return true;
  return [...partsOf(schema)].some(({ part }) => isJsonObject(part) && hasRecords(part));
}

/** Returns the schema as Gemini accepts it, without `const`. */
export function geminiSchema(schema: JsonSchema): JsonSchema {
  const { const: value, ...rest } = withParts(schema, geminiSchema);
  const isSaid = typeof value === "string" || typeof value === "number";
  return value === undefined ? rest : { ...rest, ...(isSaid ? { enum: [value] } : { const: value }) };
}

/** Returns whether its root is an object, as the providers' structured outputs require. */
export function isObjectSchema({ type, properties }: JsonSchema): boolean {
  return type === "object" || (type === undefined && properties !== undefined);
}

/** Closes every object, and describes in words the keywords that `isTaken` rejects. */
function loosened(schema: JsonSchema, isTaken: (keyword: string, value: unknown) => boolean): JsonSchema {
  const { $ref, $defs, definitions } = schema;
  // A reference must be alone, except for the contents of the root.
  if ($ref !== undefined) {
    const parts = { ...($defs !== undefined && { $defs }), ...(definitions !== undefined && { definitions }) };
    return { $ref, ...withParts(parts, (part) => loosened(part, isTaken)) };
  }
  const kept: Record<string, unknown> = {};
  const notes: string[] = [];
  for (const [keyword, value] of Object.entries(schema)) {
    // The validation of the reply checks that only one of them matches.
    if (keyword === "oneOf" && schema.anyOf === undefined) kept.anyOf = value;
    else if (isTaken(keyword, value)) kept[keyword] = value;
    // Libraries give this bound to every integer, so it carries no information for a model.
    else if (Math.abs(Number(value)) !== Number.MAX_SAFE_INTEGER) notes.push(`${keyword}: ${JSON.stringify(value)}`);
  }
  const { type, properties, additionalProperties, description } = kept;
  const isOpen = additionalProperties === undefined || additionalProperties === true || isEmpty(additionalProperties);
  if ((type === "object" || properties !== undefined) && isOpen) kept.additionalProperties = false;
  if (notes.length > 0) kept.description = [description, `{${notes.join(", ")}}`].filter(Boolean).join("\n\n");
  return withParts(kept, (part) => loosened(part, isTaken));
}

/** Returns whether every object in it is closed and requires all its properties, and every value has a shape. */
function isStrict(schema: JsonSchema): boolean {
  const { type, properties, required, additionalProperties, items } = schema;
  if (STRUCTURE.some((keyword) => schema[keyword] !== undefined)) return false;
  if (["type", "enum", "const", "anyOf", "$ref"].every((keyword) => schema[keyword] === undefined)) return false;
  if (type === "object" || properties !== undefined) {
    const names = Object.keys((properties ?? {}) as object);
    if (additionalProperties !== false) return false;
    if (!Array.isArray(required) ? names.length > 0 : names.some((name) => !required.includes(name))) return false;
  }
  if (type === "array" && !isJsonObject(items)) return false;
  return [...partsOf(schema)].every(({ path, part }) =>
    isJsonObject(part) ? isStrict(part) : path[0] === "additionalProperties" && part === false,
  );
}

function isEmpty(value: unknown): boolean {
  return isJsonObject(value) && Object.keys(value).length === 0;
}
