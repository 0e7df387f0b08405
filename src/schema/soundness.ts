/** Whether a JSON Schema can be used at all: found before anything is sent, not when a reply is held against it. */

import { isJsonObject, partsOf } from "./keywords.ts";
import type { JsonSchema } from "./schema.ts";

/** What a reference within a document leads to; `undefined` when it leads nowhere, or out of the document. */
export function referenced(root: JsonSchema, reference: unknown): unknown {
  if (typeof reference !== "string") return undefined;
  const own =
    typeof root.$id === "string" && reference.startsWith(root.$id) ? reference.slice(root.$id.length) : reference;
  if (own === "" || own === "#") return root;
  if (!own.startsWith("#")) return undefined;
  if (!own.startsWith("#/")) return anchored(root, own.slice(1));
  let found: unknown = root;
  for (const step of own.slice(2).split("/")) {
    const name = unescaped(step);
    if (typeof found !== "object" || found === null || !Object.hasOwn(found, name)) return undefined;
    found = (found as Readonly<Record<string, unknown>>)[name];
  }
  return found;
}

/** @see https://www.rfc-editor.org/rfc/rfc6901#section-6 */
function unescaped(step: string): string {
  try {
    return decodeURIComponent(step).replaceAll("~1", "/").replaceAll("~0", "~");
  } catch {
    return step; // a lone percent sign stands for itself
  }
}

function anchored(root: JsonSchema, name: string): unknown {
  for (const { schema } of schemasIn(root)) {
    if (schema.$anchor === name || schema.$dynamicAnchor === name) return schema;
  }
  return undefined;
}

/** Patterns are meant to be read with Unicode in mind; those that only work without are taken, too. */
export function patternOf(text: string): RegExp {
  try {
    return new RegExp(text, "u");
  } catch {
    return new RegExp(text);
  }
}

/** What is wrong with a JSON Schema, as a sentence that says where; `undefined` when nothing is. */
export function schemaFault(root: JsonSchema): string | undefined {
  if (!isJson(root)) return "it is not JSON: is there a cycle or a BigInt in it?";
  for (const { schema, way } of schemasIn(root)) {
    for (const [keyword, value] of Object.entries(schema)) {
      const fault = Object.hasOwn(FAULTS, keyword) ? FAULTS[keyword]?.(value) : undefined;
      if (fault) return `\`${[...way, keyword].join(".")}\` ${fault}.`;
    }
    for (const { way: further, part } of partsOf(schema)) {
      if (!isSchema(part))
        return `\`${[...way, ...further].join(".")}\` is no schema: it must be an object, true or false.`;
    }
    for (const keyword of ["$ref", "$dynamicRef"]) {
      const reference = schema[keyword];
      if (reference !== undefined && !isSchema(referenced(root, reference)))
        return `\`${[...way, keyword].join(".")}\` is ${JSON.stringify(reference)}, which leads to no schema within this one.`;
    }
  }
  const loop = loopIn(root);
  return loop && `\`${[...loop, "$ref"].join(".")}\` leads back to itself before anything of the value is looked at.`;
}

function isJson(value: unknown): boolean {
  try {
    return JSON.stringify(value) !== undefined;
  } catch {
    return false;
  }
}

interface Found {
  readonly schema: JsonSchema;
  readonly way: readonly (string | number)[];
}

/** A schema and all that are in it, each once. */
function* schemasIn(root: JsonSchema): Generator<Found> {
  const seen = new Set<unknown>([root]);
  const waiting: Found[] = [{ schema: root, way: [] }];
  for (let found = waiting.pop(); found; found = waiting.pop()) {
    yield found;
    for (const { way, part } of partsOf(found.schema)) {
      if (!isJsonObject(part) || seen.has(part)) continue;
      seen.add(part);
      waiting.push({ schema: part, way: [...found.way, ...way] });
    }
  }
}

/** Keywords whose schemas are held against the value itself, not against a part of it. */
const IN_PLACE = ["anyOf", "oneOf", "allOf", "not", "if", "then", "else", "dependentSchemas", "dependencies"];

