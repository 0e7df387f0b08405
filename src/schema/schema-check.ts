/** Checks whether a JSON Schema is usable, before anything is sent. */

import type { JsonSchema } from "../contract/schema.ts";
import { isJsonObject } from "../platform/json-object.ts";
import { Pattern } from "./pattern.ts";
import { draftOf, type LocatedSchema, SchemaDocument, type SchemaPath } from "./schema-document.ts";
import { partsOf } from "./subschemas.ts";

/** Returns the fault of a JSON Schema, as a sentence with its place; `undefined` for a valid one. */
export function schemaFault(root: JsonSchema): string | undefined {
  if (!hasJsonForm(root)) return "it is not JSON: it may contain a cycle or a BigInt.";
  const document = new SchemaDocument(root);
  for (const located of document.schemas) {
    const fault = faultIn(document, located);
    if (fault) return fault;
  }
  const loop = loopIn(document);
  return loop && `\`${[...loop, "$ref"].join(".")}\` leads back to itself without a step into the value.`;
}

function faultIn(document: SchemaDocument, located: LocatedSchema): string | undefined {
  const { schema } = located;
  const at = (...further: SchemaPath): string => `\`${[...located.path, ...further].join(".")}\``;
  if (document.isReferenceAlone(schema)) return referenceFault(document, schema, "$ref", at);
  for (const [keyword, value] of Object.entries(schema)) {
    const fault = Object.hasOwn(FAULTS, keyword) ? FAULTS[keyword]?.(value) : undefined;
    if (fault) return `${at(keyword)} ${fault}.`;
  }
  for (const { path: further, part } of partsOf(schema))
    if (!isSchema(part)) return `${at(...further)} is not a schema: it must be an object, true or false.`;
  return referenceFault(document, schema, "$ref", at) ?? referenceFault(document, schema, "$dynamicRef", at);
}

function referenceFault(
  document: SchemaDocument,
  schema: JsonSchema,
  keyword: string,
  at: (keyword: string) => string,
): string | undefined {
  const reference = schema[keyword];
  if (reference === undefined || isSchema(document.resolve(schema, reference))) return undefined;
  return `${at(keyword)} is ${JSON.stringify(reference)}, which does not lead to a schema in this document.`;
}

function hasJsonForm(value: unknown): boolean {
  try {
    return JSON.stringify(value) !== undefined;
  } catch {
    return false;
  }
}

/** Keywords whose schemas apply to the value itself, not to a part of it. */
const IN_PLACE = ["anyOf", "oneOf", "allOf", "not", "if", "then", "else", "dependentSchemas", "dependencies"];

/** Returns the path to a schema from which references lead back to it without a step into the value. */
function loopIn(document: SchemaDocument): SchemaPath | undefined {
  const sound = new Set<JsonSchema>();
  for (const located of document.schemas) {
    const { schema: start } = located;
    const path = new Set<JsonSchema>();
    const steps: { readonly schema: JsonSchema; readonly next: Iterator<JsonSchema> }[] = [];
    const enter = (schema: JsonSchema): void => {
      path.add(schema);
      steps.push({ schema, next: inPlace(document, schema)[Symbol.iterator]() });
    };
    if (!sound.has(start)) enter(start);
    for (let step = steps.at(-1); step; step = steps.at(-1)) {
      const { done, value } = step.next.next();
      if (done) {
        steps.pop();
        path.delete(step.schema);
        sound.add(step.schema);
      } else if (path.has(value)) return located.path;
      else if (!sound.has(value)) enter(value);
    }
  }
  return undefined;
}

function* inPlace(document: SchemaDocument, schema: JsonSchema): Generator<JsonSchema> {
  for (const keyword of ["$ref", "$dynamicRef"]) {
    const target = schema[keyword] === undefined ? undefined : document.resolve(schema, schema[keyword]);
    if (isJsonObject(target)) yield target;
  }
  if (document.isReferenceAlone(schema)) return;
  const name = document.dynamicNameOf(schema, schema.$dynamicRef);
  if (name !== undefined) yield* document.dynamicTargets(name);
  for (const { path, part } of partsOf(schema))
    if (IN_PLACE.includes(String(path[0])) && isJsonObject(part)) yield part;
}

const TYPES = ["string", "number", "integer", "boolean", "null", "array", "object"];

/** The fault of a keyword's value. Other keywords may have any value: they are annotations, or contain schemas. */
const FAULTS: Readonly<Record<string, (value: unknown) => string | undefined>> = {
  type: (value) =>
    (Array.isArray(value) ? value : [value]).every((type) => TYPES.includes(type))
      ? undefined
      : `must be of ${TYPES.join(", ")}`,
  enum: (value) => (Array.isArray(value) ? undefined : "must be an array"),
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
  dependentRequired: (value) =>
    namedFault(value) ??
    Object.values(value as object)
      .map(namesFault)
      .find((fault) => fault !== undefined),
  dependencies: (value) =>
    namedFault(value) ??
    Object.values(value as object)
      .map((one) => (Array.isArray(one) ? namesFault(one) : undefined))
      .find((fault) => fault !== undefined),
  // The third draft writes a boolean, at the property itself.
  required: (value) => (typeof value === "boolean" ? undefined : namesFault(value)),
  pattern: (value) => (typeof value === "string" ? patternFault(value) : "must be a regular expression as a string"),
  minimum: numberFault,
  maximum: numberFault,
  // The fourth draft and OpenAPI 3.0 write a boolean.
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
  uniqueItems: flagFault,
  nullable: flagFault,
  $schema: (value) =>
    draftOf(value) === undefined
      ? `is ${JSON.stringify(value)}, an unknown dialect: use draft 2020-12, 2019-09, 7, 6 or 4`
      : undefined,
  $recursiveRef: unknownFault,
  extends: unknownFault,
  disallow: unknownFault,
  divisibleBy: unknownFault,
  propertyDependencies: unknownFault,
  patternRequired: unknownFault,
  formatMinimum: unknownFault,
  formatMaximum: unknownFault,
};

function schemasFault(value: unknown): string | undefined {
  return Array.isArray(value) && value.length > 0 ? undefined : "must be an array of schemas";
}

function namedFault(value: unknown): string | undefined {
  return isJsonObject(value) ? undefined : "must be an object";
}

function patternFault(text: string): string | undefined {
  try {
    const { fault } = new Pattern(text);
    return fault && `is ${JSON.stringify(text)}, which ${fault}`;
  } catch {
    return `is ${JSON.stringify(text)}, which is not a regular expression`;
  }
}

function namesFault(value: unknown): string | undefined {
  return Array.isArray(value) && value.every((name) => typeof name === "string")
    ? undefined
    : "must be an array of names";
}

function flagFault(value: unknown): string | undefined {
  return typeof value === "boolean" ? undefined : "must be true or false";
}

/** Keywords that only some drafts or validators know. As annotations they would let invalid values pass. */
function unknownFault(): string {
  return "is not a supported keyword: use the keywords of draft 2020-12";
}

function numberFault(value: unknown): string | undefined {
  return typeof value === "number" && Number.isFinite(value) ? undefined : "must be a number";
}

function countFault(value: unknown): string | undefined {
  return Number.isInteger(value) && Number(value) >= 0 ? undefined : "must be an integer, 0 or more";
}

function isSchema(value: unknown): value is JsonSchema | boolean {
  return typeof value === "boolean" || isJsonObject(value);
}
