/** Words of a command line, as they can be copied into a shell. */

import { oneLine } from "./one-line.ts";

/** An option with its value; one that begins with a dash would pass for another option. */
export function optionInShell(option: string, value: string): string {
  return `${option}${value.startsWith("-") ? "=" : " "}${wordInShell(value)}`;
}

/** In single quotes nothing stands for something else; in `$'…'`, which shells of this century know, bytes that nobody sees have names. */
function wordInShell(word: string): string {
  if (oneLine(word) !== word) return `$'${escaped(word)}'`;
  return /^[\w.:@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

function escaped(word: string): string {
  return Array.from(word, (char) => {
    if (char === "'" || char === "\\") return `\\${char}`;
    if (char === " " || oneLine(char) === char) return char;
    return Array.from(new TextEncoder().encode(char), (byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("");
  }).join("");
}
