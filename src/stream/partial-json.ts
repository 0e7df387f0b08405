/**
 * JSON that is still being written: one state machine, which reads every character once, at any size of the pieces. It
 * is one file, since all its states share the open containers.
 */

import { exactNumber, parseExact } from "../platform/exact-json.ts";
import { isFirstHalf } from "../platform/surrogates.ts";
import { isNumberCharacter, isNumberEnd, type NumberPart, nextNumberPart } from "./json-number.ts";

type MutableObject = Record<string, unknown>;
type Container = unknown[] | MutableObject;

/** The kinds of character that may come next. */
const VALUE = 0;
const FIRST_ELEMENT = 1;
const FIRST_KEY = 2;
const KEY = 3;
const COLON = 4;
const AFTER_VALUE = 5;
const STRING = 6;
const NUMBER = 7;
const WORD = 8;
const END = 9;

const QUOTE = 34;
const BACKSLASH = 92;
const COMMA = 44;
const OPEN_BRACKET = 91;
const CLOSE_BRACKET = 93;
const OPEN_BRACE = 123;
const CLOSE_BRACE = 125;
const ZERO = 48;
const NINE = 57;
const MINUS = 45;
const POINT = 46;

const WORDS: Readonly<Record<string, { readonly text: string; readonly value: boolean | null }>> = {
  t: { text: "true", value: true },
  f: { text: "false", value: false },
  n: { text: "null", value: null },
};

const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  "\\": "\\",
  "/": "/",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
};

const HEXADECIMAL = /^[0-9a-fA-F]$/;

/**
 * Powers of ten that a division by is exact for: with a mantissa below 2^53 the quotient is the nearest number there
 * is.
 */
const EXACT_POWERS = [1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];
const EXACT_DIGITS = 15;

/**
 * Values that are nested deeper are shown once they are closed: the cost of a view grows with the depth of the open
 * containers.
 */
const SHOWN_DEPTH = 256;

/** Open containers with more members than this are copied only when enough has come since the last copy. */
const MAX_COPIED_ALWAYS = 256;
/** How many members a view may copy for each character that has come since the last one. */
const COPIED_PER_CHARACTER = 4;

/**
 * Reads one JSON document piece by piece. `value` is the partial value, at any time; `end()` returns the same as
 * `JSON.parse` of the complete text.
 *
 * Everything that `value` shows is certain: the finished document has these fields, elements and beginnings of strings
 * (unless a key comes twice: then, as in `JSON.parse`, the last counts). A string grows, without half an emoji or half
 * an escape at its end; a number, `true`, `false` or `null` appears once it is complete; a key is shown
 * once its value has begun. A returned `value` does not change: open containers are copied for each view, closed ones
 * are shared by all, so do not write into them. Values nested deeper than 256 levels are shown once they are closed.
 * While the open containers have more than 256 members together, a view may lag: there is a new one for every fourth of
 * a character for each member, so that looking at every piece costs in proportion to the text.
 *
 * @example
 * ```ts
 * import { PartialJson } from "cloudllm";
 *
 * const json = new PartialJson();
 * json.push('{"title":"Wint');
 * console.log(json.value); // { title: "Wint" }
 * json.push('er","year":19');
 * console.log(json.value); // { title: "Winter" }
 * json.push("99}");
 * console.log(json.end()); // { title: "Winter", year: 1999 }
 * ```
 */
export class PartialJson {
  #state = VALUE;
  /** Arrived, but not read yet: pieces between two looks cost next to nothing. */
  #unread = "";
  /** Characters that were read before, for error messages. */
  #offset = 0;
  /** The innermost open container, and the key under which it, if it is an object, will hold what is being written. */
  #container: Container | undefined;
  #isArray = false;
  #key = "";
  /** The open containers around it from the outside in, each with such a key. */
  readonly #outer: Container[] = [];
  readonly #outerKeys: string[] = [];
  /** How many members the open containers have: that of the innermost one, those around it, and of all. */
  #members = 0;
  readonly #outerMembers: number[] = [];
  #openMembers = 0;
  #root: unknown;
  /** The partial string or number that is being read. */
  #text = "";
  /**
   * The first half of a character at its end, kept apart until its second half arrives. To cut it from a string that is
   * a sum of pieces would copy the string.
   */
  #half = "";
  /** The partial escape, from its backslash on. */
  #escape = "";
  #readsKey = false;
  #numberPart: NumberPart = "start";
  #word: (typeof WORDS)[string] | undefined;
  #error: SyntaxError | undefined;
  #changed = false;
  #view: unknown;
  /** The end was asked for. */
  #isOver = false;
  /** How many characters had come when the view was made. */
  #viewedAt = 0;

