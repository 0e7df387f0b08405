/**
 * Validates a value by a plain JSON Schema (draft 2020-12, or the draft of `$schema`). It is our own, since the core
 * has no dependency and does not compile code from text. The usual validators do so, and many runtimes forbid it.
 *
 * Every keyword that constrains values is enforced, or `schemaFault` refuses the schema before anything is sent. It
 * refuses schemas in other documents, unknown dialects, and patterns that cannot be matched in bounded time.
 * Annotations, as in the draft: `format`, `contentEncoding`, `contentMediaType`, `contentSchema`, and unknown keywords.
 * Accepted in addition to the draft: `nullable` of OpenAPI, and from older drafts `definitions`, `dependencies`, an
 * array as `items`, a boolean as `exclusiveMinimum`, and a boolean as `required`.
 * @see https://json-schema.org/draft/2020-12/json-schema-validation
 */

import type { JsonSchema, SchemaIssue } from "../contract/schema.ts";
import { isJsonObject } from "../platform/json-object.ts";
import { typeFault, validateCounts, validateNumber, validateValues } from "./constraints.ts";
import { type Evaluated, type Known, Scope } from "./dynamic-scope.ts";
import { add, type Issue, type Issues, issue, located } from "./issues.ts";
import { Pattern } from "./pattern.ts";
import { SchemaDocument } from "./schema-document.ts";
import { DEPENDENT, type Outline, outlineOf } from "./schema-outline.ts";
import { namedSchemas } from "./subschemas.ts";
import { equalPair, lengthOf } from "./values.ts";
import { counted, kindOf, shown } from "./wording.ts";

/**
 * Returns the issues of a value; none for a valid one. Takes time in proportion to the value: every part of it is
 * validated once by every schema. `schemaFault` must have accepted the schema.
 */
export function jsonSchemaIssues(schema: JsonSchema, value: unknown): readonly SchemaIssue[] {
  try {
    const document = new SchemaDocument(schema);
    const scope = new Scope([document.resourceOf(schema)]);
    return located(new Validation(document).issuesOf(schema, value, scope, undefined));
  } catch (error) {
    // Only the end of the call stack leads here; engines name its error differently.
    if (error instanceof RangeError || (error instanceof Error && error.name === "InternalError"))
      return [{ message: "is nested too deeply to be checked" }];
    throw error;
  }
}

const NONE: Issues = [];

const TYPE_ISSUE = /^must be ((?:a |an |null).*), not /;

/** Validates one value by one schema, with a cache. */
class Validation {
  readonly #document: SchemaDocument;
  readonly #patterns = new Map<string, Pattern>();
  readonly #outlines = new Map<JsonSchema, Outline>();
  readonly #references = new Map<JsonSchema, Map<unknown, unknown>>();

  constructor(document: SchemaDocument) {
    this.#document = document;
  }

  /** Returns the issues of a value. A valid value adds its keys to `evaluated`. */
  issuesOf(schema: unknown, value: unknown, outer: Scope, evaluated: Evaluated | undefined): Issues {
    if (schema === false) return [issue("must not be there")];
    if (!isJsonObject(schema) || (value === null && schema.nullable === true)) return NONE;
    const scope = this.#document.hasDynamicRef ? outer.entering(this.#document.resourceOf(schema)) : outer;
    const isRemembered = typeof value === "object" ? value !== null : this.#outlineOf(schema).isInPlace;
    const known = isRemembered ? (scope.known.get(schema) ?? new Map<unknown, Known>()) : undefined;
    if (known) scope.known.set(schema, known);
    let result = known?.get(value);
    if (!result) {
      const own: Evaluated | undefined =
        this.#document.hasUnevaluated && typeof value === "object" ? new Set() : undefined;
      result = { issues: this.#validate(schema, value, scope, own), evaluated: own };
      known?.set(value, result);
    }
    if (evaluated && result.evaluated && result.issues.length === 0)
      for (const key of result.evaluated) evaluated.add(key);
    return result.issues;
  }

  #fits(schema: unknown, value: unknown, scope: Scope, evaluated?: Evaluated): boolean {
    return this.issuesOf(schema, value, scope, evaluated).length === 0;
  }

