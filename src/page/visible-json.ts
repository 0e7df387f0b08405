/** JSON in which nothing hides. A person reads it, and so may a terminal. */

/**
 * Characters without a shape, for a class of an expression: those that Unicode lets a program ignore (zero width,
 * direction, selectors, tags, fillers), annotations, the blank pattern of Braille, halves of characters.
 * @see https://www.unicode.org/reports/tr44/#Default_Ignorable_Code_Point
 */
export const SHAPELESS = "\\p{DI}\\ufff9-\\ufffb\\u2800\\p{Cs}";

const HIDDEN = new RegExp(`[\\p{Cc}\\p{Zl}\\p{Zp}${SHAPELESS}]`, "gu");

/** Returns the same JSON with everything escaped that could drive a terminal or hides in it. */
export function visibleJson(json: string): string {
  return json.replace(HIDDEN, (hidden) =>
    Array.from({ length: hidden.length }, (_, at) => `\\u${hidden.charCodeAt(at).toString(16).padStart(4, "0")}`).join(
      "",
    ),
  );
}
