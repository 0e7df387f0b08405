/**
 * A state machine for Markdown inside one paragraph, as it streams: emphasis, code spans, links, escapes. `markdown.ts`
 * has the blocks.
 *
 * CommonMark decides about `*` at the closing one; a stream cannot wait for that. So a run of markers is judged only by
 * its two neighbours, and unclosed emphasis ends with its paragraph.
 */

/**
 * SGR parameters, joined by ";" where several hold. Not `util.styleText`: it wraps a finished string, and here a style
 * opens long before it closes.
 * @see https://www.ecma-international.org/publications-and-standards/standards/ecma-48/ (8.3.117)
 */
export const STYLE = { bold: "1", dim: "2", italic: "3", underline: "4", strike: "9", code: "36" } as const;

/** Longest piece of text held back while it may still be a marker, in characters. */
export const MAX_PENDING = 200;

// The target of a link has no words a reader waits for, and search redirects are long.
const MAX_TARGET = 2_000;

/** Collects styled text. Escape codes are written where the style changes, so the result ignores how text was cut. */
export class Pen {
  #out = "";
  #active = "";

  /** Unstyled text may hold finished escape codes of its own, as table cells do. */
  write(text: string, style = ""): void {
    if (text === "") return;
    if (style !== this.#active) {
      this.reset();
      if (style !== "") this.#out += `\x1b[${style}m`;
      this.#active = style;
    }
    this.#out += text;
  }

  /** Writes the start of a line: list markers as they are, quote bars dimmed. */
  margin(text: string): void {
    for (const char of text) this.write(char, char === "│" ? STYLE.dim : "");
  }

