/** Readings of a text of a server: without its gaps, without its escapes, with its lists of bytes as characters. */

/**
 * A text with its escapes read, and the original place of each of its characters. The last place is the text's length.
 */
export interface Reading {
  readonly text: string;
  readonly places: (index: number) => number;
  /** The end of the character before a place. */
  readonly ends: (index: number) => number;
}

/** A text, and no expression: V8 looks up properties when it reads an expression, and this one takes it 1 ms. */
const INVISIBLE = "\\p{Default_Ignorable_Code_Point}";

/**
 * Returns the text without its gaps, where a test of that says so; `undefined` where there are none. Gaps are white
 * space and characters without width: lines are wrapped (base64 always is in mails), and words get break points.
 */
export function withoutGaps(
  { text, places, ends }: Reading,
  isWanted: (joined: string) => boolean,
): Reading | undefined {
  const gaps = new RegExp(`[\\s${INVISIBLE}]+`, "gu");
  const joined = text.replace(gaps, "");
  if (joined.length === text.length || !isWanted(joined)) return undefined;
  const starts: number[] = [];
  let done = 0;
  for (const gap of text.matchAll(gaps)) {
    for (let at = done; at < gap.index; at++) starts.push(at);
    done = gap.index + gap[0].length;
  }
  for (let at = done; at <= text.length; at++) starts.push(at);
  const startOf = (index: number) => starts[index] ?? text.length;
  return { text: joined, places: (index) => places(startOf(index)), ends: (index) => ends(startOf(index - 1) + 1) };
}

const ESCAPE =
  /%(?:u00)?([\da-f]{2})|\\u\{?([\da-f]{2,4})\}?|\\x([\da-f]{2})|&#x([\da-f]{1,5});?|&#(\d{1,6});?|\\(["'\\/])|&(\w{2,8});|\\([0-3][0-7]{2})|\\[nrt]/gi;
const BEGINS_ESCAPE = /[%\\&]/;
/**
 * Names of characters that may occur in keys and base64. @see
 * https://html.spec.whatwg.org/multipage/named-characters.html
 */
const ENTITIES: ReadonlyMap<string, string> = /* @__PURE__ */ new Map(
  /* @__PURE__ */ Object.entries({
    amp: "&",
    lt: "<",
    gt: ">",
    quot: '"',
    apos: "'",
    sol: "/",
    bsol: "\\",
    plus: "+",
    equals: "=",
    lowbar: "_",
    period: ".",
    colon: ":",
    semi: ";",
    comma: ",",
    excl: "!",
    num: "#",
    dollar: "$",
    percnt: "%",
    commat: "@",
    ast: "*",
  }),
);

/** Returns the text with one layer of escapes read; `undefined` where there is none. */
export function unescaped({ text, places, ends }: Reading): Reading | undefined {
  if (!BEGINS_ESCAPE.test(text)) return undefined;
  const starts: number[] = [];
  let read = "";
  let done = 0;
  for (const match of text.matchAll(ESCAPE)) {
    const [sequence, percent, unicode, hex, hexEntity, entity, quoted, named, octal] = match;
    for (let at = done; at < match.index; at++) starts.push(at);
    read += text.slice(done, match.index);
    const code = percent ?? unicode ?? hex ?? hexEntity;
    starts.push(match.index);
    if (quoted !== undefined) read += quoted;
    else if (named !== undefined) read += ENTITIES.get(named.toLowerCase()) ?? sequence;
    else if (code !== undefined) read += String.fromCharCode(Number.parseInt(code, 16));
    else if (octal !== undefined) read += String.fromCharCode(Number.parseInt(octal, 8));
    else read += entity === undefined ? " " : String.fromCharCode(Number(entity)); // an escaped line break is a gap
    done = match.index + sequence.length;
  }
  if (done === 0) return undefined;
  for (let at = done; at <= text.length; at++) starts.push(at);
  const startOf = (index: number) => starts[index] ?? text.length;
  return {
    text: read + text.slice(done),
    places: (index) => places(startOf(index)),
    ends: (index) => ends(startOf(index)),
  };
}

/** The bytes of a text as decimal numbers: a buffer in JSON, or printed as an array. */
const DECIMAL_LIST = /(?:\d{1,3}[\s,]+){7,}\d{1,3}/g;
/** The bytes of a text as pairs of hexadecimal digits with separators, as dumps and fingerprints have them. */
const HEX_LIST = /(?:(?:0x)?[\da-f]{2}[\s,:-]+){7,}(?:0x)?[\da-f]{2}/gi;

/** Bytes in a name, which has neither white space nor commas. It begins with a separator: most names have few. */
const BYTES_IN_NAME = /[:-](?:[\da-fA-FxX]{2,4}[:-]+){6}/;

/** Returns whether a name may have a list of bytes. */
export function hasBytesInName(name: string): boolean {
  return BYTES_IN_NAME.test(name);
}

/** Returns the readings of a text with its lists of bytes as characters, by each kind of list that it has. */
export function withoutByteLists(reading: Reading): readonly Reading[] {
  return [bytesRead(reading, DECIMAL_LIST, /\d+/g, 10), bytesRead(reading, HEX_LIST, /[\da-f]{2}(?!x)/gi, 16)].filter(
    (read) => read !== undefined,
  );
}

function bytesRead({ text, places, ends }: Reading, list: RegExp, byte: RegExp, radix: number): Reading | undefined {
  const starts: number[] = [];
  const stops: number[] = [];
  let read = "";
  let done = 0;
  const copy = (to: number): void => {
    read += text.slice(done, to);
    for (; done < to; done++) {
      starts.push(done);
      stops.push(done + 1);
    }
  };
  for (const { 0: run, index } of text.matchAll(list)) {
    copy(index);
    for (const { 0: digits, index: at } of run.matchAll(byte)) {
      read += String.fromCharCode(Number.parseInt(digits, radix));
      starts.push(index + at);
      stops.push(index + at + digits.length);
    }
    done = index + run.length;
  }
  if (starts.length === 0) return undefined;
  copy(text.length);
  const startOf = (index: number) => starts[index] ?? text.length;
  return { text: read, places: (index) => places(startOf(index)), ends: (index) => ends(stops[index - 1] ?? 0) };
}
