/** A value of a table that is another one with differences. */

/**
 * Returns a copy with differences. At the top level of a file, mark the call as pure: bundlers leave out such a value
 * where nothing uses it, but keep one with a spread.
 */
export function derived<T extends object>(base: T, differences: Partial<T>): T {
  return { ...base, ...differences };
}
