/** The end of a text that is being written, with its open marks closed: no word looks different when a mark comes. */

/** A link whose address is being written. */
const OPEN_LINK = /!?\[([^\]\n]*)\]\([^)\n]*$/;

/** Marks that have just begun, or are about to end. */
const LAST_MARK = /(?:^|(?<=\s))(?:\*{1,3}|_{1,2}|~~)$/;

/** Returns the text as it looks when its last paragraph ends here. Code between fences stays as it is. */
export function closed(text: string): string {
  if (isInFence(text)) return text;
  const start = text.lastIndexOf("\n\n") + 1;
  const last = text.slice(start);
  return text.slice(0, start) + closedParagraph(last);
}

function isInFence(text: string): boolean {
  return (text.match(/^ {0,3}(?:```|~~~)/gm)?.length ?? 0) % 2 === 1;
}

function closedParagraph(text: string): string {
  const ticks = text.match(/`+/g) ?? [];
  if (ticks.length % 2 === 1) {
    const open = ticks.at(-1) ?? "";
    return text.endsWith(open) ? text.slice(0, -open.length) : text + open;
  }
  const plain = text.replace(OPEN_LINK, "$1").replace(LAST_MARK, "");
  const outside = plain.replace(/`[^`]*`/g, "");
  const stars = outside.match(/\*\*/g)?.length ?? 0;
  if (stars % 2 === 0) return plain;
  // One star of the closing two has come.
  return plain.endsWith("*") && !plain.endsWith("**") ? `${plain}*` : `${plain.trimEnd()}**`;
}
