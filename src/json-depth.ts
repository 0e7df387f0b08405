/** How deep JSON may be nested: `JSON.parse` takes any depth, but who writes it down again exhausts the stack, far away. */

/** Deeper than anybody's data, and far from the depth at which `JSON.stringify` fails. */
export const DEEPEST = 500;

/** Whether a parsed value is nested more than `levels` deep. */
export function isDeeper(value: unknown, levels: number = DEEPEST): boolean {
  if (typeof value !== "object" || value === null) return false;
  return levels === 0 || Object.values(value).some((inner) => isDeeper(inner, levels - 1));
}
