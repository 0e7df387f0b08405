/** The message for an option that does not exist, with the one that was probably meant. */

/** Other libraries' names for options, in lower case and without underscores. */
const OTHER_NAMES: Readonly<Record<string, string>> = {
  maxtokens: "maxOutputTokens",
  maxcompletiontokens: "maxOutputTokens",
  stopsequences: "stop",
  maxretries: "retries",
  responseformat: "output",
};

/** Shorter names have neighbours of another meaning, such as `topK` and `topP`. */
const MIN_LENGTH = 5;

/**
 * Returns the message: the unknown name, a similar valid one if there is one, and all valid ones.
 * @param path what precedes every name, such as `timeouts.`
 */
export function unknownOption(name: string, valid: readonly string[], path = ""): string {
  const meant = similarName(name, valid);
  const question = meant === undefined ? "" : ` Did you mean \`${path}${meant}\`?`;
  return `Unknown option \`${path}${name}\`.${question} Valid options: ${valid.map((known) => path + known).join(", ")}.`;
}

function similarName(name: string, valid: readonly string[]): string | undefined {
  const plain = plainName(name);
  const other = Object.hasOwn(OTHER_NAMES, plain) ? OTHER_NAMES[plain] : undefined;
  return (
    valid.find((known) => plainName(known) === plain) ??
    valid.find((known) => known === other) ??
    valid.find((known) => isSimilar(plain, plainName(known)))
  );
}

function plainName(name: string): string {
  return name.replaceAll(/[_-]/g, "").toLowerCase();
}

/** At most one letter in four differs. */
function isSimilar(one: string, other: string): boolean {
  const length = Math.max(one.length, other.length);
  const most = Math.floor(length / 4);
  if (length < MIN_LENGTH || Math.abs(one.length - other.length) > most) return false;
  return editDistance(one, other) <= most;
}

/** The number of letters to insert, delete or replace (Levenshtein). */
function editDistance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (const [line, letter] of [...one].entries()) {
    const next = [line + 1];
    for (const [column, otherLetter] of [...other].entries()) {
      const replaced = (row[column] ?? 0) + (letter === otherLetter ? 0 : 1);
      next.push(Math.min(replaced, (row[column + 1] ?? 0) + 1, (next[column] ?? 0) + 1));
    }
    row = next;
  }
  return row[other.length] ?? 0;
}
