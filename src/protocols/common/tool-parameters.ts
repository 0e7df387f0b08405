/** The schema of a tool's arguments as providers accept it: its root has `type: "object"`. */

import { SendError } from "../../contract/errors.ts";
import type { Tool } from "../../contract/options.ts";
import type { JsonSchema } from "../../contract/schema.ts";
import { isJsonObject } from "../../platform/json-object.ts";
import { jsonSchemaOf } from "../../schema/schema.ts";
import { schemaFault } from "../../schema/schema-check.ts";
import { SchemaDocument } from "../../schema/schema-document.ts";
import type { RequestContext } from "../protocol.ts";

/**
 * Keywords that OpenAI refuses at the root, by the words of its error: "schema must have type 'object' and not have …".
 */
export const OPENAI_ROOT_REFUSALS: readonly string[] = ["oneOf", "anyOf", "allOf", "enum", "not"];

/** Keywords that Anthropic refuses at the root, by the words of its error: "input_schema does not support …". */
export const ANTHROPIC_ROOT_REFUSALS: readonly string[] = ["oneOf", "allOf", "anyOf"];

/** A schema for servers that require one for every tool. */
export const NO_PARAMETERS: JsonSchema = { type: "object", properties: {} };

/** Keywords that may accompany a reference or a single alternative without changing which values are valid. */
const NEUTRAL = ["$defs", "definitions", "$comment", "title", "description", "examples", "default", "deprecated"];

/** Keywords of parts of an `allOf` that can be said of one object as well. */
const MERGED = ["type", "properties", "required", "title", "description", "$comment"];

/**
 * Returns the schema of a tool's arguments, which are always an object. An equivalent root is rewritten: a reference,
 * no `type`, one alternative, or an `allOf` of plain objects.
 *
 * @param refused keywords that the provider does not take at the root
 * @throws {SendError} kind `invalidRequest` when no object fits, `unsupported` when the provider does not take such a
 * root
 */
export function parametersOf(
  { name, parameters }: Tool,
  { unsupported }: RequestContext,
  refused: readonly string[] = [],
): JsonSchema | undefined {
  if (parameters === undefined) return undefined;
  const schema = jsonSchemaOf(parameters, `the tool ${name}`);
  if (!mayBeObject(schema, new SchemaDocument(schema))) {
    throw new SendError(
      "invalidRequest",
      `The tool ${name} cannot be called: arguments are an object, and the root of its \`parameters\` lets none through. Put it under a property of an object.`,
    );
  }
  const root = rewritten(schema);
  const stray = refused.filter((keyword) => root[keyword] !== undefined);
  for (const keyword of stray) {
    const what = `\`${keyword}\` at the root of the \`parameters\` of the tool ${name}`;
    unsupported(what, "It is allowed under a property of an object.");
  }
  if (root.type === "object") return withoutKeywords(root, stray);
  return { type: "object", ...withoutKeywords(root, ["type", ...stray]) };
}

/** Returns whether a schema allows no argument. Some servers require that such a tool has no schema. */
export function hasNoParameters({ properties, additionalProperties = false, ...rest }: JsonSchema): boolean {
  const isClosed = isJsonObject(properties) && Object.keys(properties).length === 0 && additionalProperties === false;
  const { required } = rest;
  const isOptional = required === undefined || (Array.isArray(required) && required.length === 0);
  return isClosed && isOptional && Object.keys(rest).every((keyword) => MERGED.includes(keyword));
}

/** Returns an equivalent root that is a plain object schema, where there is one. */
function rewritten(schema: JsonSchema): JsonSchema {
  const inlined = referencedRoot(schema) ?? onlyPart(schema) ?? mergedRoot(schema);
  // A reference to what stood at its old place would lead nowhere.
  return inlined && schemaFault(inlined) === undefined ? rewritten(inlined) : schema;
}

