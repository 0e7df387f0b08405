/**
 * Formats the value that a tool returned or threw as text for the model. No data is lost silently, as `{}` or `null`.
 */

import { isPlain } from "../platform/json-object.ts";

/**
 * Returns a tool's result as text: a string as it is, everything else as JSON; no value is `null`. Values that JSON
 * cannot represent are converted:
 * - a `Map` to its entries, a `Set` to an array,
 * - a nested `Error` to its name and message,
 * - a `bigint` and a number that is not finite to a string,
 * - an invalid `Date` to `"Invalid Date"`.
 *
 * Methods of an object are left out.
 * @throws {TypeError} when the result, or a part of it, is not data, has a circular reference, or throws while it is
 * converted. A function, a symbol, a `Promise`, and an object whose data JSON does not see are not data.
 */
export function toolResultText(result: unknown): string {
  if (typeof result === "string") return result;
  if (result === undefined) return "null";
  return jsonOf(result, jsonValue);
}

/**
 * Returns why a tool failed: the message of what it threw, without its stack. Never throws: anything may be thrown, and
 * it may throw when it is looked at.
 */
export function toolErrorText(error: unknown): string {
  try {
    const text = withoutFrames(errorText(error)).trim();
    if (text !== "" && text !== "{}") return text;
  } catch {
    // The model learns in any case that the tool failed.
  }
  return "The tool failed and did not say why.";
}

/** Whether a value is an error, also one of another realm. */
export function isError(value: unknown): value is Error {
  return value instanceof Error || Object.prototype.toString.call(value) === "[object Error]";
}

type Replacer = (this: unknown, key: string, value: unknown) => unknown;

function jsonOf(value: unknown, replacer: Replacer): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(value, replacer);
  } catch (cause) {
    if (cause instanceof NotData) throw cause;
    const [reason = ""] = (isError(cause) ? cause.message : String(cause)).split("\n");
    throw new TypeError(`The tool's result cannot be written as JSON: ${reason}`, { cause });
  }
  if (text === undefined) throw new NotData(value, "");
  return text;
}

class NotData extends TypeError {
  constructor(value: unknown, key: string) {
    const where = key === "" ? "" : ` (at ${JSON.stringify(key)})`;
    super(`The tool returned ${nameOf(value)}${where}, which is not a JSON value.`);
  }

  override get name(): string {
    return "TypeError";
  }
}

const jsonValue: Replacer = function (key, value) {
  const original = (this as Readonly<Record<string, unknown>>)[key];
  if (isError(original)) return { name: String(original.name), message: withoutFrames(String(original.message)) };
  if (original instanceof Date && Number.isNaN(original.getTime())) return String(original);
  switch (typeof value) {
    case "number":
      return Number.isFinite(value) ? value : String(value);
    case "bigint":
      return String(value);
    case "function":
    case "symbol":
      if (Array.isArray(this)) throw new NotData(value, key);
      return undefined; // a method is not data; `isEmptied` looks at the other fields
    case "object":
      if (value instanceof Map || value instanceof Set) return [...value];
      if (value !== null && isEmptied(value)) throw new NotData(value, key);
      return value;
    default:
      return value;
  }
};

/** The same for a thrown value: an error that was converted to an object has its stack as a field. */
const thrownValue: Replacer = function (key, value) {
  return key === "stack" ? undefined : jsonValue.call(this, key, value);
};

/** Whether JSON would convert an object with other data to `{}`. */
function isEmptied(value: object): boolean {
  if (Array.isArray(value) || value instanceof Number || value instanceof Boolean || value instanceof String)
    return false;
  let any = false;
  for (const key in value) {
    if (!Object.hasOwn(value, key)) continue;
    any = true;
    const field: unknown = value[key as keyof typeof value];
    if (typeof field !== "function" && typeof field !== "symbol") return false;
  }
  return any || !isPlain(value);
}

function nameOf(value: unknown): string {
  if (typeof value === "function") return "a function";
  if (typeof value === "symbol") return "a symbol";
  const name: unknown = Object.getPrototypeOf(value)?.constructor?.name;
  if (typeof name !== "string" || name === "" || name === "Object") return "an object without data";
  return `an instance of ${name} without data that JSON sees`;
}

function errorText(error: unknown): string {
  if (error === undefined || error === null) return "";
  if (typeof error !== "object" && typeof error !== "function") return String(error);
  const { message } = error as { readonly message?: unknown };
  if (typeof message === "string" && (message !== "" || isError(error))) return message;
  return isError(error) ? String(message) : jsonOf(error, thrownValue);
}

/** Lines of a stack, as V8 and as other engines write them. */
const FRAMES = /^(?:\s+at .*(?::\d+:\d+\)?|<anonymous>\)?|\(native\))|\S*@\S+:\d+:\d+)$/;

function withoutFrames(text: string): string {
  if (!text.includes("\n")) return text;
  return text
    .split("\n")
    .filter((line) => !FRAMES.test(line))
    .join("\n");
}