/** The way to a schema from which references lead back to it without taking a step into the value. */
function loopIn(root: JsonSchema): readonly (string | number)[] | undefined {
  const sound = new Set<JsonSchema>();
  for (const { schema: start, way } of schemasIn(root)) {
    const path = new Set<JsonSchema>();
    const steps: { readonly schema: JsonSchema; readonly next: Iterator<JsonSchema> }[] = [];
    const enter = (schema: JsonSchema): void => {
      path.add(schema);
      steps.push({ schema, next: inPlace(root, schema)[Symbol.iterator]() });
    };
    if (!sound.has(start)) enter(start);
    for (let step = steps.at(-1); step; step = steps.at(-1)) {
      const { done, value } = step.next.next();
      if (done) {
        steps.pop();
        path.delete(step.schema);
        sound.add(step.schema);
      } else if (path.has(value)) return way;
      else if (!sound.has(value)) enter(value);
    }
  }
  return undefined;
}

function* inPlace(root: JsonSchema, schema: JsonSchema): Generator<JsonSchema> {
  for (const keyword of ["$ref", "$dynamicRef"]) {
    const target = schema[keyword] === undefined ? undefined : referenced(root, schema[keyword]);
    if (isJsonObject(target)) yield target;
  }
  for (const { way, part } of partsOf(schema)) if (IN_PLACE.includes(String(way[0])) && isJsonObject(part)) yield part;
}

const TYPES = ["string", "number", "integer", "boolean", "null", "array", "object"];

/** What is wrong with a keyword's value. Keywords that are not here may have any: they are annotations, or hold schemas. */
const FAULTS: Readonly<Record<string, (value: unknown) => string | undefined>> = {
  type: (value) =>
    (Array.isArray(value) ? value : [value]).every((type) => TYPES.includes(type))
      ? undefined
      : `must be of ${TYPES.join(", ")}`,
  enum: (value) => (Array.isArray(value) ? undefined : "must be a list"),
  anyOf: schemasFault,
  oneOf: schemasFault,
  allOf: schemasFault,
  prefixItems: schemasFault,
  properties: namedFault,
  patternProperties: (value) =>
    namedFault(value) ??
    Object.keys(value as object)
      .map(patternFault)
      .find((fault) => fault !== undefined),
  $defs: namedFault,
  definitions: namedFault,
  dependentSchemas: namedFault,
  dependentRequired: namedFault,
  dependencies: namedFault,
  // A boolean is how the third draft said it, at the property itself.
  required: (value) =>
    typeof value === "boolean" || (Array.isArray(value) && value.every((name) => typeof name === "string"))
      ? undefined
      : "must be a list of names",
  pattern: (value) => (typeof value === "string" ? patternFault(value) : "must be a regular expression as a text"),
  minimum: numberFault,
  maximum: numberFault,
  // A boolean is how the fourth draft and OpenAPI 3.0 say it.
  exclusiveMinimum: (value) => (typeof value === "boolean" ? undefined : numberFault(value)),
  exclusiveMaximum: (value) => (typeof value === "boolean" ? undefined : numberFault(value)),
  multipleOf: (value) => (typeof value === "number" && value > 0 ? undefined : "must be a number above 0"),
  minLength: countFault,
  maxLength: countFault,
  minItems: countFault,
  maxItems: countFault,
  minProperties: countFault,
  maxProperties: countFault,
  minContains: countFault,
  maxContains: countFault,
};

function schemasFault(value: unknown): string | undefined {
  return Array.isArray(value) && value.length > 0 ? undefined : "must be a list of schemas";
}

function namedFault(value: unknown): string | undefined {
  return isJsonObject(value) ? undefined : "must be an object";
}

function patternFault(text: string): string | undefined {
  try {
    patternOf(text);
    return undefined;
  } catch {
    return `is ${JSON.stringify(text)}, which is not a regular expression`;
  }
}

function numberFault(value: unknown): string | undefined {
  return typeof value === "number" && Number.isFinite(value) ? undefined : "must be a number";
}

function countFault(value: unknown): string | undefined {
  return Number.isInteger(value) && Number(value) >= 0 ? undefined : "must be a whole number, 0 or more";
}

function isSchema(value: unknown): value is JsonSchema | boolean {
  return typeof value === "boolean" || isJsonObject(value);
}
