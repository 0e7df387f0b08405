/** Values of any kind as text that cannot fail: what was thrown, or stood in a provider's answer, has no need to be an error. */

/** The value as text; `"an object"` where it has no text form, as an object whose `toString` is a number. */
export function wordsOf(value: unknown): string {
  try {
    return String(value);
  } catch {
    return "an object";
  }
}

/** The message of an error, and anything else that was thrown as text. */
export function messageOf(error: unknown): string {
  try {
    return wordsOf(error instanceof Error ? error.message : error);
  } catch {
    return "an object"; // a proxy or an accessor that throws
  }
}
