/** Validates by either form of a schema: a library's (Standard Schema), or plain JSON Schema. */

import type { Schema, SchemaIssue, SchemaResult, StandardSchema } from "../contract/schema.ts";
import { wordsOf } from "../platform/text-of.ts";
import { schemaEngine } from "./load-engine.ts";
import { isStandardSchema } from "./standard-schema.ts";

/**
 * Returns whether a value matches; a promise of it for a schema with asynchronous rules, and for JSON Schema before its
 * engine is loaded. Throws, or rejects, where the schema does.
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
  if (schemaEngine.isLoaded) return schemaEngine.loaded.validateJson<Output>(schema, value, json);
  return schemaEngine.load().then(({ validateJson }) => validateJson<Output>(schema, value, json));
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
