/** Words of a command line, quoted for copying into a shell. */

import { oneLine } from "./one-line.ts";

/** Returns an option with its value. A value that begins with a dash would look like another option. */
export function optionInShell(option: string, value: string): string {
  return `${option}${value.startsWith("-") ? "=" : " "}${wordInShell(value)}`;
}

/** Single quotes keep every character as it is. `$'…'`, which bash and zsh read, writes invisible bytes as escapes. */
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
