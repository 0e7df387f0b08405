/**
 * Says what of a value does not fit a plain JSON Schema (draft 2020-12). It is our own because the core has no
 * dependency and may not compile code from text, which the usual validators do and many runtimes forbid.
 *
 * Left out: schemas in other documents (`$ref` to a URL, an `$id` inside), `unevaluatedProperties` and
 * `unevaluatedItems`, which no provider takes, and dialects (`$vocabulary`). `format` is an annotation, as the draft says.
 * Taken beside the draft: `nullable` as OpenAPI writes it, and what older drafts called `definitions`, `dependencies`,
 * a list as `items`, and a boolean as `exclusiveMinimum`.
 * @see https://json-schema.org/draft/2020-12/json-schema-validation
 */

import { isJsonObject } from "./keywords.ts";
import type { JsonSchema, SchemaIssue } from "./schema.ts";
import { patternOf, referenced } from "./soundness.ts";

/**
 * What does not fit; nothing when all does. Takes time in proportion to the value: every part of it is held against every
 * schema once. The schema must be sound (`schemaFault`).
 */
export function jsonSchemaIssues(schema: JsonSchema, value: unknown): readonly SchemaIssue[] {
  try {
    return new Validation(schema).issuesOf(schema, value, undefined);
  } catch (error) {
    // The only way to end up here is the end of the call stack, which engines name differently.
    if (error instanceof RangeError || (error instanceof Error && error.name === "InternalError"))
      return [{ message: "is nested too deeply to be checked" }];
    throw error;
  }
}

/** The way to a value from the root, from its end. */
interface Place {
  readonly outer: Place | undefined;
  readonly key: PropertyKey;
}

type Issues = readonly SchemaIssue[];

const NONE: Issues = [];

/** More are of no use to anybody. */
const MOST_ISSUES = 50;

/** One value held against one schema, with what is worth knowing twice. */
class Validation {
  readonly #root: JsonSchema;
  readonly #patterns = new Map<string, RegExp>();
  readonly #references = new Map<unknown, unknown>();
  /** Without it, alternatives within alternatives would take time that doubles with each level. */
  readonly #known = new Map<JsonSchema, Map<object, Issues>>();

  constructor(root: JsonSchema) {
    this.#root = root;
  }

  issuesOf(schema: unknown, value: unknown, at: Place | undefined): Issues {
    if (schema === false) return [issue(at, "must not be there")];
    if (!isJsonObject(schema) || (value === null && schema.nullable === true)) return NONE;
    if (typeof value !== "object" || value === null) return this.#hold(schema, value, at);
    const known = this.#known.get(schema) ?? new Map<object, Issues>();
    this.#known.set(schema, known);
    const before = known.get(value);
    if (before) return before;
    const issues = this.#hold(schema, value, at);
    known.set(value, issues);
    return issues;
  }

