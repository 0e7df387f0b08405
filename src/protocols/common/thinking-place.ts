/** The place in a conversation that thinking is tied to, as a reply keeps it. */

/** The place of a reply in its conversation, which its thinking is tied to. The reply's `replay` holds it. */
export interface ThinkingPlace {
  /** The hash of system, tools and messages that the reply was written for. */
  readonly prefix: string;
  /** The hash of the last thinking block among them; `null` where there was none. */
  readonly after: string | null;
}

/** Returns the place in a `replay`; `undefined` where a store returned something else. */
export function placeIn(value: unknown): ThinkingPlace | undefined {
  if (typeof value !== "object" || value === null || !("prefix" in value) || !("after" in value)) return undefined;
  const { prefix, after } = value;
  return typeof prefix === "string" && (after === null || typeof after === "string") ? { prefix, after } : undefined;
}
