/**
 * A state machine for Markdown in the terminal, as it arrives: headings, lists, quotes, code blocks, rules, tables.
 * `inline.ts` reads the text of a line. Output is append-only: text is written once its meaning is clear, and stays.
 *
 * Everything is decided character by character, so the result does not depend on how the stream was cut.
 */

import { InlineWriter, MAX_PENDING, Pen, STYLE } from "./inline.ts";
import { TableWriter } from "./table.ts";

/** Turns Markdown into terminal text, piece by piece. */
export interface MarkdownRenderer {
  /** Takes the next piece and returns what can be shown now. */
  push(text: string): string;
  /** Returns what was still held back and ends every style. Adds no newline that the text does not have. */
  end(): string;
}

/**
 * Starts a renderer for one answer. With `color` it writes ANSI styles; without, the Markdown source as it is. In both
 * cases the text is made inert by `printable`. `width` is that of the terminal in columns, default 80; only tables and
 * rules use it, lines are wrapped by the terminal.
 */
export function createMarkdownRenderer(options: { color: boolean; width?: number }): MarkdownRenderer {
  const blocks = options.color ? new BlockWriter(options.width ?? 80) : undefined;
  let half = ""; // of a surrogate pair: written alone it would become U+FFFD
  return {
    push(text) {
      const all = half + text;
      half = /[\ud800-\udbff]$/.exec(all)?.[0] ?? "";
      const safe = printable(half === "" ? all : all.slice(0, -1));
      return blocks === undefined ? safe : blocks.push(safe);
    },
    end() {
      const rest = half;
      half = "";
      return blocks === undefined ? rest : blocks.push(rest) + blocks.end();
    },
  };
}

/**
 * Text from elsewhere, made unable to drive the terminal. Control characters (C0, DEL, C1) other than newline and tab,
 * and characters that override the writing direction, become visible signs: ESC is ␛. CR is dropped, so CR LF is LF.
 * Works character by character: pieces of a stream may be passed one at a time.
 * @see https://trojansource.codes for the direction overrides
 */