  #fits(schema: unknown, value: unknown, at: Place | undefined): boolean {
    return this.issuesOf(schema, value, at).length === 0;
  }

  #hold(schema: JsonSchema, value: unknown, at: Place | undefined): Issues {
    const found: SchemaIssue[] = [];
    const typeIssue = typeFault(schema.type, value);
    if (typeIssue)
      found.push(issue(at, typeIssue)); // the rest would only say it again
    else {
      const { enum: values } = schema;
      if (Array.isArray(values) && !values.some((one) => isEqual(one, value)))
        found.push(issue(at, `must be one of ${listed(values)}`));
      if (Object.hasOwn(schema, "const") && !isEqual(schema.const, value))
        found.push(issue(at, `must be ${shown(schema.const)}`));
      if (typeof value === "string") this.#holdText(schema, value, at, found);
      else if (typeof value === "number") holdNumber(schema, value, at, found);
      else if (Array.isArray(value)) this.#holdArray(schema, value, at, found);
      else if (isJsonObject(value)) this.#holdObject(schema, value, at, found);
    }
    this.#holdInPlace(schema, value, at, found);
    return found.length === 0 ? NONE : found;
  }

  #holdText(
    { minLength, maxLength, pattern }: JsonSchema,
    text: string,
    at: Place | undefined,
    found: SchemaIssue[],
  ): void {
    if (minLength !== undefined || maxLength !== undefined) {
      const length = lengthOf(text);
      if (length < Number(minLength ?? 0))
        found.push(issue(at, `must have at least ${counted(minLength, "character")}`));
      if (length > Number(maxLength ?? Number.POSITIVE_INFINITY))
        found.push(issue(at, `must have at most ${counted(maxLength, "character")}`));
    }
    if (typeof pattern === "string" && !this.#matches(pattern, text))
      found.push(issue(at, `must match the pattern ${pattern}`));
  }

  #holdArray(schema: JsonSchema, elements: readonly unknown[], at: Place | undefined, found: SchemaIssue[]): void {
    const { minItems, maxItems, uniqueItems, contains, minContains = 1, maxContains } = schema;
    if (elements.length < Number(minItems ?? 0))
      found.push(issue(at, `must have at least ${counted(minItems, "element")}`));
    if (elements.length > Number(maxItems ?? Number.POSITIVE_INFINITY))
      found.push(issue(at, `must have at most ${counted(maxItems, "element")}`));
    if (uniqueItems === true) {
      const pair = equalPair(elements);
      if (pair) found.push(issue(at, `must not have two equal elements, as ${pair.join(" and ")} are`));
    }
    const isOld = Array.isArray(schema.items);
    const first = (isOld ? schema.items : (schema.prefixItems ?? [])) as readonly unknown[];
    const others = isOld ? schema.additionalItems : schema.items;
    for (const [index, element] of elements.entries()) {
      const part = index < first.length ? first[index] : others;
      if (part === false)
        add(found, [issue({ outer: at, key: index }, `must not be there: there are ${first.length} at most`)]);
      else if (part !== undefined) add(found, this.issuesOf(part, element, { outer: at, key: index }));
    }
    if (contains === undefined) return;
    const count = elements.filter((element, index) => this.#fits(contains, element, { outer: at, key: index })).length;
    if (count < Number(minContains))
      found.push(issue(at, `must contain at least ${minContains} that \`contains\` describes`));
    if (count > Number(maxContains ?? Number.POSITIVE_INFINITY))
      found.push(issue(at, `must contain at most ${maxContains} that \`contains\` describes`));
  }

  #holdObject(
    schema: JsonSchema,
    object: Readonly<Record<string, unknown>>,
    at: Place | undefined,
    found: SchemaIssue[],
  ): void {
    const { required, minProperties, maxProperties, propertyNames, additionalProperties } = schema;
    const keys = Object.keys(object);
    if (Array.isArray(required)) {
      for (const name of required)
        if (!Object.hasOwn(object, name)) found.push(issue({ outer: at, key: name }, "is missing"));
    }
    if (keys.length < Number(minProperties ?? 0))
      found.push(issue(at, `must have at least ${counted(minProperties, "property")}`));
    if (keys.length > Number(maxProperties ?? Number.POSITIVE_INFINITY))
      found.push(issue(at, `must have at most ${counted(maxProperties, "property")}`));
    const properties = schemasOf(schema.properties);
    const patterns = Object.entries(schemasOf(schema.patternProperties));
    for (const key of keys) {
      const place = { outer: at, key };
      const value = object[key];
      if (propertyNames !== undefined) {
        for (const { message } of this.issuesOf(propertyNames, key, undefined))
          found.push(issue(place, `has a name that ${message}`));
      }
      let isKnown = false;
      if (Object.hasOwn(properties, key)) {
        isKnown = true;
        add(found, this.issuesOf(properties[key], value, place));
      }
      for (const [pattern, part] of patterns) {
        if (!this.#matches(pattern, key)) continue;
        isKnown = true;
        add(found, this.issuesOf(part, value, place));
      }
      if (isKnown || additionalProperties === undefined) continue;
      if (additionalProperties === false) add(found, [issue(place, "is not a known property")]);
      else add(found, this.issuesOf(additionalProperties, value, place));
    }
    this.#holdDependencies(schema, object, at, found);
  }

  #holdDependencies(
    schema: JsonSchema,
    object: Readonly<Record<string, unknown>>,
    at: Place | undefined,
    found: SchemaIssue[],
  ): void {
    for (const keyword of ["dependentRequired", "dependentSchemas", "dependencies"]) {
      for (const [name, needed] of Object.entries(schemasOf(schema[keyword]))) {
        if (!Object.hasOwn(object, name)) continue;
        if (!Array.isArray(needed)) add(found, this.issuesOf(needed, object, at));
        else {
          for (const other of needed as readonly string[]) {
            if (!Object.hasOwn(object, other))
              found.push(issue({ outer: at, key: other }, `is missing, and goes with ${name}`));
          }
        }
      }
    }
  }

  /** What other schemas have to say about the same value. */
  #holdInPlace(schema: JsonSchema, value: unknown, at: Place | undefined, found: SchemaIssue[]): void {
    const { $ref, $dynamicRef, allOf, anyOf, oneOf, not } = schema;
    for (const reference of [$ref, $dynamicRef]) {
      if (reference !== undefined) add(found, this.issuesOf(this.#referenced(reference), value, at));
    }
    if (Array.isArray(allOf)) for (const part of allOf) add(found, this.issuesOf(part, value, at));
    if (Array.isArray(anyOf)) this.#holdAlternatives(anyOf, value, at, found);
    if (Array.isArray(oneOf)) {
      const fitting = this.#holdAlternatives(oneOf, value, at, found);
      if (fitting > 1) found.push(issue(at, `must fit only one of the alternatives, not ${fitting}`));
    }
    if (not !== undefined && this.#fits(not, value, at)) found.push(issue(at, "is what `not` rules out"));
    if (schema.if === undefined) return;
    const then = this.#fits(schema.if, value, at) ? schema.then : schema.else;
    if (then !== undefined) add(found, this.issuesOf(then, value, at));
  }

  /** How many fit. Where none does, the one that the value comes closest to says why. */
  #holdAlternatives(parts: readonly unknown[], value: unknown, at: Place | undefined, found: SchemaIssue[]): number {
    const all = parts.map((part) => this.issuesOf(part, value, at));
    const fitting = all.filter((issues) => issues.length === 0).length;
    if (fitting > 0) return fitting;
    const depth = depthOf(at);
    const wrongTypes = all.map(([first]) =>
      first && !isDeeper(first, depth) ? TYPE_ISSUE.exec(first.message)?.[1] : undefined,
    );
    const types = new Set(wrongTypes);
    if (!types.has(undefined)) {
      found.push(issue(at, `must be ${[...types].join(" or ")}, not ${kindOf(value)}`));
      return 0;
    }
    const candidates = all.filter((_, index) => wrongTypes[index] === undefined);
    const closest = candidates.reduce((best, issues) =>
      closeness(issues, depth) < closeness(best, depth) ? issues : best,
    );
    add(found, closest);
    return 0;
  }

  #referenced(reference: unknown): unknown {
    const known = this.#references.get(reference);
    if (known !== undefined) return known;
    const found = referenced(this.#root, reference);
    if (found === undefined) throw new Error(`${shown(reference)} leads to no schema`);
    this.#references.set(reference, found);
    return found;
  }

  #matches(pattern: string, text: string): boolean {
    const compiled = this.#patterns.get(pattern) ?? patternOf(pattern);
    this.#patterns.set(pattern, compiled);
    return compiled.test(text);
  }
}

