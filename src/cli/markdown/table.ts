/** Tables: rows are held back until the widths of the columns are known. */

import { stripVTControlCharacters } from "node:util";
import { InlineWriter, Pen, STYLE } from "./inline.ts";

// A table is shown when it ends, or at this many lines; later rows follow one by one in the columns found so far.
const MAX_PENDING_ROWS = 20;

const WIDE =
  /[\p{Emoji_Presentation}\p{Script=Han}\p{Script=Hangul}\p{Script=Hiragana}\p{Script=Katakana}\u3000-\u303e\uff01-\uff60\uffe0-\uffe6]/u;

type Row = { readonly margin: string; readonly line: string };
type Layout = (line: string, index: number) => string;

/** Takes lines that start with `|` and writes them as a table, or as text if the second is not a delimiter row. */
export class TableWriter {
  readonly #pen: Pen;
  readonly #width: number;
  #pending: Row[] = [];
  #layout: Layout | undefined;

  /** `width` of the terminal, in columns. */
  constructor(pen: Pen, width: number) {
    this.#pen = pen;
    this.#width = width;
  }

  /** Takes a complete line without its newline; `margin` is the text before it. */
  add(margin: string, line: string): void {
    if (this.#layout !== undefined) {
      this.#show(margin, this.#layout(line, MAX_PENDING_ROWS));
      return;
    }
    this.#pending.push({ margin, line });
    if (this.#pending.length === 2 && !isDelimiterRow(line)) this.end();
    if (this.#pending.length === MAX_PENDING_ROWS) this.#layout = this.#showPending();
  }

  /** Shows the held rows. The next line starts another table. Does nothing without held rows. */
  end(): void {
    this.#layout = undefined;
    if (this.#pending.length > 1 && isDelimiterRow(this.#pending[1]?.line ?? "")) this.#showPending();
    for (const { margin, line } of this.#pending) this.#show(margin, paintInline(line));
    this.#pending = [];
  }

  #showPending(): Layout {
    const indent = Math.max(...this.#pending.map((row) => row.margin.length));
    const layout = layoutOf(
      this.#pending.map((row) => row.line),
      this.#width - indent,
    );
    this.#pending.forEach(({ margin, line }, index) => {
      this.#show(margin, layout(line, index));
    });
    this.#pending = [];
    return layout;
  }

  #show(margin: string, painted: string): void {
    this.#pen.margin(margin);
    this.#pen.write(`${painted}\n`);
  }
}

/**
 * Fits columns to the lines (header, delimiter row, body) and returns what lays out a line, given its index. When the
 * columns need more than `room`, cells are not padded and the terminal wraps the lines.
 */
function layoutOf(lines: readonly string[], room: number): Layout {
  const widths: number[] = [];
  lines.forEach((line, index) => {
    if (index === 1) return;
    cellsOf(line).forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, columnsOf(paintCell(cell, index)));
    });
  });
  const fits = widths.reduce((sum, width) => sum + width + 3, -3) <= room;
  const delimiters = cellsOf(lines[1] ?? "");

  return (line, index) => {
    if (index === 1) {
      return dim(fits ? widths.map((width) => "─".repeat(width)).join("─┼─") : "─".repeat(Math.max(room, 3)));
    }
    const cells = cellsOf(line).map((cell, column, { length }) => {
      const painted = paintCell(cell, index);
      const gap = fits ? Math.max((widths[column] ?? 0) - columnsOf(painted), 0) : 0;
      const delimiter = delimiters[column] ?? "";
      const share = !delimiter.endsWith(":") ? 0 : delimiter.startsWith(":") ? 0.5 : 1;
      const before = Math.floor(gap * share);
      return " ".repeat(before) + painted + (column === length - 1 ? "" : " ".repeat(gap - before));
    });
    return cells.join(dim(" │ "));
  };
}

/** Returns true for the second line of a table, as in `| --- | :-: |`. */
function isDelimiterRow(line: string): boolean {
  return cellsOf(line).every((cell) => /^:?-+:?$/.test(cell));
}

/** `| a | b \| c |` is `a` and `b | c`: a row is split before anything else in it is read. */
function cellsOf(line: string): string[] {
  const inner = line
    .trim()
    .replace(/^\|/, "")
    .replace(/(?<!\\)\|$/, "");
  return inner.split(/(?<!\\)\|/).map((cell) => cell.replaceAll("\\|", "|").replaceAll("\t", " ").trim());
}

function paintCell(cell: string, index: number): string {
  return paintInline(cell, index === 0 ? STYLE.bold : "");
}

function paintInline(text: string, base = ""): string {
  const pen = new Pen();
  const inline = new InlineWriter(pen);
  inline.begin(base);
  for (const char of text) inline.push(char);
  inline.settle("");
  pen.reset();
  return pen.take();
}

function dim(text: string): string {
  return `\x1b[${STYLE.dim}m${text}\x1b[0m`;
}

/** Terminal columns of a text: two for East Asian wide characters and emoji, none for combining marks. */
export function columnsOf(painted: string): number {
  let columns = 0;
  for (const char of stripVTControlCharacters(painted)) {
    if (!/[\p{Mn}\p{Me}\p{Cf}]/u.test(char)) columns += WIDE.test(char) ? 2 : 1;
  }
  return columns;
}
