/** Text as every server takes it. */

/** Half a surrogate pair, left by cutting a string, makes some servers refuse the whole request. */
export function wellFormed(text: string): string {
  return text.toWellFormed();
}