function holdNumber(schema: JsonSchema, value: number, at: Place | undefined, found: SchemaIssue[]): void {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf } = schema;
  if (typeof minimum === "number") {
    if (exclusiveMinimum === true && value <= minimum) found.push(issue(at, `must be more than ${minimum}`));
    else if (value < minimum) found.push(issue(at, `must be ${minimum} or more`));
  }
  if (typeof maximum === "number") {
    if (exclusiveMaximum === true && value >= maximum) found.push(issue(at, `must be less than ${maximum}`));
    else if (value > maximum) found.push(issue(at, `must be ${maximum} or less`));
  }
  if (typeof exclusiveMinimum === "number" && value <= exclusiveMinimum)
    found.push(issue(at, `must be more than ${exclusiveMinimum}`));
  if (typeof exclusiveMaximum === "number" && value >= exclusiveMaximum)
    found.push(issue(at, `must be less than ${exclusiveMaximum}`));
  if (typeof multipleOf === "number" && !isMultiple(value, multipleOf))
    found.push(issue(at, `must be a multiple of ${multipleOf}`));
}

/** 0.3 is a multiple of 0.1, whatever binary fractions say. */
function isMultiple(value: number, divisor: number): boolean {
  const quotient = value / divisor;
  if (!Number.isFinite(quotient)) return value % divisor === 0;
  return Math.abs(quotient - Math.round(quotient)) <= Math.abs(quotient) * 2 * Number.EPSILON;
}

