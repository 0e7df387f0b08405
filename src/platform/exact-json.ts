/**
 * JSON whose numbers keep their digits. An integer that a double cannot represent becomes a string of its decimal
 * digits (the convention of protobuf's JSON for 64-bit integers). So does a number beyond every double.
 * @see https://protobuf.dev/programming-guides/json/
 */

/**
 * A number outside of strings that a double may not represent, by its digits or its exponent. It rarely matches
 * anything else.
 */
const LONG = /(?:^|[:[,\s-])\d(?:\d{15}|[\d.]*[eE]\+?\d{3})/;

/**
 * Matches wherever `LONG` does, and rarely elsewhere. Its first eight characters are written out, since V8 then skips
 * text by several characters at a time. That takes a third of the time, for each event.
 */
const FIRST_LOOK = /\d\d\d\d\d\d\d\d\d{8}|[\d.][eE][+\d]\d\d+(?!["\w])/;

const TOKENS = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/** More digits than any double has. */
const MAX_DIGITS = 400;

/** The written text of numbers that would be printed otherwise: by object or array, and by key. */
const written = new WeakMap<object, Map<string, string>>();

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
  const toValue = (token: string) => (isInteger(token) ? BigInt(token) : Number(token));
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
    JSON.stringify(value, function (this: object, key, held: unknown) {
      const token = written.get(this)?.get(key);
      return token === undefined ? held : mark() + token;
    }),
  );
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
  return JSON.parse(marked, function (this: object, key, held: unknown) {
    if (typeof held !== "string" || !held.startsWith(prefix)) return held;
    const token = held.slice(prefix.length);
    if (notes) note(this, key, token);
    return toValue(token);
  });
}

function note(owner: object, key: string, token: string): void {
  const tokens = written.get(owner);
  if (tokens) tokens.set(key, token);
  else written.set(owner, new Map([[key, token]]));
}

/**
 * Returns whether a number would be printed otherwise than it is written. Fractions are approximations for every
 * reader.
 */
function isLong(token: string): boolean {
  const value = Number(token);
  return isInteger(token) ? token.length > 15 && String(value) !== token : !Number.isFinite(value);
}

function isInteger(token: string): boolean {
  return /^-?\d+$/.test(token);
}

function deliveredNumber(token: string): number | string {
  const value = Number(token);
  const isHeld = token.length < MAX_DIGITS && isInteger(token) && BigInt(value) === BigInt(token);
  return isHeld ? value : token;
}
