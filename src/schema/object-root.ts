/** The schema of a tool's arguments as an equivalent one whose root is a plain object. */

import type { JsonSchema } from "../contract/schema.ts";
import { isJsonObject } from "../platform/json-object.ts";
import { schemaFault } from "./schema-check.ts";
import { SchemaDocument } from "./schema-document.ts";

/** Keywords that may accompany a reference or a single alternative without changing which values are valid. */
const NEUTRAL = ["$defs", "definitions", "$comment", "title", "description", "examples", "default", "deprecated"];

/** Keywords of parts of an `allOf` that can be said of one object as well. */
const MERGED = ["type", "properties", "required", "title", "description", "$comment"];

/**
 * Returns an equivalent schema whose root is a plain object, where there is one, and otherwise the schema itself;
 * `undefined` when no object matches. A root that is rewritten is a reference, one alternative, or an `allOf` of plain
 * objects.
 */
export function objectRootOf(schema: JsonSchema): JsonSchema | undefined {
  return mayBeObject(schema, new SchemaDocument(schema)) ? rewritten(schema) : undefined;
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
    for (const [name, schema] of Object.entries(isJsonObject(part.properties) ? part.properties : {}))
      properties.set(name, properties.has(name) ? { allOf: [properties.get(name), schema] } : schema);
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