function typeFault(type: unknown, value: unknown): string | undefined {
  if (type === undefined) return undefined;
  const types: readonly unknown[] = Array.isArray(type) ? type : [type];
  if (types.some((one) => isOfType(one, value))) return undefined;
  return `must be ${types.map((one) => TYPE_NAMES[String(one)] ?? String(one)).join(" or ")}, not ${kindOf(value)}`;
}

const TYPE_ISSUE = /^must be ((?:a |an |null).*), not /;

const TYPE_NAMES: Readonly<Record<string, string>> = {
  string: "a text",
  number: "a number",
  integer: "a whole number",
  boolean: "true or false",
  null: "null",
  array: "a list",
  object: "an object",
};

function isOfType(type: unknown, value: unknown): boolean {
  switch (type) {
    case "null":
      return value === null;
    case "array":
      return Array.isArray(value);
    case "object":
      return isJsonObject(value);
    case "integer":
      return Number.isInteger(value);
    default:
      return typeof value === type;
  }
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "number") return String(value);
  if (typeof value === "boolean") return String(value);
  return TYPE_NAMES[typeof value] ?? `a ${typeof value}`;
}

/** In characters as people count them, roughly: code points. */
function lengthOf(text: string): number {
  let length = text.length;
  for (let at = 1; at < text.length; at++) {
    const isPair = (text.charCodeAt(at) & 0xfc00) === 0xdc00 && (text.charCodeAt(at - 1) & 0xfc00) === 0xd800;
    if (isPair) length--;
  }
  return length;
}

/** The indices of the first two that are equal. */
function equalPair(elements: readonly unknown[]): readonly [number, number] | undefined {
  const seen = new Map<string, number>();
  for (const [index, element] of elements.entries()) {
    const text = canonical(element);
    const before = seen.get(text);
    if (before !== undefined) return [before, index];
    seen.set(text, index);
  }
  return undefined;
}

function isEqual(one: unknown, other: unknown): boolean {
  if (one === other) return true;
  if (typeof one !== "object" || typeof other !== "object" || one === null || other === null) return false;
  return canonical(one) === canonical(other);
}

/** One text for all values that JSON Schema holds for equal: the order of keys does not matter. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (!isJsonObject(value)) return JSON.stringify(value) ?? "undefined";
  const members = Object.keys(value)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`);
  return `{${members.join(",")}}`;
}

function issue(at: Place | undefined, message: string): SchemaIssue {
  const path: PropertyKey[] = [];
  for (let place = at; place; place = place.outer) path.unshift(place.key);
  return { message, path };
}

function add(found: SchemaIssue[], more: Issues): void {
  for (const one of more) if (found.length < MOST_ISSUES) found.push(one);
}

function depthOf(at: Place | undefined): number {
  let depth = 0;
  for (let place = at; place; place = place.outer) depth++;
  return depth;
}

function isDeeper({ path }: SchemaIssue, depth: number): boolean {
  return (path?.length ?? 0) > depth;
}

/** The fewer faults the closer; one in the value itself (such as a wrong constant) counts for more than one inside. */
function closeness(issues: Issues, depth: number): number {
  return issues.reduce((sum, one) => sum + (isDeeper(one, depth) ? 1 : 3), 0);
}

function schemasOf(value: unknown): Readonly<Record<string, unknown>> {
  return isJsonObject(value) ? value : {};
}

function counted(count: unknown, what: string): string {
  if (count === 1) return `1 ${what}`;
  return `${count} ${what === "property" ? "properties" : `${what}s`}`;
}

const SHOWN_VALUES = 12;

function listed(values: readonly unknown[]): string {
  const texts = values.slice(0, SHOWN_VALUES).map(shown);
  return values.length > SHOWN_VALUES
    ? `${texts.join(", ")} and ${values.length - SHOWN_VALUES} more`
    : texts.join(", ");
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? "undefined";
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