export function printable(text: string): string {
  return text.replace(/(?![\n\t])[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu, (char) => {
    if (char === "\r") return "";
    if (char < " ") return String.fromCharCode(0x2400 + char.charCodeAt(0));
    return char === "\x7f" ? "␡" : "\ufffd";
  });
}

// A table row is laid out whole; a longer line is text.
const MAX_ROW = 4_000;
const MAX_RULE = 80;

type BlockState =
  | "indent" // at the start of a line, after blanks, quote bars and list markers
  | "hashes" // of a heading
  | "bullet" // - * + _ and blanks: a list item, a rule, or emphasis
  | "number" // of a list item
  | "fence" // ``` or ~~~
  | "info" // after the fence
  | "row" // of a table
  | "text"
  | "codeIndent" // at the start of a line inside a code block
  | "codeFence" // a fence inside a code block, which may close it
  | "code";

interface Fence {
  readonly mark: string;
  readonly length: number;
  readonly indent: number;
  readonly quotes: number;
}

const isBlank = (char: string): boolean => char === " " || char === "\t";

/** Reads one character (code point) at a time; while a line may still be several things, its start is held back. */
class BlockWriter {
  readonly #pen = new Pen();
  readonly #inline = new InlineWriter(this.#pen);
  readonly #table: TableWriter;
  readonly #width: number;
  #state: BlockState = "indent";
  #margin = ""; // of this line, as it will be shown: quote bars, bullets, numbers
  #pending = ""; // of this line, after the margin
  #quotes = 0; // bars on this line
  #quotesAbove = 0; // bars on the line before
  #afterBar = false;
  #textAbove = false; // the line before was text, which this line may continue
  #fence: Fence | undefined;
  #atLineStart = true;

  constructor(width: number) {
    this.#table = new TableWriter(this.#pen, width);
    this.#width = width;
  }

  push(text: string): string {
    for (const char of text) this.#read(char);
    if (text !== "") this.#atLineStart = text.endsWith("\n");
    return this.#pen.take();
  }

  end(): string {
    if (this.#atLineStart) {
      this.#table.end();
      return this.#pen.take();
    }
    // The end decides what a line is, as its newline would; only the newline itself is not the text's.
    if (this.#state === "text") this.#inline.settle("");
    this.#read("\n");
    this.#table.end();
    this.#atLineStart = true;
    return this.#pen.take().slice(0, -1);
  }

  #read(char: string): void {
    if (this.#afterBar) {
      this.#afterBar = false;
      if (char === " ") return;
    }
    switch (this.#state) {
      case "indent":
        this.#indent(char);
        break;
      case "hashes":
        if (char === "#" && this.#pending.trim().length < 6) this.#wait(char);
        else if (isBlank(char) || char === "\n") this.#heading(char);
        else this.#text(char);
        break;
      case "bullet":
        if ((isBlank(char) || char === this.#pending.trim()[0]) && this.#hasRoom()) this.#wait(char);
        else this.#bullet(char);
        break;
      case "number":
        this.#number(char);
        break;
      case "fence":
        if (char === this.#pending.at(-1) && this.#hasRoom()) this.#wait(char);
        else if (/(```|~~~)$/.test(this.#pending)) this.#info(char);
        else this.#text(char);
        break;
      case "info":
        this.#info(char);
        break;
      case "row":
        if (char === "\n") this.#row();
        else if (this.#pending.length < MAX_ROW) this.#wait(char);
        else this.#text(char);
        break;
      case "text":
        if (char !== "\n") this.#inline.push(char);
        else {
          this.#inline.settle(char);
          this.#endLine();
        }
        break;
      case "codeIndent":
        this.#codeIndent(char);
        break;
      case "codeFence":
        if (char === "\n") this.#codeFence();
        else if ((isBlank(char) || char === this.#fence?.mark) && this.#hasRoom()) this.#wait(char);
        else this.#code(char);
        break;
      case "code":
        if (char === "\n") this.#endLine();
        else this.#pen.write(char, STYLE.code);
        break;
    }
  }

  #wait(char: string, state: BlockState = this.#state): void {
    this.#pending += char;
    this.#state = state;
  }

  #hasRoom(): boolean {
    return this.#pending.length < MAX_PENDING;
  }

  #indent(char: string): void {
    if (char === "\n") {
      this.#startBlock();
      this.#endLine();
    } else if (isBlank(char) && this.#hasRoom()) this.#wait(char);
    else if (char === ">") this.#bar();
    else if (char === "#") this.#wait(char, "hashes");
    else if ("-*+_".includes(char)) this.#wait(char, "bullet");
    else if (/[0-9]/.test(char)) this.#wait(char, "number");
    else if (char === "`" || char === "~") this.#wait(char, "fence");
    else if (char === "|") this.#wait(char, "row");
    else this.#text(char);
  }

  #bar(): void {
    this.#margin += `${this.#pending}│ `;
    this.#pending = "";
    this.#quotes += 1;
    this.#afterBar = true;
    if (this.#quotes > this.#quotesAbove) this.#textAbove = false;
  }

  #heading(char: string): void {
    const level = this.#pending.trim().length;
    this.#startBlock();
    this.#inline.begin(level <= 2 ? `${STYLE.bold};${STYLE.underline}` : STYLE.bold);
    this.#state = "text";
    if (char === "\n") this.#read(char);
  }

  #bullet(char: string): void {
    const marks = this.#pending.replaceAll(/[ \t]/g, "");
    // Adjacent bullets, all at once: reading the rest again for each of them would not be linear.
    const [, items = "", rest = ""] = /^([ \t]*(?:[-*+][ \t]+)+)(.*)$/.exec(this.#pending) ?? [];
    if (char === "\n" && marks.length >= 3 && !marks.startsWith("+")) {
      this.#startBlock();
      this.#pen.write("─".repeat(Math.max(3, Math.min(this.#width, MAX_RULE) - this.#margin.length)), STYLE.dim);
      this.#endLine();
    } else if (items !== "") {
      this.#item(items.replaceAll(/[-*+]/g, "•"));
      for (const each of rest) this.#read(each);
      this.#read(char);
    } else if (char === "\n" && marks.length === 1 && marks !== "_") {
      this.#item(this.#pending.replace(marks, "•"));
      this.#read(char);
    } else {
      this.#text(char);
    }
  }

  #number(char: string): void {
    const isComplete = /[.)]$/.test(this.#pending);
    if (isComplete && isBlank(char)) this.#item(this.#pending + char);
    else if (!isComplete && /[0-9.)]/.test(char) && this.#pending.trim().length <= 9) this.#wait(char);
    else this.#text(char);
  }

  /** A list marker, after which any block may start. */
  #item(marker: string): void {
    this.#margin += marker;
    this.#pending = "";
    this.#textAbove = false;
    this.#state = "indent";
  }

  #info(char: string): void {
    const mark = this.#pending.trim().charAt(0);
    if (char === "\n") this.#openFence();
    else if ((char === "`" && mark === "`") || !this.#hasRoom())
      this.#text(char); // ```code``` on one line is a span
    else this.#wait(char, "info");
  }

  #openFence(): void {
    const [, indent = "", run = "", info = ""] = /^([ \t]*)(`+|~+)(.*)$/.exec(this.#pending) ?? [];
    const itemIndent = this.#margin.length - (this.#margin.lastIndexOf("│") + 1);
    this.#fence = {
      mark: run.charAt(0),
      length: run.length,
      indent: itemIndent + indent.length,
      quotes: this.#quotes,
    };
    this.#startBlock();
    this.#pen.write(indent);
    this.#pen.write(`─── ${info.trim()}`.trimEnd(), STYLE.dim);
    this.#endLine();
  }

  #codeIndent(char: string): void {
    const quotes = this.#fence?.quotes ?? 0;
    if (isBlank(char) && this.#hasRoom()) this.#wait(char);
    else if (this.#quotes < quotes && char === ">") this.#bar();
    else if (this.#quotes < quotes) {
      this.#fence = undefined; // a quote takes its code block along
      this.#state = "indent";
      this.#read(char);
    } else if (char === this.#fence?.mark) this.#wait(char, "codeFence");
    else this.#code(char);
  }

  #codeFence(): void {
    const fence = this.#fence;
    const [, indent = "", run = ""] = /^([ \t]*)(\S+)[ \t]*$/.exec(this.#pending) ?? [];
    if (fence === undefined || run.length < fence.length || indent.length > fence.indent + 3) {
      this.#code("\n");
      return;
    }
    this.#fence = undefined;
    this.#startBlock();
    this.#pen.write(indent);
    this.#pen.write("───", STYLE.dim);
    this.#endLine();
  }

  /** Treats the line as code: its held text, this character, and the rest. */
  #code(char: string): void {
    const pending = this.#pending;
    this.#startBlock();
    this.#pen.write(pending, STYLE.code);
    this.#state = "code";
    this.#read(char);
  }

  #row(): void {
    const [, indent = "", line = ""] = /^([ \t]*)(.*)$/.exec(this.#pending) ?? [];
    this.#table.add(this.#margin + indent, line);
    this.#textAbove = false;
    this.#nextLine();
  }

  /** Treats the line as text: its held text, this character, and the rest. */
  #text(char: string): void {
    const pending = this.#pending;
    const continues = this.#textAbove;
    this.#startBlock();
    if (!continues) this.#inline.begin();
    this.#textAbove = true;
    this.#state = "text";
    for (const each of pending) this.#inline.push(each);
    this.#read(char);
  }

  /** Ends the decision about a line: shows its margin, after the table that ends here. */
  #startBlock(): void {
    this.#table.end();
    this.#pen.margin(this.#margin);
    this.#pending = "";
    this.#textAbove = false;
  }

  #endLine(): void {
    this.#pen.write("\n");
    this.#nextLine();
  }

  #nextLine(): void {
    this.#state = this.#fence === undefined ? "indent" : "codeIndent";
    this.#quotesAbove = this.#quotes;
    this.#quotes = 0;
    this.#margin = "";
    this.#pending = "";
  }
}
