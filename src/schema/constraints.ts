/** The keywords of a schema that constrain a value by itself, without further schemas. */

import type { JsonSchema } from "../contract/schema.ts";
import { isJsonObject } from "../platform/json-object.ts";
import { add, type Issue, issue } from "./issues.ts";
import { canonical, isEqual, isMultiple } from "./values.ts";
import { counted, kindOf, listed, shown, typesText } from "./wording.ts";

/** Adds the faults of a value by `enum` and `const`. */
export function validateValues(schema: JsonSchema, value: unknown, found: Issue[]): void {
  const { enum: values } = schema;
  if (Array.isArray(values) && !isAmong(values, value)) found.push(issue(`must be one of ${listed(values)}`));
  if (Object.hasOwn(schema, "const") && !isEqual(schema.const, value))
    found.push(issue(`must be ${shown(schema.const)}`));
}

function isAmong(values: readonly unknown[], value: unknown): boolean {
  if (typeof value !== "object" || value === null) return values.includes(value);
  const text = canonical(value);
  return values.some((one) => typeof one === "object" && one !== null && canonical(one) === text);
}

/** Adds the faults of an object by its required properties and their number. */
export function validateCounts(
  { required, minProperties, maxProperties }: JsonSchema,
  ownRequired: readonly string[],
  count: number,
  object: Readonly<Record<string, unknown>>,
  found: Issue[],
): void {
  if (Array.isArray(required)) {
    for (const name of required) if (!Object.hasOwn(object, name)) add(found, [issue("is missing")], name);
  }
  for (const name of ownRequired) if (!Object.hasOwn(object, name)) add(found, [issue("is missing")], name);
  if (count < Number(minProperties ?? 0)) found.push(issue(`must have at least ${counted(minProperties, "property")}`));
  if (count > Number(maxProperties ?? Number.POSITIVE_INFINITY))
    found.push(issue(`must have at most ${counted(maxProperties, "property")}`));
}

/** Adds the faults of a number by its limits and `multipleOf`. */
export function validateNumber(schema: JsonSchema, value: number | bigint, found: Issue[]): void {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf } = schema;
  if (typeof minimum === "number") {
    if (exclusiveMinimum === true && value <= minimum) found.push(issue(`must be more than ${minimum}`));
    else if (value < minimum) found.push(issue(`must be ${minimum} or more`));
  }
  if (typeof maximum === "number") {
    if (exclusiveMaximum === true && value >= maximum) found.push(issue(`must be less than ${maximum}`));
    else if (value > maximum) found.push(issue(`must be ${maximum} or less`));
  }
  if (typeof exclusiveMinimum === "number" && value <= exclusiveMinimum)
    found.push(issue(`must be more than ${exclusiveMinimum}`));
  if (typeof exclusiveMaximum === "number" && value >= exclusiveMaximum)
    found.push(issue(`must be less than ${exclusiveMaximum}`));
  if (typeof multipleOf === "number" && !isMultiple(value, multipleOf))
    found.push(issue(`must be a multiple of ${multipleOf}`));
}

/** Returns the fault of a value by `type`; `undefined` for none. */
export function typeFault(type: unknown, value: unknown): string | undefined {
  if (type === undefined) return undefined;
  const types: readonly unknown[] = Array.isArray(type) ? type : [type];
  if (types.some((one) => isOfType(one, value))) return undefined;
  return `must be ${typesText(types)}, not ${kindOf(value)}`;
}

function isOfType(type: unknown, value: unknown): boolean {
  switch (type) {
    case "null":
      return value === null;
    case "array":
      return Array.isArray(value);
    case "object":
      return isJsonObject(value);
    case "integer":
      return Number.isInteger(value) || typeof value === "bigint";
    case "number":
      return typeof value === "number" || typeof value === "bigint";
    default:
      return typeof value === type;
  }
}
