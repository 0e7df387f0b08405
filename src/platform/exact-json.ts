/**
 * JSON whose numbers keep their digits. An integer that a double cannot represent becomes a string of its decimal
 * digits (the convention of protobuf's JSON for 64-bit integers). So does a number beyond every double.
 * @see https://protobuf.dev/programming-guides/json/
 */

/**
 * A number outside of strings that a double may not represent, by its digits or its exponent, or a long fraction with
 * an exponent that may make it an integer. It rarely matches anything else.
 */
const LONG = /(?:^|[:[,\s-])\d(?:\d{15}|[\d.]*[eE]\+?\d{3}|(?=[\d.]{16})\d*\.\d+[eE]\+?\d)/;

/**
 * Matches wherever `LONG` does, and rarely elsewhere. Digits are written out, since V8 then skips text by several
 * characters at a time. That saves a quarter of the time, for each event.
 */
const FIRST_LOOK = /\d\d\d\d\d\d\d\d\d\d\d\d\d\d\d\d|[\d.][\d.][\d.]\d[eE][+\d]|[\d.][eE][+\d]\d\d+(?!["\w])/;

const TOKENS = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/** More digits than any double has. */
const MAX_DIGITS = 400;
/** A double keeps so many significant digits of any number. */
const SURE_DIGITS = 15;

/** The written text of numbers that would be printed otherwise: by object or array, and by key. */
const written = new WeakMap<object, Map<string, string>>();
/** Whether `written` has anything: until then, nothing is looked for in it. */
let anyWritten = false;

/** Returns whether a JSON text may contain such a number: a cheap first look. */
export function mayLoseDigits(json: string): boolean {
  return FIRST_LOOK.test(json) && LONG.test(json);
}

/**
 * Returns the value of `JSON.parse`, but for the numbers that it would change.
 * @throws {SyntaxError} as `JSON.parse`
 */
export function parseExact(json: string): unknown {
  return mayLoseDigits(json) ? parsed(json, deliveredNumber, true) : JSON.parse(json);
}

/** Returns the same with a `bigint` for each such integer, for validation only. */
export function parseBigInts(json: string): unknown {
  const toValue = (token: string) => integerOf(token) ?? Number(token);
  return parsed(json, toValue, false);
}

/** Returns a number as it is delivered: the string itself where a double is another number. */
export function exactNumber(token: string): number | string {
  return isLong(token) ? deliveredNumber(token) : Number(token);
}

/** Copies the written text of one value to another, for a parsed value that moves to another object. */
export function moveExact(from: object, key: string, to: object, newKey: string): void {
  const token = written.get(from)?.get(key);
  if (token !== undefined) note(to, newKey, token);
}

/** Returns a shallow copy that keeps the written text of its numbers. */
export function exactCopy(source: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const copy = { ...source };
  for (const [key, token] of written.get(source) ?? []) note(copy, key, token);
  return copy;
}

/** Returns the JSON of a value that was parsed here, with its numbers as they were written. */
export function exactJson(value: unknown): string {
  return withNumbers(
    JSON.stringify(value, function (this: object, key, field: unknown) {
      const token = written.get(this)?.get(key);
      return token === undefined ? field : mark() + token;
    }),
  );
}

/**
 * Returns the same JSON; `undefined` if the value has no number that `JSON.stringify` would change.
 */
export function exactJsonIfOther(value: unknown): string | undefined {
  return anyWritten && holdsWritten(value) ? exactJson(value) : undefined;
}

function holdsWritten(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  return written.has(value) || Object.values(value).some(holdsWritten);
}

/**
 * Returns a value that `JSON.stringify` and then `withNumbers` turn into the same JSON, with its numbers unchanged.
 */
export function markedNumbers(json: string): unknown {
  return parsed(json, (token) => mark() + token, false);
}

/** Returns JSON with its marked numbers as numbers. */
export function withNumbers(json: string): string {
  if (marker === "" || !json.includes(marker)) return json;
  return json.replace(new RegExp(`"${marker}([^"]*)"`, "g"), "$1");
}

/** Returns the number that a marked string stands for; any other string as it is. */
export function unmarked(text: string): string {
  return marker !== "" && text.startsWith(marker) ? text.slice(marker.length) : text;
}

let marker = "";

/** Returns the prefix of a string that represents a number. It is random, so a user's text does not match it. */
function mark(): string {
  marker ||= `number-${crypto.randomUUID()}:`;
  return marker;
}

function parsed(json: string, toValue: (token: string) => unknown, notes: boolean): unknown {
  JSON.parse(json); // throws for text that only the marks would make valid
  const prefix = mark();
  const marked = json.replace(TOKENS, (token) => (token[0] !== '"' && isLong(token) ? `"${prefix}${token}"` : token));
  return JSON.parse(marked, function (this: object, key, field: unknown) {
    if (typeof field !== "string" || !field.startsWith(prefix)) return field;
    const token = field.slice(prefix.length);
    if (notes) note(this, key, token);
    return toValue(token);
  });
}

function note(owner: object, key: string, token: string): void {
  anyWritten = true;
  const tokens = written.get(owner);
  if (tokens) tokens.set(key, token);
  else written.set(owner, new Map([[key, token]]));
}

/**
 * Returns whether a number would be printed as another number than was written. Fractions are approximations for every
 * reader.
 */
function isLong(token: string): boolean {
  const value = Number(token);
  if (!Number.isFinite(value)) return true;
  if (isPlain(token)) return token.length > SURE_DIGITS && String(value) !== token;
  const integer = Math.abs(value) > Number.MAX_SAFE_INTEGER ? integerOf(token) : undefined;
  return integer !== undefined && integer !== integerOf(String(value));
}

/** Returns whether the token is an integer without a point and an exponent. */
function isPlain(token: string): boolean {
  return /^-?\d+$/.test(token);
}

/** Returns the integer that a token writes; `undefined` for a fraction, and for a number beyond every double. */
function integerOf(token: string): bigint | undefined {
  if (isPlain(token)) return BigInt(token);
  const [, sign = "", integer = "", fraction = "", exponent = "0"] = PARTS.exec(token) ?? [];
  const digits = withoutLastZeros(integer + fraction);
  const zeros = Number(exponent) + integer.length - digits.length;
  if (digits === "") return 0n;
  if (zeros < 0 || digits.length + zeros > MAX_DIGITS) return undefined;
  return BigInt(sign + digits + "0".repeat(zeros));
}

/** Sign, integer part, fraction and exponent of a number in JSON. */
const PARTS = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;

/** A loop: a pattern for this takes quadratic time. */
function withoutLastZeros(digits: string): string {
  let end = digits.length;
  while (end > 0 && digits[end - 1] === "0") end--;
  return digits.slice(0, end);
}

function deliveredNumber(token: string): number | string {
  const value = Number(token);
  const integer = token.length < MAX_DIGITS || !isPlain(token) ? integerOf(token) : undefined;
  if (integer === undefined || !Number.isFinite(value)) return token;
  return BigInt(value) === integer ? value : String(integer);
}