  #validate(schema: JsonSchema, value: unknown, scope: Scope, evaluated: Evaluated | undefined): Issues {
    const found: Issue[] = [];
    const outline = this.#outlineOf(schema);
    if (outline.isReference) {
      add(found, this.issuesOf(this.#referenced(schema, schema.$ref), value, scope, evaluated));
      return found;
    }
    const typeIssue = typeFault(schema.type, value);
    if (typeIssue)
      found.push(issue(typeIssue)); // the rest would repeat it
    else {
      validateValues(schema, value, found);
      if (typeof value === "string") this.#validateText(schema, value, found);
      else if (typeof value === "number" || typeof value === "bigint") validateNumber(schema, value, found);
      else if (Array.isArray(value)) this.#validateArray(schema, value, scope, found, evaluated);
      else if (isJsonObject(value)) this.#validateObject(schema, outline, value, scope, found, evaluated);
    }
    const before = found.length;
    if (outline.isInPlace) this.#validateInPlace(schema, value, scope, found, evaluated);
    if (outline.isDependent) this.#validateDependencies(schema, value, scope, found, evaluated);
    // Where an adjacent schema does not match, its unevaluated parts are not worth a second issue.
    if (evaluated && found.length === before) this.#validateUnevaluated(schema, value, scope, found, evaluated);
    return found.length === 0 ? NONE : found;
  }

  #validateText({ minLength, maxLength, pattern }: JsonSchema, text: string, found: Issue[]): void {
    if (minLength !== undefined || maxLength !== undefined) {
      const length = lengthOf(text);
      if (length < Number(minLength ?? 0)) found.push(issue(`must have at least ${counted(minLength, "character")}`));
      if (length > Number(maxLength ?? Number.POSITIVE_INFINITY))
        found.push(issue(`must have at most ${counted(maxLength, "character")}`));
    }
    if (typeof pattern !== "string") return;
    const isMatch = this.#matches(pattern, text);
    if (isMatch === undefined) found.push(issue(`is too long to be matched against the pattern ${pattern}`));
    else if (!isMatch) found.push(issue(`must match the pattern ${pattern}`));
  }