/** Returns the target of a root's reference, with the target's own references. */
function referencedRoot(schema: JsonSchema): JsonSchema | undefined {
  const { $ref, ...siblings } = schema;
  if ($ref === undefined || schema.$id !== undefined || !isNeutral(siblings)) return undefined;
  const target = new SchemaDocument(schema).resolve(schema, $ref);
  // The target's own names would collide.
  if (
    !isJsonObject(target) ||
    target === schema ||
    ["$id", "$anchor", "$dynamicAnchor", "$defs"].some((k) => k in target)
  )
    return undefined;
  return { ...target, ...siblings };
}

function onlyPart(schema: JsonSchema): JsonSchema | undefined {
  for (const keyword of ["anyOf", "oneOf", "allOf"]) {
    const { [keyword]: parts, ...siblings } = schema;
    const [part, ...others] = Array.isArray(parts) ? parts : [];
    if (!isJsonObject(part) || others.length > 0 || !isNeutral(siblings)) continue;
    return part.$defs === undefined && part.$id === undefined ? { ...part, ...siblings } : undefined;
  }
  return undefined;
}

/** Returns an `allOf` of objects as one object with the properties of all. */
function mergedRoot(schema: JsonSchema): JsonSchema | undefined {
  const { allOf, ...siblings } = schema;
  if (!Array.isArray(allOf) || !Object.keys(siblings).every((key) => MERGED.includes(key) || NEUTRAL.includes(key)))
    return undefined;
  const properties = new Map<string, unknown>();
  const required = new Set<unknown>();
  for (const part of [siblings, ...allOf] as readonly unknown[]) {
    if (!isJsonObject(part)) return undefined;
    const isPlain = part === siblings || Object.keys(part).every((keyword) => MERGED.includes(keyword));
    if (!isPlain || (part.type !== undefined && part.type !== "object")) return undefined;
    for (const name of Array.isArray(part.required) ? part.required : []) required.add(name);
    for (const [name, its] of Object.entries(isJsonObject(part.properties) ? part.properties : {}))
      properties.set(name, properties.has(name) ? { allOf: [properties.get(name), its] } : its);
  }
  return {
    ...siblings,
    type: "object",
    properties: Object.fromEntries(properties),
    ...(required.size > 0 && { required: [...required] }),
  };
}

/** Returns whether the root allows an object. The schema has no loops. */
function mayBeObject(schema: unknown, document: SchemaDocument): boolean {
  if (!isJsonObject(schema)) return schema === true;
  const { type, $ref, enum: values, anyOf, oneOf, allOf } = schema;
  if (type !== undefined && type !== "object" && !(Array.isArray(type) && type.includes("object"))) return false;
  if (Array.isArray(values) && !values.some(isJsonObject)) return false;
  if (schema.const !== undefined && !isJsonObject(schema.const)) return false;
  const fits = (part: unknown) => mayBeObject(part, document);
  if ($ref !== undefined && !fits(document.resolve(schema, $ref))) return false;
  if ([anyOf, oneOf].some((parts) => Array.isArray(parts) && !parts.some(fits))) return false;
  return !Array.isArray(allOf) || allOf.every(fits);
}

function isNeutral(schema: JsonSchema): boolean {
  return (
    Object.keys(schema).every((keyword) => NEUTRAL.includes(keyword) || keyword === "type") && isObjectOrAny(schema)
  );
}

function isObjectOrAny({ type }: JsonSchema): boolean {
  return type === undefined || type === "object";
}

function withoutKeywords(schema: JsonSchema, keywords: readonly string[]): JsonSchema {
  return Object.fromEntries(Object.entries(schema).filter(([keyword]) => !keywords.includes(keyword)));
}

/** Keywords whose value is not a schema. */
const VALUES = ["const", "enum", "default", "examples"];

/** Returns the schema without `additionalProperties: false`, at any depth, for servers that refuse it. */
export function withoutClosedObjects(schema: JsonSchema): JsonSchema {
  const kept = Object.entries(schema).filter(([name, value]) => name !== "additionalProperties" || value !== false);
  return Object.fromEntries(kept.map(([name, value]) => [name, VALUES.includes(name) ? value : opened(value)]));
}

function opened(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(opened);
  return typeof value === "object" && value !== null ? withoutClosedObjects(value as JsonSchema) : value;
}
