/** The place in a conversation that thinking is tied to, as a reply keeps it. */

/** Where in a conversation a reply was written, which its thinking is tied to; it rides in the reply's `replay`. */
export interface Place {
  /** The hash of system, tools and messages that the reply was written for. */
  readonly prefix: string;
  /** The hash of the last thinking block among them; `null` where there was none. */
  readonly after: string | null;
}

/** Reads a place out of a `replay`, which a store may have given back as anything. */
export function placeIn(value: unknown): Place | undefined {
  if (typeof value !== "object" || value === null || !("prefix" in value) || !("after" in value)) return undefined;
  const { prefix, after } = value;
  return typeof prefix === "string" && (after === null || typeof after === "string") ? { prefix, after } : undefined;
}
