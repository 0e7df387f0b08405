/**
 * `node scripts/wrap.mjs [--check] [FILE …]`: wraps the prose of Markdown documents at 120 columns. Code blocks, tables, headings and
 * comments stay as they are. Without files it takes every document of the repository. `--check` writes nothing: it lists the
 * documents that would change, and fails when there is one.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./setup.mjs";

const MAX_COLUMNS = 120;

/** The mark of a list item with its indentation, and its text. */
const ITEM = /^(\s*(?:[-*+]|\d+\.)\s+)(.*)$/;
/** Lines that are no prose: headings, tables, comments, HTML, images of a paragraph's width. */
const FIXED = /^\s*(?:#|\||<|$)/;
/** What would start a list, a heading or a quotation at the beginning of a line. */
const MARK = /^(?:[-*+>]|#+|\d+[.)])$/;

const args = process.argv.slice(2);
const names = args.filter((arg) => arg !== "--check");
const changed = (names.length > 0 ? names : documents()).filter((name) => {
  const file = join(root, name);
  const text = readFileSync(file, "utf8");
  const wrapped = wrap(text);
  if (wrapped !== text && !args.includes("--check")) writeFileSync(file, wrapped);
  return wrapped !== text;
});
if (args.includes("--check") && changed.length > 0) {
  console.error(`Not wrapped at ${MAX_COLUMNS} columns: ${changed.join(", ")}. \`node scripts/wrap.mjs\` wraps them.`);
  process.exitCode = 1;
}

/** Every document of the repository. */
function documents() {
  const isDocument = (name) => name.endsWith(".md");
  return [
    ...readdirSync(root).filter(isDocument),
    ...readdirSync(join(root, "docs"))
      .filter(isDocument)
      .map((name) => `docs/${name}`),
  ];
}

/** The same document with each paragraph and list item wrapped. */
function wrap(text) {
  const lines = [];
  /** The paragraph under way: the beginning of its first line, and its words. */
  let paragraph;
  let fence;
  const flush = () => {
    if (paragraph) lines.push(...filled(paragraph));
    paragraph = undefined;
  };
  for (const line of text.split("\n")) {
    const [, mark] = /^\s*(```+|~~~+)/.exec(line) ?? [];
    const isCode = fence !== undefined || mark !== undefined;
    if (mark !== undefined) fence = fence === undefined ? mark : line.trim() === fence ? undefined : fence;
    if (isCode || FIXED.test(line)) {
      flush();
      lines.push(line);
      continue;
    }
    const [, bullet, rest] = ITEM.exec(line) ?? [];
    if (bullet !== undefined) {
      flush();
      paragraph = { start: bullet, words: wordsOf(rest) };
    } else if (paragraph) paragraph.words.push(...wordsOf(line));
    else paragraph = { start: /^\s*/.exec(line)[0], words: wordsOf(line) };
  }
  flush();
  return lines.join("\n");
}

/** Code between backquotes is one word, however many blanks it holds. */
function wordsOf(line) {
  return line.match(/(?:`[^`]*`|[^\s`]|`)+/g) ?? [];
}

/** The lines of a paragraph; those of a list item hang under its text. */
function filled({ start, words: [first = "", ...words] }) {
  const indent = " ".repeat(start.length);
  const lines = [];
  let line = start + first;
  for (const word of words) {
    if (line.length + 1 + word.length <= MAX_COLUMNS || MARK.test(word)) line += ` ${word}`;
    else {
      lines.push(line);
      line = indent + word;
    }
  }
  return [...lines, line];
}
