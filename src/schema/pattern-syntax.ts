/** Reads a regular expression into a tree: its structure, not the meaning of each character class. */

export type PatternNode =
  /** One character, as the source of an expression for it alone. */
  | { readonly type: "character"; readonly source: string }
  | { readonly type: "start" | "end" | "boundary" | "noBoundary" }
  | { readonly type: "look"; readonly isAhead: boolean; readonly isNegated: boolean; readonly part: PatternNode }
  | { readonly type: "sequence" | "alternatives"; readonly parts: readonly PatternNode[] }
  | { readonly type: "repetition"; readonly min: number; readonly max: number; readonly part: PatternNode };

/**
 * Returns the tree of a regular expression that the engine has accepted. Returns `undefined` for one with parts that
 * only backtracking can match: references back to a group, and groups with flags of their own.
 */
export function patternTree(source: string, isUnicode: boolean): PatternNode | undefined {
  try {
    return new PatternReader(source, isUnicode).read();
  } catch (error) {
    if (error instanceof OnlyByBacktracking) return undefined;
    throw error;
  }
}

class OnlyByBacktracking extends Error {}

/** `*`, `+`, `?`, `{2}`, `{2,}`, `{2,3}`, each possibly lazy, which does not change whether there is a match. */
const QUANTIFIER = /(?:([*+?])|\{(\d+)(?:(,)(\d*))?\})\??/y;

/** Escapes of one character each; the rest are a backslash and what follows it. */
const UNICODE_ESCAPE = /\\(?:u[dD][89abAB][\dA-Fa-f]{2}\\u[dD][c-fC-F][\dA-Fa-f]{2}|u\{[^}]*\}|[pP]\{[^}]*\})/y;
const ESCAPE = /\\(?:u[\dA-Fa-f]{4}|x[\dA-Fa-f]{2}|c[A-Za-z]|0(?!\d))/y;

class PatternReader {
  readonly #source: string;
  readonly #isUnicode: boolean;
  #at = 0;

  constructor(source: string, isUnicode: boolean) {
    this.#source = source;
    this.#isUnicode = isUnicode;
  }

  read(): PatternNode {
    const parts = [this.#sequence()];
    while (this.#took("|")) parts.push(this.#sequence());
    const [only] = parts;
    return only && parts.length === 1 ? only : { type: "alternatives", parts };
  }

  #sequence(): PatternNode {
    const parts: PatternNode[] = [];
    while (this.#at < this.#source.length && !"|)".includes(this.#source.charAt(this.#at)))
      parts.push(this.#repeated(this.#part()));
    return { type: "sequence", parts };
  }

  #repeated(part: PatternNode): PatternNode {
    const found = this.#match(QUANTIFIER);
    if (!found) return part;
    const [, sign, least, comma, most] = found;
    if (sign !== undefined)
      return { type: "repetition", min: sign === "+" ? 1 : 0, max: sign === "?" ? 1 : Number.POSITIVE_INFINITY, part };
    const min = Number(least);
    const max = comma === undefined ? min : most ? Number(most) : Number.POSITIVE_INFINITY;
    return { type: "repetition", min, max, part };
  }

  #part(): PatternNode {
    if (this.#took("^")) return { type: "start" };
    if (this.#took("$")) return { type: "end" };
    if (this.#took("(")) return this.#group();
    if (this.#took("\\b")) return { type: "boundary" };
    if (this.#took("\\B")) return { type: "noBoundary" };
    const from = this.#at;
    if (this.#source.startsWith("[", from)) this.#skipClass();
    else this.#skipCharacter();
    return { type: "character", source: this.#source.slice(from, this.#at) };
  }

  #group(): PatternNode {
    const [sign = ""] = this.#match(/\?(?:<?[=!]|:|<[^>]*>)/y) ?? [];
    if (sign === "" && this.#source.startsWith("?", this.#at)) throw new OnlyByBacktracking();
    const part = this.read();
    this.#took(")");
    if (!/[=!]$/.test(sign)) return part;
    return { type: "look", isAhead: !sign.includes("<"), isNegated: sign.endsWith("!"), part };
  }

  #skipClass(): void {
    for (this.#at++; !this.#source.startsWith("]", this.#at); this.#at++)
      if (this.#source.startsWith("\\", this.#at)) this.#at++;
    this.#at++;
  }

  #skipCharacter(): void {
    if (!this.#source.startsWith("\\", this.#at)) {
      this.#at += this.#isUnicode && (this.#source.codePointAt(this.#at) ?? 0) > 0xffff ? 2 : 1;
      return;
    }
    if ((this.#isUnicode && this.#match(UNICODE_ESCAPE)) || this.#match(ESCAPE)) return;
    if (/[k\d]/.test(this.#source.charAt(this.#at + 1))) throw new OnlyByBacktracking();
    this.#at += 2;
  }

  #took(text: string): boolean {
    const isThere = this.#source.startsWith(text, this.#at);
    if (isThere) this.#at += text.length;
    return isThere;
  }

  #match(expression: RegExp): RegExpExecArray | null {
    expression.lastIndex = this.#at;
    const found = expression.exec(this.#source);
    if (found) this.#at = expression.lastIndex;
    return found;
  }
}