  readonly #toNumber: (token: string) => number | string;
  readonly #parse: (json: string) => unknown;

  /**
   * `exact`: whether integers that a double cannot hold become strings of their digits, as in `ToolCall.arguments`;
   * default: false.
   */
  constructor(options: { readonly exact?: boolean | undefined } = {}) {
    const { exact = false } = options ?? {};
    this.#toNumber = exact ? exactNumber : Number;
    this.#parse = exact ? parseExact : JSON.parse;
  }

  /** Takes the next piece. Its fault shows in `error`, and in `end()`. */
  push(text: string): void {
    this.#unread += text;
  }

  /**
   * Returns the partial value, up to a mistake if there is one; `undefined` before the first value begins. The same
   * object as long as nothing changes.
   */
  get value(): unknown {
    this.#read();
    if (this.#changed && this.#mayCopy()) {
      this.#changed = false;
      this.#viewedAt = this.#offset;
      this.#view = this.#look();
    }
    return this.#view;
  }

  /** Returns whether enough has come for another copy of the open containers; also when nothing more can come. */
  #mayCopy(): boolean {
    const members = this.#openMembers;
    if (members <= MAX_COPIED_ALWAYS || this.#isOver || this.#error) return true;
    return (this.#offset - this.#viewedAt) * COPIED_PER_CHARACTER >= members;
  }

  /** Returns the fault, once no JSON document begins with the text so far. */
  get error(): SyntaxError | undefined {
    this.#read();
    return this.#error;
  }

  /**
   * Returns the complete value.
   * @throws {SyntaxError} when the text is not a JSON document, or only a part of one
   */
  end(): unknown {
    this.#isOver = true;
    if (this.#offset === 0) this.#readComplete();
    this.#read();
    if (this.#error) throw this.#error;
    if (this.#state === NUMBER && !this.#container && isNumberEnd(this.#numberPart))
      this.#close(this.#toNumber(this.#text));
    if (this.#state !== END) throw new SyntaxError(`The JSON ends too early, after ${this.#offset} characters.`);
    return this.#root;
  }

  /** Parses a text of which no view was taken. A text with a mistake is read below, which reports its position. */
  #readComplete(): void {
    const text = this.#unread;
    try {
      this.#root = this.#parse(text);
    } catch {
      return;
    }
    this.#unread = "";
    this.#offset = text.length;
    this.#state = END;
    this.#changed = true;
  }

  #read(): void {
    const text = this.#unread;
    if (text === "") return;
    this.#unread = "";
    if (this.#error) return;
    try {
      this.#readOn(text);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      this.#error = error;
    }
    this.#offset += text.length;
  }

  #readOn(text: string): void {
    const { length } = text;
    let at = 0;
    while (at < length) {
      switch (this.#state) {
        case STRING:
          at = this.#readString(text, at);
          break;
        case NUMBER:
          at = this.#readNumber(text, at);
          break;
        case WORD:
          at = this.#readWord(text, at);
          break;
        default:
          at = this.#readToken(text, at);
      }
    }
  }

  /** Blanks and one character, or a complete string or number where it ends within the piece. */
  #readToken(text: string, start: number): number {
    let at = start;
    let code = text.charCodeAt(at);
    while (code === 32 || code === 10 || code === 13 || code === 9) code = text.charCodeAt(++at);
    if (at >= text.length) return at;
    const state = this.#state;
    switch (code) {
      case QUOTE:
        if (state === VALUE || state === FIRST_ELEMENT) this.#readsKey = false;
        else if (state === KEY || state === FIRST_KEY) this.#readsKey = true;
        else this.#fail(text, at);
        this.#text = "";
        this.#half = "";
        this.#state = STRING;
        if (!this.#readsKey) this.#changed = true;
        return this.#readString(text, at + 1);
      case OPEN_BRACE:
      case OPEN_BRACKET:
        if (state !== VALUE && state !== FIRST_ELEMENT) this.#fail(text, at);
        this.#openContainer(code === OPEN_BRACKET);
        return at + 1;
      case CLOSE_BRACE:
      case CLOSE_BRACKET: {
        const isObject = code === CLOSE_BRACE;
        const canClose = state === AFTER_VALUE || state === (isObject ? FIRST_KEY : FIRST_ELEMENT);
        if (!canClose || this.#isArray === isObject) this.#fail(text, at);
        this.#closeContainer();
        return at + 1;
      }
      case COMMA:
        if (state !== AFTER_VALUE) this.#fail(text, at);
        this.#state = this.#isArray ? VALUE : KEY;
        return at + 1;
      case 58: // a colon
        if (state !== COLON) this.#fail(text, at);
        this.#state = VALUE;
        return at + 1;
    }
    if (state !== VALUE && state !== FIRST_ELEMENT) this.#fail(text, at);
    if (code === MINUS || (code >= ZERO && code <= NINE)) {
      this.#text = "";
      this.#numberPart = "start";
      this.#state = NUMBER;
      return this.#readNumber(text, at);
    }
    this.#word = WORDS[text.charAt(at)];
    if (!this.#word) this.#fail(text, at);
    this.#text = "";
    this.#state = WORD;
    return at;
  }

  #readString(text: string, start: number): number {
    const { length } = text;
    const before = this.#text.length;
    let at = this.#escape === "" ? start : this.#readEscape(text, start);
    let built = this.#text;
    while (at < length && this.#escape === "") {
      const from = at;
      let code = 0;
      while (at < length) {
        code = text.charCodeAt(at);
        if (code === QUOTE || code === BACKSLASH || code < 32) break;
        at++;
      }
      if (at > from) {
        if (this.#half !== "") {
          built += this.#half;
          this.#half = "";
        }
        // Half a character at the end of the piece waits for the other half.
        const end = at === length && isFirstHalf(text.charCodeAt(at - 1)) ? at - 1 : at;
        built = built === "" ? text.slice(from, end) : built + text.slice(from, end);
        if (end < at) this.#half = text.charAt(end);
      }
      if (at >= length) break;
      this.#text = built;
      if (code === QUOTE) {
        this.#endString();
        return at + 1;
      }
      if (code !== BACKSLASH) this.#fail(text, at);
      const meant = ESCAPES[text.charAt(at + 1)];
      if (meant === undefined) {
        this.#escape = "\\";
        at = this.#readEscape(text, at + 1);
        built = this.#text;
      } else {
        built += this.#half + meant;
        this.#half = "";
        at += 2;
      }
    }
    this.#text = built;
    if (built.length !== before && !this.#readsKey) this.#changed = true;
    return at;
  }

  /** Continues an escape that is begun, as far as the piece goes. */
  #readEscape(text: string, start: number): number {
    let at = start;
    while (at < text.length && this.#escape !== "") {
      const character = text.charAt(at);
      if (this.#escape === "\\" && character !== "u") {
        const meant = ESCAPES[character];
        if (meant === undefined) this.#fail(text, at);
        this.#text += this.#half + meant;
        this.#half = "";
        this.#escape = "";
      } else {
        if (this.#escape !== "\\" && !HEXADECIMAL.test(character)) this.#fail(text, at);
        this.#escape += character;
        if (this.#escape.length === 6) {
          const unit = Number.parseInt(this.#escape.slice(2), 16);
          this.#text += this.#half;
          this.#half = "";
          if (isFirstHalf(unit)) this.#half = String.fromCharCode(unit);
          else this.#text += String.fromCharCode(unit);
          this.#escape = "";
        }
      }
      at++;
    }
    return at;
  }

  #endString(): void {
    if (this.#half !== "") this.#text += this.#half;
    if (this.#readsKey) {
      this.#key = this.#text;
      this.#state = COLON;
    } else this.#close(this.#text);
  }

  #readNumber(text: string, start: number): number {
    if (this.#text === "") {
      const end = this.#readPlainNumber(text, start);
      if (end > start) return end;
    }
    let at = start;
    for (; at < text.length; at++) {
      const code = text.charCodeAt(at);
      if (!isNumberCharacter(code)) break;
      const next = nextNumberPart(this.#numberPart, code);
      if (!next) this.#fail(text, at);
      this.#numberPart = next;
    }
    this.#text += text.slice(start, at);
    if (at < text.length) this.#closeNumber(text, at);
    return at;
  }

  /** Most numbers begin and end within the piece and are short: read in one go. Returns `start` for others. */
  #readPlainNumber(text: string, start: number): number {
    const { length } = text;
    const isNegative = text.charCodeAt(start) === MINUS;
    const first = isNegative ? start + 1 : start;
    let at = first;
    let mantissa = 0;
    let point = -1;
    let code = 0;
    for (; at < length; at++) {
      code = text.charCodeAt(at);
      if (code >= ZERO && code <= NINE) mantissa = mantissa * 10 + (code - ZERO);
      else if (code === POINT && point < 0 && at > first) point = at;
      else break;
    }
    const isClosed = at < length && !isNumberCharacter(code);
    const digits = at - first - (point < 0 ? 0 : 1);
    const integerDigits = (point < 0 ? at : point) - first;
    const isPadded = text.charCodeAt(first) === ZERO && integerDigits > 1;
    if (!isClosed || digits === 0 || digits > EXACT_DIGITS || point === at - 1 || isPadded) return start;
    const size = point < 0 ? mantissa : mantissa / (EXACT_POWERS[at - point - 1] ?? 1);
    this.#close(isNegative ? -size : size);
    return at;
  }

  #closeNumber(text: string, at: number): void {
    if (!isNumberEnd(this.#numberPart)) this.#fail(text, at);
    this.#close(this.#toNumber(this.#text));
  }

  #readWord(text: string, start: number): number {
    const { text: word, value } = this.#word ?? { text: "", value: null };
    let at = start;
    while (at < text.length && this.#text.length < word.length) {
      if (text.charCodeAt(at) !== word.charCodeAt(this.#text.length)) this.#fail(text, at);
      this.#text += text.charAt(at++);
    }
    if (this.#text.length === word.length) this.#close(value);
    return at;
  }

  #openContainer(isArray: boolean): void {
    if (this.#container) {
      this.#outer.push(this.#container);
      this.#outerKeys.push(this.#key);
      this.#outerMembers.push(this.#members);
    }
    this.#members = 0;
    this.#container = isArray ? [] : {};
    this.#isArray = isArray;
    this.#state = isArray ? FIRST_ELEMENT : FIRST_KEY;
    this.#changed = true;
  }

  #closeContainer(): void {
    const closed = this.#container;
    this.#container = this.#outer.pop();
    this.#key = this.#outerKeys.pop() ?? "";
    this.#openMembers -= this.#members;
    this.#members = this.#outerMembers.pop() ?? 0;
    this.#isArray = Array.isArray(this.#container);
    this.#close(closed);
  }

  /** Puts a complete value into the container around it. */
  #close(value: unknown): void {
    this.#changed = true;
    if (this.#container) {
      put(this.#container, this.#key, value);
      this.#members++;
      this.#openMembers++;
      this.#state = AFTER_VALUE;
    } else {
      this.#root = value;
      this.#state = END;
    }
  }

  /** Copies of the open containers, each holding the next, and at the end the string that is being written. */
  #look(): unknown {
    if (this.#state === END) return this.#root;
    const isText = this.#state === STRING && !this.#readsKey;
    let inner: unknown = isText ? this.#text : undefined;
    if (!this.#container) return inner;
    const depth = this.#outer.length;
    if (depth < SHOWN_DEPTH) inner = copyOf(this.#container, this.#key, inner);
    else inner = undefined;
    for (let level = Math.min(depth, SHOWN_DEPTH) - 1; level >= 0; level--)
      inner = copyOf(this.#outer[level] ?? [], this.#outerKeys[level] ?? "", inner);
    return inner;
  }

  #fail(text: string, at: number): never {
    const character = JSON.stringify(String.fromCodePoint(text.codePointAt(at) ?? 0));
    return this.#stop(`${character} at position ${this.#offset + at} does not belong there`);
  }

  #stop(why: string): never {
    throw new SyntaxError(`This is not JSON: ${why}.`);
  }
}

/** As `JSON.parse` does, `__proto__` is a key like any other. */
function put(container: Container, key: string, value: unknown): void {
  if (Array.isArray(container)) container.push(value);
  else if (key === "__proto__")
    Object.defineProperty(container, key, { value, writable: true, enumerable: true, configurable: true });
  else container[key] = value;
}

/** The same with one member more, if there is one. */
function copyOf(container: Container, key: string, added: unknown): Container {
  // At its final length at once: a `push` onto a fresh copy would copy it again.
  if (Array.isArray(container)) return added === undefined ? container.slice() : container.concat([added]);
  const copy = { ...container };
  if (added !== undefined) put(copy, key, added);
  return copy;
}
