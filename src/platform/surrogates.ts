/** Halves of a character that takes two UTF-16 units. */

/** Returns whether a UTF-16 unit is the first half of a character. */
export function isFirstHalf(unit: number): boolean {
  return unit >= 0xd800 && unit < 0xdc00;
}
