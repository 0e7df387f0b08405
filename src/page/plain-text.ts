/** The end of a text that is too long for Markdown: a page cannot hold the elements of any text. Pure. */

import { h, type VElement } from "./vnode.ts";

/** A block of a text, and what it is on the page. */
export interface Block {
  readonly raw: string;
  readonly nodes: readonly VElement[];
}

/** Longer texts are Markdown up to here, in UTF-16 units. */
const MAX_MARKDOWN = 300_000;

/** The size of a piece of the rest, in UTF-16 units. A piece that is full is not looked at again. */
const PIECE = 20_000;

/** Returns where the Markdown of a text ends. It stays there while the text grows. */
export function endOfMarkdown(text: string): number {
  return text.length <= MAX_MARKDOWN ? text.length : lineEnd(text, 0, MAX_MARKDOWN);
}

/** Returns the rest of a text as pieces; those that are full stay the same objects. */
export function plainText(text: string, end: number, before: readonly Block[]): readonly Block[] {
  const pieces: Block[] = [];
  for (let from = end; from < text.length; ) {
    const to = text.length - from <= PIECE ? text.length : lineEnd(text, from, from + PIECE);
    const raw = text.slice(from, to);
    const known = before[pieces.length];
    pieces.push(known?.raw === raw ? known : { raw, nodes: [h("p", { class: "plain" }, raw)] });
    from = to;
  }
  return pieces;
}

/** Returns the end of the last line that ends in a range; the end of the range when none does. */
function lineEnd(text: string, from: number, to: number): number {
  const at = text.lastIndexOf("\n", to - 1) + 1;
  return at > from ? at : to;
}
