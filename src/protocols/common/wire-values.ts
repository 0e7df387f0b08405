/** Values in an event, checked before use. */

import { SendError } from "../../contract/errors.ts";
import { isDeeper, MAX_DEPTH } from "../../platform/json-depth.ts";
import { parseModelJson } from "../../platform/model-json.ts";

/** A member that a server may leave out, or send as `null`. */
export type Nullable<T> = T | null | undefined;

/**
 * Returns a piece of text; `""` where there is none.
 * @throws {SendError} kind `protocol` when it is not a string: skipping it would lose text
 */
export function textIn(value: unknown): string {
  if (typeof value === "string") return value;
  if (value === undefined || value === null) return "";
  throw unreadable("a string", value);
}

/**
 * Returns the id of a call; `""` where there is none. Some servers send numbers.
 * @throws {SendError} kind `protocol` when it is something else
 */
export function idIn(value: unknown): string {
  return typeof value === "number" ? String(value) : textIn(value);
}

/** Returns whether an id is safe as a segment of a URL's path, unlike `..` or a slash. */
export function isPathSegment(id: string): boolean {
  return /^[\w.~:-]+$/.test(id) && !/^\.\.?$/.test(id);
}

/** Returns an index; `undefined` where there is none. Some servers send strings, in some events only. */
export function indexIn(value: unknown): number | undefined {
  if (typeof value === "number") return value;
  return typeof value === "string" && /^\d{1,9}$/.test(value) ? Number(value) : undefined;
}

/** Returns a name or an id; `undefined` where there is none. Some servers send numbers. */
export function nameIn(value: unknown): string | undefined {
  if (typeof value === "number") return String(value);
  return typeof value === "string" && value !== "" ? value : undefined;
}

/**
 * Returns the meaning of a provider's word; `undefined` where the table lacks it, as every table lacks `constructor`.
 */
export function meaningOf<T>(table: Readonly<Record<string, T>>, word: string | undefined): T | undefined {
  return word !== undefined && Object.hasOwn(table, word) ? table[word] : undefined;
}

/**
 * Returns the first of several answers in one event, which is the reply; `undefined` where the event holds only others.
 * @throws {SendError} kind `protocol` when it is something else
 */
export function firstAnswer<T extends { readonly index?: number | string | null | undefined }>(
  answers: readonly (T | null | undefined)[] | null | undefined,
): T | undefined {
  const all = listIn(answers);
  const first = objectIn(all[0] ?? all.find((answer) => answer));
  if (!Number(first?.index ?? 0)) return first;
  return all.find((answer) => answer?.index !== undefined && Number(answer?.index) === 0) ?? undefined;
}

/**
 * Returns an object of the event, unchanged; `undefined` where there is none.
 * @throws {SendError} kind `protocol` when it is not an object
 */
export function objectIn<T extends object>(value: T | null | undefined): T | undefined {
  if (typeof value === "object" && (!Array.isArray(value) || value.length === 0)) return value ?? undefined;
  if (value === undefined) return undefined;
  throw unreadable("an object", value);
}

/**
 * Returns an array of the event; an empty one where there is none.
 * @throws {SendError} kind `protocol` when it is not an array
 */
export function listIn<T>(value: readonly T[] | null | undefined): readonly T[] {
  if (Array.isArray(value)) return value;
  if (value === undefined || value === null || isEmpty(value)) return [];
  throw unreadable("an array", value);
}

function isEmpty(value: object): boolean {
  return typeof value === "object" && Object.keys(value).length === 0;
}

function unreadable(what: string, value: unknown): SendError {
  return new SendError(
    "protocol",
    `Invalid event: expected ${what}, but received ${String(JSON.stringify(value)).slice(0, 80)}.`,
  );
}

/**
 * Returns the arguments of a function call, which come as an object or as JSON. Missing arguments and `null` are an
 * empty object. Three forms of gateways have one meaning: JSON within a JSON string, the arguments twice in a row, and
 * `{}` before the arguments, which is the empty object of Anthropic's first event.
 * @throws {SyntaxError} when they are not JSON, not an object, or nested too deep to be sent back
 */
export function argumentsIn(value: unknown): Readonly<Record<string, unknown>> {
  let args: unknown = typeof value === "string" ? parsedArguments(value) : value;
  if (typeof value === "string" && typeof args === "string") args = parsedArguments(args);
  if (args === undefined || args === null) return {};
  if (typeof args !== "object" || Array.isArray(args)) throw new SyntaxError("not an object");
  if (isDeeper(args)) throw new SyntaxError(`nested more than ${MAX_DEPTH} deep`);
  return args as Readonly<Record<string, unknown>>;
}

function parsedArguments(json: string): unknown {
  const text = json.trim();
  if (text === "") return {};
  const half = text.slice(0, text.length / 2);
  return parseModelJson(half.endsWith("}") && text === half + half ? half : text.replace(/^\{\}\s*(?=\{)/, ""));
}
