/** The words of a cut text that a request for its rest quotes, and that the model is asked to repeat. Pure. */

/** Maximum number of quoted characters, by which the model finds its place. */
const MAX_QUOTED = 120;

/** Minimum number of quoted characters: fewer would match by accident. */
const MIN_QUOTED = 20;

/**
 * Returns the last words of a text, from the beginning of a word if possible. In a text that ends with a line break,
 * they begin in the middle of a line: complete lines may legitimately repeat.
 */
export function quotedWordsOf(text: string): string {
  const words = text.trimEnd();
  const from = Math.max(0, words.length - MAX_QUOTED);
  const last = words.slice(from);
  const inLine = text.endsWith("\n") ? last.search(/(?<=[^\S\n])\S/) : -1;
  if (inLine >= 0 && inLine <= MAX_QUOTED / 2 && last.length - inLine >= MIN_QUOTED) return last.slice(inLine);
  if (from === 0) return last;
  const start = last.search(/(?<=\s)\S/);
  return start < 0 || start > MAX_QUOTED / 2 ? last.replace(/^[\uDC00-\uDFFF]/, "") : last.slice(start);
}