  #validateArray(
    schema: JsonSchema,
    elements: readonly unknown[],
    scope: Scope,
    found: Issue[],
    evaluated: Evaluated | undefined,
  ): void {
    const { minItems, maxItems, uniqueItems } = schema;
    if (elements.length < Number(minItems ?? 0))
      found.push(issue(`must have at least ${counted(minItems, "element")}`));
    if (elements.length > Number(maxItems ?? Number.POSITIVE_INFINITY))
      found.push(issue(`must have at most ${counted(maxItems, "element")}`));
    if (uniqueItems === true) {
      const pair = equalPair(elements);
      if (pair) found.push(issue(`must not have two equal elements, as ${pair.join(" and ")} are`));
    }
    const isOld = Array.isArray(schema.items);
    const first = (isOld ? schema.items : (schema.prefixItems ?? [])) as readonly unknown[];
    const others = isOld ? schema.additionalItems : schema.items;
    for (const [index, element] of elements.entries()) {
      const part = index < first.length ? first[index] : others;
      if (part === undefined) continue;
      evaluated?.add(index);
      if (part === false)
        add(found, [issue(`must not be there: there are ${first.length} at most`, { key: index, inner: undefined })]);
      else add(found, this.issuesOf(part, element, scope, undefined), index);
    }
    this.#validateContained(schema, elements, scope, found, evaluated);
  }

  #validateContained(
    schema: JsonSchema,
    elements: readonly unknown[],
    scope: Scope,
    found: Issue[],
    evaluated: Evaluated | undefined,
  ): void {
    const { contains, minContains = 1, maxContains } = schema;
    if (contains === undefined) return;
    // In draft 2019-09, `contains` does not evaluate elements.
    const looked = this.#document.resourceOf(schema).draft > 2019 ? evaluated : undefined;
    let count = 0;
    for (const [index, element] of elements.entries()) {
      if (!this.#fits(contains, element, scope)) continue;
      count++;
      looked?.add(index);
    }
    if (count < Number(minContains))
      found.push(issue(`must contain at least ${minContains} that \`contains\` describes`));
    if (count > Number(maxContains ?? Number.POSITIVE_INFINITY))
      found.push(issue(`must contain at most ${maxContains} that \`contains\` describes`));
  }

  #validateObject(
    schema: JsonSchema,
    { properties, patterns, ownRequired }: Outline,
    object: Readonly<Record<string, unknown>>,
    scope: Scope,
    found: Issue[],
    evaluated: Evaluated | undefined,
  ): void {
    const { propertyNames, additionalProperties } = schema;
    const keys = Object.keys(object);
    validateCounts(schema, ownRequired, keys.length, object, found);
    for (const key of keys) {
      const value = object[key];
      if (propertyNames !== undefined) {
        for (const { message } of this.issuesOf(propertyNames, key, scope, undefined))
          found.push(issue(`has a name that ${message}`, { key, inner: undefined }));
      }
      let isKnown = false;
      if (Object.hasOwn(properties, key)) {
        isKnown = true;
        add(found, this.issuesOf(properties[key], value, scope, undefined), key);
      }
      for (const [pattern, part] of patterns) {
        const isMatch = this.#matches(pattern, key);
        if (isMatch === undefined)
          add(found, [issue(`has a name that is too long to be matched against the pattern ${pattern}`)], key);
        if (!isMatch) continue;
        isKnown = true;
        add(found, this.issuesOf(part, value, scope, undefined), key);
      }
      if (isKnown || additionalProperties !== undefined) evaluated?.add(key);
      if (isKnown || additionalProperties === undefined) continue;
      if (additionalProperties === false) add(found, [issue("is not a known property")], key);
      else add(found, this.issuesOf(additionalProperties, value, scope, undefined), key);
    }
  }

  #validateDependencies(schema: JsonSchema, value: unknown, scope: Scope, found: Issue[], evaluated?: Evaluated): void {
    if (!isJsonObject(value)) return;
    for (const keyword of DEPENDENT) {
      if (schema[keyword] === undefined) continue;
      for (const [name, needed] of Object.entries(namedSchemas(schema[keyword]))) {
        if (!Object.hasOwn(value, name)) continue;
        if (!Array.isArray(needed)) add(found, this.issuesOf(needed, value, scope, evaluated));
        else {
          for (const other of needed as readonly string[])
            if (!Object.hasOwn(value, other))
              add(found, [issue(`is missing, but required together with ${name}`)], other);
        }
      }
    }
  }

  /** Applies the other schemas that concern the same value. */
  #validateInPlace(
    schema: JsonSchema,
    value: unknown,
    scope: Scope,
    found: Issue[],
    evaluated: Evaluated | undefined,
  ): void {
    const { $ref, $dynamicRef, allOf, anyOf, oneOf, not } = schema;
    if ($ref !== undefined) add(found, this.issuesOf(this.#referenced(schema, $ref), value, scope, evaluated));
    if ($dynamicRef !== undefined)
      add(found, this.issuesOf(this.#dynamicallyReferenced(schema, $dynamicRef, scope), value, scope, evaluated));
    if (Array.isArray(allOf)) for (const part of allOf) add(found, this.issuesOf(part, value, scope, evaluated));
    if (Array.isArray(anyOf)) this.#validateAlternatives(anyOf, value, scope, found, evaluated);
    if (Array.isArray(oneOf)) {
      const fitting = this.#validateAlternatives(oneOf, value, scope, found, evaluated);
      if (fitting > 1) found.push(issue(`must fit only one of the alternatives, not ${fitting}`));
    }
    if (not !== undefined && this.#fits(not, value, scope)) found.push(issue("matches the schema of `not`"));
    if (schema.if === undefined) return;
    const then = this.#fits(schema.if, value, scope, evaluated) ? schema.then : schema.else;
    if (then !== undefined) add(found, this.issuesOf(then, value, scope, evaluated));
  }

  /** Validates the parts that no adjacent schema has evaluated. */
  #validateUnevaluated(schema: JsonSchema, value: unknown, scope: Scope, found: Issue[], evaluated: Evaluated): void {
    const isList = Array.isArray(value);
    const others = isList ? schema.unevaluatedItems : schema.unevaluatedProperties;
    if (others === undefined || !(isList || isJsonObject(value))) return;
    for (const [key, part] of isList ? value.entries() : Object.entries(value)) {
      if (evaluated.has(key)) continue;
      evaluated.add(key);
      if (others !== false) add(found, this.issuesOf(others, part, scope, undefined), key);
      else add(found, [issue(isList ? "is not a known element" : "is not a known property")], key);
    }
  }

  /** Returns the number of matching alternatives. Without any, the closest one supplies the issues. */
  #validateAlternatives(
    parts: readonly unknown[],
    value: unknown,
    scope: Scope,
    found: Issue[],
    evaluated: Evaluated | undefined,
  ): number {
    const all = parts.map((part) => this.issuesOf(part, value, scope, evaluated));
    const fitting = all.filter((issues) => issues.length === 0).length;
    if (fitting > 0) return fitting;
    const wrongTypes = all.map(([first]) =>
      first && first.path === undefined ? TYPE_ISSUE.exec(first.message)?.[1] : undefined,
    );
    const types = new Set(wrongTypes);
    if (!types.has(undefined)) {
      found.push(issue(`must be ${[...types].join(" or ")}, not ${kindOf(value)}`));
      return 0;
    }
    const candidates = all.filter((_, index) => wrongTypes[index] === undefined);
    add(
      found,
      candidates.reduce((best, issues) => (closeness(issues) < closeness(best) ? issues : best)),
    );
    return 0;
  }

  #outlineOf(schema: JsonSchema): Outline {
    const known = this.#outlines.get(schema);
    if (known) return known;
    const outline = outlineOf(schema, this.#document);
    this.#outlines.set(schema, outline);
    return outline;
  }

  #referenced(schema: JsonSchema, reference: unknown): unknown {
    const known = this.#references.get(schema) ?? new Map<unknown, unknown>();
    this.#references.set(schema, known);
    if (!known.has(reference)) known.set(reference, this.#document.resolve(schema, reference));
    const found = known.get(reference);
    if (found === undefined) throw new Error(`${shown(reference)} leads to no schema`);
    return found;
  }

  #dynamicallyReferenced(schema: JsonSchema, reference: unknown, scope: Scope): unknown {
    const name = this.#document.dynamicNameOf(schema, reference);
    for (const { dynamicAnchors } of name === undefined ? [] : scope.resources) {
      const target = dynamicAnchors.get(name ?? "");
      if (target) return target;
    }
    return this.#referenced(schema, reference);
  }

  #matches(source: string, text: string): boolean | undefined {
    const pattern = this.#patterns.get(source) ?? new Pattern(source);
    this.#patterns.set(source, pattern);
    return pattern.matches(text);
  }
}

/** Fewer issues are closer. One in the value itself (such as a wrong constant) counts for more than one inside. */
function closeness(issues: Issues): number {
  return issues.reduce((sum, { path }) => sum + (path ? 1 : 3), 0);
}
