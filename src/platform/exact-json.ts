/**
 * JSON whose numbers stay what was written. An integer that a double cannot hold becomes its decimal digits, as a string (the
 * convention of protobuf's JSON for 64-bit integers), and so does a number beyond every double.
 * @see https://protobuf.dev/programming-guides/json/
 */

/** A number outside of strings with so many digits, or such an exponent, that a double may not hold it. Seldom true of anything else. */
const LONG = /(?:^|[:[,\s-])\d(?:\d{15}|[\d.]*[eE]\+?\d{3})/;

/**
 * What stands wherever `LONG` is found, and seldom elsewhere. Its first eight characters are written out, since V8 then skips text by
 * several characters at a time: a third of the time, for each event.
 */
const FIRST_LOOK = /\d\d\d\d\d\d\d\d\d{8}|[\d.][eE][+\d]\d\d+(?!["\w])/;

const TOKENS = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/** Longer than any double. */
const MAX_DIGITS = 400;

/** What was written where a number would be printed otherwise: by object or array, and by key. */
const written = new WeakMap<object, Map<string, string>>();

/** Returns whether a JSON text may hold such a number: a first look that costs little. */
export function mayLoseDigits(json: string): boolean {
  return FIRST_LOOK.test(json) && LONG.test(json);
}

/**
 * Returns what `JSON.parse` returns, but for the numbers that it would change.
 * @throws {SyntaxError} as `JSON.parse`
 */
export function parseExact(json: string): unknown {
  return mayLoseDigits(json) ? parsed(json, deliveredNumber, true) : JSON.parse(json);
}

/** Returns the same with a `bigint` for each such integer: to be judged, not to be delivered. */
export function parseBigInts(json: string): unknown {
  const toValue = (token: string) => (isInteger(token) ? BigInt(token) : Number(token));
  return parsed(json, toValue, false);
}

/** Returns a number as it is delivered: the string itself where a double is another number. */
export function exactNumber(token: string): number | string {
  return isLong(token) ? deliveredNumber(token) : Number(token);
}

/** Copies what was written in the place of one value to another: where a value that was parsed is put elsewhere. */
export function moveExact(from: object, key: string, to: object, newKey: string): void {
  const token = written.get(from)?.get(key);
  if (token !== undefined) note(to, newKey, token);
}

/** Returns a shallow copy that still knows what was written. */
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

/** Returns a value that `JSON.stringify` and then `withNumbers` write as the same JSON, with its numbers as they stand there. */
export function markedNumbers(json: string): unknown {
  return parsed(json, (token) => mark() + token, false);
}

/** Returns JSON with the numbers that were marked in it. */
export function withNumbers(json: string): string {
  if (marker === "" || !json.includes(marker)) return json;
  return json.replace(new RegExp(`"${marker}([^"]*)"`, "g"), "$1");
}

let marker = "";

/** Begins a string that stands for a number. Nobody can know it, so no text of a user's is taken for one. */
function mark(): string {
  marker ||= `number-${crypto.randomUUID()}:`;
  return marker;
}

function parsed(json: string, toValue: (token: string) => unknown, notes: boolean): unknown {
  JSON.parse(json); // throws for what only the marks would make JSON
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

/** Whether a number would be printed otherwise than it is written. Fractions are approximations, whoever reads them. */
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
