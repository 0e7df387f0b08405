/** Options that do not exist, and those that were probably meant. */

import { hasFields } from "../platform/json-object.ts";
import { typeText } from "../platform/received.ts";

/** The names of all options of an interface. The compiler notices one that is missing, and one that does not exist. */
export type AllNames<Options> = { readonly [Name in keyof Options]-?: true };

/** Returns the names of all options of an interface. */
export function allNames<Options extends object>(names: AllNames<Options>): readonly string[] {
  return Object.keys(names);
}

/** Other libraries' names for options, in lower case and without underscores. */
const OTHER_NAMES: Readonly<Record<string, string>> = {
  maxtokens: "maxOutputTokens",
  maxcompletiontokens: "maxOutputTokens",
  stopsequences: "stop",
  maxretries: "retries",
  responseformat: "output",
  execute: "run",
  inputschema: "parameters",
  needsapproval: "approve",
  approval: "approve",
  requireapproval: "approve",
  requiresapproval: "approve",
  timeout: "timeoutMs",
};

/** Shorter names have neighbours of another meaning, such as `topK` and `topP`. */
const MIN_LENGTH = 5;
/** The same for names with letters in another order: `urn` is not `run`. */
const MIN_REORDERED = 4;

/**
 * Returns the message: the unknown name, a similar valid one if there is one, and all valid ones.
 * @param path what precedes every name, such as `timeouts.`
 */
export function unknownOption(name: string, valid: readonly string[], path = ""): string {
  const meant = similarName(name, valid);
  const question = meant === undefined ? "" : ` Did you mean \`${path}${meant}\`?`;
  return `Unknown option \`${path}${name}\`.${question} Valid options: ${valid.map((known) => path + known).join(", ")}.`;
}

/**
 * Returns the message about the first option that does not exist, or about options that are not an object, so that none
 * would count; `undefined` if all exist. Names are checked before values: an option that is missing may be misspelt.
 * @param path as for `unknownOption`
 */
export function namesFault(options: unknown, valid: readonly string[], path?: string): string | undefined {
  if (!hasFields(options)) return givenFault(options);
  const unknown = unknownNames(options, valid)[0];
  return unknown === undefined ? undefined : unknownOption(unknown, valid, path);
}

/** Returns one sentence about options that are not an object with fields; `undefined` for those that are. */
export function givenFault(options: unknown): string | undefined {
  return hasFields(options) ? undefined : `The options must be an object, not ${typeText(options)}.`;
}

/**
 * Checks that all options exist, before their values are checked.
 * @throws {TypeError} for one that does not, and for options that are not an object
 */
export function checkNames(options: unknown, valid: readonly string[], path?: string): void {
  const fault = namesFault(options, valid, path);
  if (fault !== undefined) throw new TypeError(fault);
}

/**
 * Returns the first misspelt name and the one that was meant, for objects that may have fields of others: a name is
 * misspelt if it differs in one letter, in the order of its letters, or in their case from that of a field that is
 * absent, or if it is another library's name for that. `descriptor` is a word of its own, and `descripton` is not.
 */
export function misspeltName(
  fields: object,
  valid: readonly string[],
): { readonly name: string; readonly meant: string } | undefined {
  const absent = valid.filter((name) => !(name in fields));
  for (const name of unknownNames(fields, valid)) {
    const meant = similarName(name, absent, 1);
    if (meant !== undefined) return { name, meant };
  }
  return undefined;
}

/** Returns the names that do not exist. One whose value is `undefined` is absent. */
function unknownNames(fields: object, valid: readonly string[]): readonly string[] {
  return Object.entries(fields).flatMap(([name, value]) => (value === undefined || valid.includes(name) ? [] : name));
}

/** @param most the number of letters that may differ. Default: one in four */
function similarName(name: string, valid: readonly string[], most?: number): string | undefined {
  const plain = plainName(name);
  const other = Object.hasOwn(OTHER_NAMES, plain) ? OTHER_NAMES[plain] : undefined;
  return (
    valid.find((known) => plainName(known) === plain) ??
    valid.find((known) => known === other) ??
    valid.find((known) => isSimilar(plain, plainName(known), most))
  );
}

function plainName(name: string): string {
  return name.replaceAll(/[_-]/g, "").toLowerCase();
}

/** At most one letter in four differs, or the letters are in another order. */
function isSimilar(one: string, other: string, mostLetters = Number.POSITIVE_INFINITY): boolean {
  if (one.length >= MIN_REORDERED && lettersOf(one) === lettersOf(other)) return true;
  const length = Math.max(one.length, other.length);
  const most = Math.min(Math.floor(length / 4), mostLetters);
  if (length < MIN_LENGTH || Math.abs(one.length - other.length) > most) return false;
  return editDistance(one, other) <= most;
}

function lettersOf(name: string): string {
  return [...name].sort().join("");
}

/** The number of letters to insert, delete or replace (Levenshtein). */
function editDistance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (const [line, letter] of [...one].entries()) {
    const next = [line + 1];
    for (const [column, otherLetter] of [...other].entries()) {
      const replaced = (row[column] ?? 0) + (letter === otherLetter ? 0 : 1);
      next.push(Math.min(replaced, (row[column + 1] ?? 0) + 1, (next[column] ?? 0) + 1));
    }
    row = next;
  }
  return row[other.length] ?? 0;
}
