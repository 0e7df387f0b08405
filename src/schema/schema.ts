/** Dispatches on the two forms of a schema: a library's (Standard Schema), or plain JSON Schema. */

import { SendError } from "../contract/errors.ts";
import type { JsonSchema, Schema, SchemaIssue, SchemaResult, StandardSchema } from "../contract/schema.ts";
import { mayLoseDigits, parseBigInts } from "../platform/exact-json.ts";
import { wordsOf } from "../platform/text-of.ts";
import { schemaFault } from "./schema-check.ts";
import { jsonSchemaIssues } from "./validator.ts";

function isStandardSchema(schema: Schema): schema is StandardSchema {
  // ArkType's schemas are functions.
  return "~standard" in schema;
}

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
    const { $schema: _dialect, ...json } = schema;
    return json;
  }
  const { vendor, jsonSchema } = schema["~standard"];
  const advice =
    "give a schema that can (Zod 4.2 and ArkType 2.2 can, Valibot by toStandardJsonSchema), or JSON Schema";
  if (!jsonSchema) {
    throw new SendError(
      "invalidRequest",
      `The schema of ${owner} (${vendor}) does not convert to JSON Schema: ${advice}.`,
    );
  }
  try {
    const { $schema: _dialect, ...json } = jsonSchema.input({
      target: "draft-2020-12",
      libraryOptions: LIBRARY_OPTIONS,
    });
    return json;
  } catch (cause) {
    throw new SendError(
      "invalidRequest",
      `The schema of ${owner} (${vendor}) cannot be converted to JSON Schema: ${advice}.`,
      { cause },
    );
  }
}

/**
 * JSON Schema cannot express rules in code; they apply to the reply. Zod and ArkType leave them out by default. Valibot
 * needs an option for that, and the others ignore it.
 */
const LIBRARY_OPTIONS = {
  ignoreActions: ["check", "check_items", "partial_check", "raw_check", "every_item", "some_item"].flatMap((rule) => [
    rule,
    `${rule}_async`,
  ]),
};

/**
 * Returns whether a value matches; a promise of it for a schema with asynchronous rules. Throws, or rejects, where the
 * schema does.
 * @param json the text that the value was parsed from: JSON Schema validates its integers, which may be strings in
 * `value`
 */
export function validate<Output>(
  schema: Schema<Output>,
  value: unknown,
  json?: string,
): SchemaResult<Output> | Promise<SchemaResult<Output>> {
  if (isStandardSchema(schema)) {
    const answer = (schema as StandardSchema<Output>)["~standard"].validate(value);
    return isPromise(answer) ? Promise.resolve(answer).then(readResult) : readResult(answer);
  }
  const issues = jsonSchemaIssues(schema, json && mayLoseDigits(json) ? parseBigInts(json) : value);
  return issues.length > 0 ? { issues } : { value: value as Output };
}

/**
 * Returns a library's result in our form, read once. Foreign code, such as a rule written by hand, may return anything.
 */
function readResult<Output>(answer: SchemaResult<Output>): SchemaResult<Output> {
  if (typeof answer !== "object" || answer === null) return { issues: [{ message: "the schema gave no result" }] };
  const issues: unknown = answer.issues;
  if (!issues) return { value: (answer as { readonly value: Output }).value };
  const list: readonly unknown[] = Array.isArray(issues) ? issues : [issues];
  return { issues: list.map(readIssue) };
}

function readIssue(issue: unknown): SchemaIssue {
  const { message, path } = (typeof issue === "object" && issue !== null ? issue : { message: issue }) as {
    readonly message?: unknown;
    readonly path?: unknown;
  };
  const steps: readonly unknown[] = Array.isArray(path) ? path : [];
  return { message: wordsOf(message), path: steps.map(keyOf) };
}

function keyOf(step: unknown): PropertyKey {
  const key = typeof step === "object" && step !== null && "key" in step ? step.key : step;
  return typeof key === "number" ? key : wordsOf(key);
}

/** Returns whether the result comes later: some libraries use promises of their own. */
function isPromise<T>(answer: T | Promise<T>): answer is Promise<T> {
  return typeof (answer as { readonly then?: unknown } | undefined)?.then === "function";
}

/** Returns the issues as the end of a sentence: `items[2].price: must be a number`. */
export function issuesText(issues: readonly SchemaIssue[]): string {
  const texts = issues.slice(0, SHOWN_ISSUES).map(({ path, message }) => {
    const place = (path ?? []).map((step) => keyText(typeof step === "object" ? step.key : step)).join("");
    return place === "" ? message : `${place.replace(/^\./, "")}: ${message}`;
  });
  const more = issues.length - texts.length;
  return texts.join("; ") + (more > 0 ? `; and ${more} more` : "");
}

const SHOWN_ISSUES = 5;

function keyText(key: PropertyKey): string {
  return typeof key === "number" ? `[${key}]` : `.${String(key)}`;
}
