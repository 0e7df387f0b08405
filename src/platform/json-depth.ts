/**
 * The limits of JSON: `JSON.parse` takes any depth, but `JSON.stringify` exhausts the stack, far from the origin of the
 * value.
 */

/** Deeper than real data, and far below the depth at which `JSON.stringify` fails. */
export const MAX_DEPTH = 500;

/** Returns whether a parsed value is nested more than `levels` deep. */
export function isDeeper(value: unknown, levels: number = MAX_DEPTH): boolean {
  if (typeof value !== "object" || value === null) return false;
  return levels === 0 || Object.values(value).some((inner) => isDeeper(inner, levels - 1));
}

/** Returns why a value cannot be sent as JSON, as the end of a sentence that names it; `undefined` when it can. */
export function jsonFault(value: unknown): string | undefined {
  try {
    return faultIn(value, MAX_DEPTH);
  } catch {
    return "cannot be read: a getter or a `toJSON` throws"; // the caller's own code
  }
}

/** A cycle is a value that is nested without end. */
function faultIn(value: unknown, levels: number): string | undefined {
  if (typeof value === "bigint") return "contains a BigInt, which JSON does not have";
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return undefined;
  if (levels === 0) return `is nested more than ${MAX_DEPTH} deep, or is circular`;
  const { toJSON } = value as { readonly toJSON?: unknown };
  if (typeof toJSON === "function") return faultIn(toJSON.call(value, ""), levels - 1);
  for (const inner of Object.values(value)) {
    const fault = faultIn(inner, levels - 1);
    if (fault !== undefined) return fault;
  }
  return undefined;
}
