/** The prose of a document or a source file, and which of its lines break the rules for prose. */

/** Lines may be this long; a script wraps documents there (`scripts/wrap.mjs`). */
const MAX_COLUMNS = 120;

/** Words of one sentence. */
const MAX_WORDS = 30;

/** Words and turns that are out, each with what to write instead. */
const OUT: readonly (readonly [pattern: RegExp, instead: string])[] = [
  [/\b(?:who|what)ever\b/i, "name the thing: the caller, any object that …"],
  [/\b(?:no|some)body\b/i, "name the thing: the caller, the consumer, the provider"],
  [/(?:^|[.:;] )(?:What|Who) (?!.*\?)/, "name the subject: `What a tool throws …` → `An error of a tool …`"],
  [
    /(?<!\bthere )\b(?:is|are|was|were) (?:no|none)\b(?! (?:longer|more|less|better|worse)\b)/i,
    "is not a …, there is not …",
  ],
  [/\btell(?:s|ing)?\b|\btold\b/i, "report, emit, show, say"],
  [/\banew\b/i, "again"],
  [/\bsenseless\b/i, "invalid"],
  [/\bbesides?\b/i, "in addition to, next to"],
  [/, too\b|\bToo, /, "also"],
  [/\bheld against\b/i, "compared with"],
  [/\bof (?:its|their) own accord\b/i, "without being asked"],
  [/\bgo(?:es|ne|ing)? on (?:with|to)\b|\bwent on\b/i, "continue"],
  [/\bstands? (?:in|on|at|there|behind|before|between)\b/i, "is in, is at"],
  [/\bwhole (?:repl(?:y|ies)|call|number|value|message|text)s?\b/i, "complete; non-streamed; integer"],
  [/\b(?:his|her|him|he|she)\b/i, "name the person's part: the caller"],
];

/** A line of prose: its number in the file, counted from 1, and its text without inline code and quotations. */
export interface ProseLine {
  readonly number: number;
  readonly text: string;
  readonly columns: number;
}

/** The prose of a Markdown document: no code, no quotations, no comments. Tables are prose, of any width. */
export function proseOfDocument(text: string): readonly ProseLine[] {
  let fence = false;
  return text.split("\n").flatMap((line, index) => {
    if (/^\s*(?:```|~~~)/.test(line)) {
      fence = !fence;
      return [];
    }
    if (fence || line.startsWith("<!--")) return [];
    return [{ number: index + 1, text: withoutCode(line), columns: /^\s*(?:\||!\[)/.test(line) ? 0 : line.length }];
  });
}

/**
 * The sentences of a document that have too many words. The rule says 25; the check leaves room for what it cannot see. Inline code and
 * parentheses are one word each.
 */
export function longSentences(text: string): readonly string[] {
  const paragraphs = text
    .replace(/^```.*?^```$/gms, "")
    .replace(/^\s*(?:\||#).*$/gm, "")
    .replace(/^\s*(?:[-*]|\d+\.) /gm, "\n\n")
    .split(/\n\s*\n/);
  const sentences = paragraphs.flatMap((paragraph) =>
    paragraph
      .replace(/\s+/g, " ")
      .replace(/`[^`]*`/g, "code")
      .replace(/\]?\([^)]*\)/g, "")
      .split(/(?<=[.!?:;]) /),
  );
  return sentences.filter((sentence) => sentence.trim().split(" ").length > MAX_WORDS);
}

/** The comments of a TypeScript file, without their examples. */
export function proseOfSource(text: string): readonly ProseLine[] {
  let fence = false;
  return text.split("\n").flatMap((line, index) => {
    const [, comment] = /^\s*(?:\/\*\*?|\*(?!\/)|\/\/)\s?(.*)$/.exec(line) ?? [];
    if (comment === undefined) return [];
    if (comment.startsWith("```")) fence = !fence;
    if (fence) return [];
    return [{ number: index + 1, text: withoutCode(comment), columns: line.includes("http") ? 0 : line.length }];
  });
}

/** What is wrong with the prose, as `line: what, and what to write`. */
export function proseFaults(lines: readonly ProseLine[]): readonly string[] {
  return lines.flatMap(({ number, text, columns }) => [
    ...(columns > MAX_COLUMNS ? [`${number}: ${columns} columns, at most ${MAX_COLUMNS}`] : []),
    ...OUT.flatMap(([pattern, instead]) => {
      const [found] = pattern.exec(text) ?? [];
      return found === undefined ? [] : [`${number}: "${found.trim()}" is out; ${instead}`];
    }),
  ]);
}

function withoutCode(line: string): string {
  return line.replace(/`[^`]*`/g, "``").replace(/"[^"]*"/g, '""');
}
