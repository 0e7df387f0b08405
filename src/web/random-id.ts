/** Random ids: unique without a list of those in use. */

/** Returns an id of 160 random bits: digits and dashes. Unlike `randomUUID`, also on a page without TLS. */
export function randomId(): string {
  return crypto.getRandomValues(new Uint32Array(5)).join("-");
}
