/** Efforts above `high`, for models that lack them. */

const EFFORTS = ["low", "medium", "high", "xhigh", "max"];

/**
 * Returns the effort to send: the word itself, or for `xhigh` and `max` the strongest of `words` below it. Weaker words
 * stay as they are, so that an unsupported one is reported.
 */
export function nearestEffort(effort: string, words: readonly string[]): string {
  if (effort !== "xhigh" && effort !== "max") return effort;
  const upTo = EFFORTS.slice(0, EFFORTS.indexOf(effort) + 1);
  return upTo.findLast((word) => words.includes(word)) ?? effort;
}