  /** Ends the style that holds. */
  reset(): void {
    if (this.#active !== "") this.#out += "\x1b[0m";
    this.#active = "";
  }

  /** Returns the text written since the last call. */
  take(): string {
    const out = this.#out;
    this.#out = "";
    return out;
  }
}

const isBlank = (char: string): boolean => char === "" || /\s/.test(char);
const isPunctuation = (char: string): boolean => /[\p{P}\p{S}]/u.test(char);
const isAsciiPunctuation = (char: string): boolean => /[!-/:-@[-`{-~]/.test(char);
const isAsciiWord = (char: string): boolean => /[A-Za-z0-9]/.test(char);

type InlineState =
  | "text"
  | "code" // inside `…`
  // In the others something is held back.
  | "run" // of * _ ~ or `, which may continue
  | "codeRun" // of backticks inside code, which may close the code
  | "identifier" // _word: emphasis, or the name _word_like_this
  | "escape" // after a backslash
  | "bang" // !, which may start an image
  | "label" // [… of a link
  | "labelEnd" // […], which is a link if ( follows
  | "target"; // [label](…

/** Writes the text of a paragraph to a pen, one character (code point) at a time. Newlines go through `settle`. */
export class InlineWriter {
  readonly #pen: Pen;
  #state: InlineState = "text";
  #pending = "";
  #previous = ""; // the character before, markers included; "" at the start
  #base = "";
  #bold = ""; // the marker that opened it, or ""
  #italic = "";
  #strike = false;
  #linked = false;
  #ticks = 0; // length of the run that opened the code span
  #labelLength = 0;
  #parentheses = 0; // open ones inside the target

  constructor(pen: Pen) {
    this.#pen = pen;
  }

  /** Starts a paragraph on top of `base` style; emphasis that is still open ends. Call it after `settle`. */
  begin(base = ""): void {
    this.#state = "text";
    this.#previous = "";
    this.#base = base;
    this.#bold = this.#italic = "";
    this.#strike = false;
  }

  push(char: string): void {
    while (!this.#absorb(char)) {
      if (!this.#holds()) {
        this.#read(char);
        return;
      }
      this.#release(char);
    }
  }

  /** Decides about all text that is held back, given the next character ("" at the end). */
  settle(next: "" | "\n"): void {
    while (this.#holds()) this.#release(next);
    if (next === "\n") this.#previous = next;
  }

  #holds(): boolean {
    return this.#state !== "text" && this.#state !== "code";
  }

  #read(char: string): void {
    if (this.#state === "code") {
      if (char === "`") this.#wait("codeRun", char);
      else this.#emit(char, STYLE.code);
    } else if (char === "\\") this.#wait("escape", char);
    else if ("*_~`".includes(char)) this.#wait("run", char);
    else if (char === "[") this.#wait("label", char);
    else if (char === "!") this.#wait("bang", char);
    else this.#emit(char);
  }

  /** Decides about what is pending, now that `next` turned out not to belong to it. Part of it may be held again. */
  #release(next: string): void {
    const pending = this.#pending;
    const state = this.#state;
    this.#pending = "";
    this.#state = "text";
    switch (state) {
      case "text":
      case "code":
        break;
      case "run":
        this.#endRun(pending, next);
        break;
      case "codeRun":
        if (pending.length === this.#ticks) break;
        this.#state = "code";
        this.#emit(pending, STYLE.code);
        break;
      case "identifier":
        this.#endIdentifier(pending);
        break;
      case "escape": // before a newline it is a hard line break, which the newline already is
        if (next !== "\n") this.#emit(pending);
        break;
      case "bang":
        this.#emit(pending);
        break;
      case "label":
      case "labelEnd":
      case "target":
        this.#unlink(pending);
        break;
    }
  }

  #wait(state: InlineState, char: string): void {
    this.#state = state;
    this.#pending = char;
  }

  /** Takes the character into what is pending, if it can belong there. */
  #absorb(char: string): boolean {
    const escaped = this.#pending.endsWith("\\");
    switch (this.#state) {
      case "text":
      case "code":
        return false;
      case "run":
      case "codeRun":
        if (char !== this.#pending[0] || this.#pending.length >= MAX_PENDING) return false;
        break;
      case "identifier":
        if (!(isAsciiWord(char) || char === "_") || this.#pending.length >= MAX_PENDING) return false;
        break;
      case "escape":
        if (!isAsciiPunctuation(char)) return false;
        this.#state = "text";
        this.#pending = "";
        this.#emit(char);
        return true;
      case "bang":
        if (char !== "[") return false;
        this.#state = "label";
        break;
      case "label":
        // A link does not contain a link, so a second bracket starts again. That also keeps replaying linear.
        if ((char === "[" && !escaped) || this.#pending.length >= MAX_PENDING) return false;
        if (char === "]" && !escaped) {
          this.#labelLength = this.#pending.length;
          this.#state = "labelEnd";
        }
        break;
      case "labelEnd":
        if (char !== "(") return false;
        this.#parentheses = 0;
        this.#state = "target";
        break;
      case "target":
        if (char === "[" || this.#pending.length >= MAX_TARGET) return false;
        if (char === ")" && this.#parentheses === 0) {
          this.#link(`${this.#pending})`);
          return true;
        }
        if (char === "(") this.#parentheses += 1;
        if (char === ")") this.#parentheses -= 1;
        break;
    }
    this.#pending += char;
    return true;
  }

  #emit(text: string, style = ""): void {
    if (text === "") return;
    const styles = [this.#base, this.#bold && STYLE.bold, this.#italic && STYLE.italic, this.#strike && STYLE.strike];
    this.#pen.write(text, [...styles, this.#linked && STYLE.underline, style].filter(Boolean).join(";"));
    this.#previous = text.length === 1 ? text : (Array.from(text).at(-1) ?? "");
  }

  #endRun(run: string, next: string): void {
    const mark = run.charAt(0);
    if (mark === "`" && !["", "\n"].includes(next) && run.length < MAX_PENDING) {
      this.#ticks = run.length;
      this.#state = "code";
    } else if (mark === "~" && run.length === 2 && this.#strike && !isBlank(this.#previous)) {
      this.#strike = false;
    } else if (mark === "~" && run.length === 2 && !this.#strike && !isBlank(next)) {
      this.#strike = true;
    } else if ((mark === "*" || mark === "_") && run.length <= 3) {
      this.#emphasis(mark, run.length, next);
    } else {
      this.#emit(run);
    }
    this.#previous = mark;
  }

  #emphasis(mark: string, length: number, next: string): void {
    const opens = this.#canOpen(mark, next);
    let left = length;
    if (this.#canClose(mark, next)) {
      if (left >= 2 && this.#bold === mark) {
        this.#bold = "";
        left -= 2;
      }
      if (left > 0 && this.#italic === mark && !(left === 2 && opens)) {
        this.#italic = "";
        left -= 1;
      }
    }
    if (!opens) this.#emit(mark.repeat(left));
    else if (mark === "_" && left === length && isAsciiWord(next)) this.#wait("identifier", mark.repeat(left));
    else this.#open(mark, left);
  }

  #open(mark: string, length: number): void {
    let left = length;
    if (left >= 2 && this.#bold === "") {
      this.#bold = mark;
      left -= 2;
    }
    if (left === 1 && this.#italic === "") {
      this.#italic = mark;
      left = 0;
    }
    this.#emit(mark.repeat(left));
  }

  // CommonMark's flanking rules (https://spec.commonmark.org/0.31.2/#left-flanking-delimiter-run), narrowed where they
  // are wrong without a look at the closing marker: 2*3*4, and _ anywhere but at the start of a word (URLs, paths).
  // Wider for scripts without spaces: 这是**“重点”**.
  #canOpen(mark: string, next: string): boolean {
    const before = this.#previous;
    if (isBlank(next)) return false;
    if (mark === "_") return isBlank(before) || /[\p{Ps}\p{Pi}"'*~—–]/u.test(before);
    if (isAsciiWord(before)) return !isAsciiWord(next) && !isPunctuation(next);
    return !isPunctuation(next) || isBlank(before) || isPunctuation(before) || /[\p{Ps}\p{Pi}]/u.test(next);
  }

  // Wider than CommonMark for *, which leaves **重点：**内容 open: what follows the closing marker does not matter.
  #canClose(mark: string, next: string): boolean {
    if (isBlank(this.#previous)) return false;
    return mark === "*" || isBlank(next) || isPunctuation(next);
  }

  #endIdentifier(pending: string): void {
    const word = pending.replace(/^_+/, "");
    if (/_[A-Za-z0-9]/.test(word)) {
      this.#emit(pending);
      return;
    }
    this.#open("_", pending.length - word.length);
    this.#previous = "_";
    for (const char of word) this.push(char);
  }

  #link(pending: string): void {
    const open = pending.startsWith("!") ? 2 : 1;
    const label = pending.slice(open, this.#labelLength);
    const target = pending.slice(this.#labelLength + 2, -1);
    this.#pending = "";
    this.#state = "text";
    if (!/^\s*\S*(\s+(["'(].*)?)?$/.test(target)) {
      this.#unlink(pending); // words in parentheses, not a target and a title
      return;
    }
    const [bold, italic, strike] = [this.#bold, this.#italic, this.#strike];
    this.#linked = true;
    this.#previous = "[";
    for (const char of label) this.push(char);
    this.settle("");
    this.#linked = false;
    [this.#bold, this.#italic, this.#strike, this.#state] = [bold, italic, strike, "text"];
    if (target !== "" && target !== label) this.#pen.write(`${label === "" ? "" : " "}(${target})`, STYLE.dim);
    this.#previous = ")";
  }

  /** Treats brackets that are not a link as text, and reads the text between them as usual. */
  #unlink(pending: string): void {
    const open = pending.startsWith("!") ? 2 : 1;
    this.#emit(pending.slice(0, open));
    for (const char of pending.slice(open)) this.push(char);
  }
}
