/** The headers of a call: those of its protocol, the key, and those of the caller. */

import type { SendOptions } from "../contract/options.ts";
import type { ProtocolRequest } from "../protocols/protocol.ts";

/** Headers that hold lists: the caller's values are added to the protocol's. */
const LIST_HEADERS = ["anthropic-beta"];

/** Returns the header in which most providers accept a key. */
export function bearer(key: string): Readonly<Record<string, string>> {
  return { authorization: `Bearer ${key}` };
}

/** Returns the headers of a call with the caller's headers: those of the client, and its own. */
export function withGiven(
  required: Readonly<Record<string, string>>,
  own: ProtocolRequest["headers"],
  ...all: readonly SendOptions["headers"][]
): Readonly<Record<string, string>> {
  // A map, because a header may be called `__proto__`.
  const headers = new Map(Object.entries(required));
  for (const given of all) {
    for (const [name, value] of Object.entries(given ?? {})) {
      const lower = name.toLowerCase();
      const list = LIST_HEADERS.includes(lower) ? own?.[lower] : undefined;
      headers.set(lower, list === undefined ? value : `${list},${value}`);
    }
  }
  return Object.fromEntries(headers);
}
