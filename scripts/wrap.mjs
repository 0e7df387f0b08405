/**
 * `node scripts/wrap.mjs [--check] [FILE …]`: wraps prose at 120 columns where a line is wider: paragraphs and list
 * items of Markdown documents, and comments of TypeScript files. Prose that is narrow enough stays as it is, and so do
 * code blocks, tables and headings. Without files it takes every document of the repository. `--check` writes nothing:
 * it lists the files that would change, and fails when there is one. `test/documents.test.ts` runs it.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./setup.mjs";

const MAX_COLUMNS = 120;

/** The mark of a list item with its indentation, and its text. */
const ITEM = /^(\s*(?:[-*+]|\d+\.)\s+)(.*)$/;
/** Lines that are no prose: headings, tables, comments, HTML, blank lines. */
const FIXED = /^\s*(?:#|\||<|$)/;
/** What would start a list, a heading or a quotation at the beginning of a line. */
const MARK = /^(?:[-*+>]|#+|\d+[.)])$/;
/** A tag of a docstring begins a paragraph; an example is code from there on. */
const TAG = /^\s*@(?!link)/;

const args = process.argv.slice(2);
const names = args.filter((arg) => arg !== "--check");
const changed = (names.length > 0 ? names : documents()).filter((name) => {
  const file = join(root, name);
  const text = readFileSync(file, "utf8");
  const wrapped = name.endsWith(".md") ? wrap(text.split("\n"), MAX_COLUMNS).join("\n") : withComments(text);
  if (wrapped !== text && !args.includes("--check")) writeFileSync(file, wrapped);
  return wrapped !== text;
});
if (args.includes("--check") && changed.length > 0) {
  console.error(`Not wrapped at ${MAX_COLUMNS} columns: ${changed.join(", ")}. \`node scripts/wrap.mjs\` wraps them.`);
  process.exitCode = 1;
}

/** Every document that people write. Those of `test/` are data, and `bench/publish.mjs` writes its own. */
function documents() {
  const folders = ["docs", "examples", ...readdirSync(join(root, "tools")).map((name) => `tools/${name}`)];
  const inFolders = folders.flatMap((folder) => readdirSync(join(root, folder)).map((name) => `${folder}/${name}`));
  return [...readdirSync(root), ...inFolders].filter((name) => name.endsWith(".md"));
}

/** The same lines with each paragraph and list item wrapped that has a line which is too wide. */
function wrap(lines, columns) {
  const wrapped = [];
  /**
   * The paragraph under way: its lines, the beginning of the first, and its text, since code may go over the end of a
   * line.
   */
  let paragraph;
  let fence;
  const flush = () => {
    const isWide = paragraph?.lines.some((line) => line.length > columns);
    if (paragraph) wrapped.push(...(isWide ? filled(paragraph, columns) : paragraph.lines));
    paragraph = undefined;
  };
  for (const line of lines) {
    const [, mark] = /^\s*(```+|~~~+)/.exec(line) ?? [];
    const isCode = fence !== undefined || mark !== undefined;
    if (mark !== undefined) fence = fence === undefined ? mark : line.trim() === fence ? undefined : fence;
    if (isCode || FIXED.test(line)) {
      flush();
      wrapped.push(line);
      continue;
    }
    const [, bullet, rest] = ITEM.exec(line) ?? [];
    if (bullet !== undefined || TAG.test(line)) flush();
    if (bullet !== undefined) paragraph = { start: bullet, text: rest, lines: [line] };
    else if (paragraph) {
      paragraph.text += ` ${line.trim()}`;
      paragraph.lines.push(line);
    } else paragraph = { start: /^\s*/.exec(line)[0], text: line.trim(), lines: [line] };
  }
  flush();
  return wrapped;
}

/** Code between backquotes is one word, however many blanks it holds; so is an inline tag. */
function wordsOf(line) {
  return line.match(/(?:`[^`]*`|\{@[^}]*\}|[^\s`])+|`/g) ?? [];
}

/** The lines of a paragraph; those of a list item hang under its text. */
function filled({ start, text }, columns) {
  const [first = "", ...words] = wordsOf(text);
  const indent = " ".repeat(start.length);
  const lines = [];
  let line = start + first;
  for (const word of words) {
    if (line.length + 1 + word.length <= columns || MARK.test(word)) line += ` ${word}`;
    else {
      lines.push(line);
      line = indent + word;
    }
  }
  return [...lines, line];
}

/** The source with its wide comments wrapped: docstrings, and lines that hold nothing but a comment. */
function withComments(source) {
  const isWide = (comment) => comment.split("\n").some((line) => line.length > MAX_COLUMNS);
  return source
    .replace(/^( *)\/\*\*(?:(?!\*\/)[\s\S])*\*\/$/gm, (comment, indent) => {
      if (!isWide(comment)) return comment;
      const lines = comment
        .replace(/^ *\/\*\* ?|\s*\*\/$/g, "")
        .split("\n")
        .map((line) => line.replace(/^ *\* ?/, ""));
      const text = wrap(lines[0] === "" ? lines.slice(1) : lines, MAX_COLUMNS - indent.length - 3);
      return [`${indent}/**`, ...text.map((line) => `${indent} * ${line}`.trimEnd()), `${indent} */`].join("\n");
    })
    .replace(/^( *)\/\/ .*(?:\n\1\/\/ .*)*$/gm, (comment, indent) => {
      if (!isWide(comment)) return comment;
      const lines = comment.split("\n").map((line) => line.replace(/^ *\/\/ /, ""));
      return wrap(lines, MAX_COLUMNS - indent.length - 3)
        .map((line) => `${indent}// ${line}`)
        .join("\n");
    });
}
