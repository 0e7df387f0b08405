/** Words of a command line, as they can be copied into a shell. */

/** An option with its value; one that begins with a dash would pass for another option. */
export function optionInShell(option: string, value: string): string {
  return `${option}${value.startsWith("-") ? "=" : " "}${wordInShell(value)}`;
}

/** In single quotes nothing stands for something else. */
function wordInShell(word: string): string {
  return /^[\w.:@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
