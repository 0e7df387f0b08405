/**
 * Foreign text within a line of our own. It cannot end the line, hide anything in it, or drive the terminal. A name or
 * a message must not look like a line of the command line.
 */

import { SHAPELESS } from "../page/visible-json.ts";
import { printable } from "./markdown/markdown.ts";

/** Default of `quoted`, in characters. */
const MAX_QUOTED = 200;

/** White space, and the control character that ends a line. */
const BLANKS = /[\s\u0085]+/gu;

/**
 * Joiners and selectors that belong to their surroundings: to an emoji, or to letters of a script that needs them.
 */
const AT_HOME = [
  "(?<=\\p{ExtPict})[\\ufe0e\\ufe0f]",
  "(?<=[0-9#*])\\ufe0f(?=\\u20e3)",
  "(?<=[\\p{ExtPict}\\p{EMod}\\ufe0f])\\u200d(?=\\p{ExtPict})",
  "(?<=[\\p{Lo}\\p{M}])[\\u200c\\u200d](?=[\\p{Lo}\\p{M}])",
].join("|");

const HIDDEN = new RegExp(`(${AT_HOME})|\\p{Cc}|[${SHAPELESS}]+`, "gu");

/**
 * Returns the text as a part of one line. Line breaks, with the blanks around them, and other white space become a
 * blank each; blanks in a row stay. Control characters become visible signs, and so does each run of invisible ones: �
 * stands for it.
 */
export function oneLine(text: string): string {
  return text
    .replace(BLANKS, (blanks) => (/^ +$/.test(blanks) ? blanks : " "))
    .replace(HIDDEN, (hidden, atHome: string | undefined) => {
      if (atHome !== undefined) return hidden;
      return /\p{Cc}/u.test(hidden) ? printable(hidden) : "\ufffd";
    });
}

/**
 * Returns a name, a title or an address for a line of ours: one line, without blanks in a row (enough of them would
 * begin a line of the screen), and at most so many characters long.
 */
export function quoted(text: string, max: number = MAX_QUOTED): string {
  const line = oneLine(text).replace(/ {2,}/g, " ").trim();
  const characters = [...line.slice(0, 2 * max + 2)];
  return characters.length <= max ? line : `${characters.slice(0, max - 1).join("")}…`;
}
