/** How requests are looked at: whatever a client may send, before it is known to be well-formed. */

/** An object of which nothing is known. */
export type Loose = Readonly<Record<string, unknown>>;

/** Which thinking a call followed, by the call's id (or what else the format knows it by): who answers the call must send that thinking back as it was. */
export type Seals = Map<string, string>;

export function looseOf(value: unknown): Loose {
  return typeof value === "object" && value !== null ? (value as Loose) : {};
}

/** The objects of a list. */
export function listOf(value: unknown): readonly Loose[] {
  return Array.isArray(value) ? value.map(looseOf) : [];
}

export function isJsonText(value: unknown): boolean {
  try {
    return typeof value === "string" && JSON.parse(value) !== undefined;
  } catch {
    return false;
  }
}
