/** Rules for the values of options, and the sentence about the first value that breaks one. */

import type { JsonObject } from "../platform/json-object.ts";
import { receivedText, typeText } from "../platform/received.ts";
import { SendError } from "./errors.ts";
import { givenFault, unknownOption } from "./unknown-option.ts";

/** Returns the fault of a value, as the end of a sentence that names it; `undefined` for a valid value. */
export type Fault = (value: unknown) => string | undefined;

export const isFunction: Fault = (value) => (typeof value === "function" ? undefined : "must be a function");

export const isBoolean: Fault = (value) => (typeof value === "boolean" ? undefined : "must be true or false");

export const isMilliseconds: Fault = (value) =>
  isBetween(value, 0, Number.MAX_VALUE) ? undefined : "must be milliseconds, 0 or more";

/** The same for a time that may be infinite. */
export const isPatience: Fault = (value) =>
  isBetween(value, 0, Number.POSITIVE_INFINITY) ? undefined : "must be milliseconds, 0 or more";

/** Returns the rule that a value is one of the words. */
export function oneOf(...words: readonly string[]): Fault {
  const quoted = words.map((word) => JSON.stringify(word));
  const text = `must be ${quoted.slice(0, -1).join(", ")} or ${quoted.at(-1)}`;
  return (value) => (typeof value === "string" && words.includes(value) ? undefined : text);
}

/** Returns whether a value is a number from `low` to `high`, both included. */
export function isBetween(value: unknown, low: number, high: number): boolean {
  return typeof value === "number" && value >= low && value <= high;
}

/** Options whose values may hold secrets: messages name only the type of what was received. */
const MAY_BE_SECRET = ["headers", "metadata", "providerOptions"];

/**
 * Returns one sentence about the first field that is unknown, or else about the first that breaks its rule; `undefined`
 * if all are valid. Fields that are `undefined` are absent.
 * @param path what precedes every name, such as `timeouts.`
 * @param others names that are also valid in this place, and validated elsewhere
 */
export function fieldsFault(
  fields: JsonObject,
  faults: Readonly<Record<string, Fault>>,
  path = "",
  others: readonly string[] = [],
): string | undefined {
  const given = Object.entries(fields).filter(([name, value]) => value !== undefined && !others.includes(name));
  const unknown = given.find(([name]) => !Object.hasOwn(faults, name))?.[0];
  if (unknown !== undefined) return unknownOption(unknown, [...others, ...Object.keys(faults)], path);
  for (const [name, value] of given) {
    const fault = faults[name]?.(value);
    if (!fault) continue;
    const received = MAY_BE_SECRET.includes(name) ? typeText(value) : receivedText(value);
    return `The option \`${path}${name}\` ${fault}${fault.startsWith("must be") ? `, not ${received}` : ""}.`;
  }
  return undefined;
}

/**
 * Checks the options of a function that makes a client of other clients.
 * @throws {TypeError} with one sentence about the first invalid option
 */
export function checkSettings(options: unknown, faults: Readonly<Record<string, Fault>>, path = ""): void {
  const fault = givenFault(options) ?? fieldsFault(options as JsonObject, faults, path);
  if (fault) throw new TypeError(fault);
}

/** @throws {SendError} kind `invalidRequest` when the options of a call are not an object, so that none would count */
export function checkGiven(options: unknown): void {
  const fault = givenFault(options);
  if (fault) throw new SendError("invalidRequest", fault);
}
