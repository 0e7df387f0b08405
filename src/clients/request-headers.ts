/** The headers of a call: what its protocol needs, the key, and what the caller gave. */

import type { SendOptions } from "../contract/options.ts";
import type { ProtocolRequest } from "../protocols/protocol.ts";

/** Headers that hold lists: what the protocol needs stays in them beside what the caller adds. */
const LIST_HEADERS = ["anthropic-beta"];

/** Returns the header that most providers take a key in. */
export function bearer(key: string): Readonly<Record<string, string>> {
  return { authorization: `Bearer ${key}` };
}

/** The headers of a call whose caller gave some, too: those of the client, and its own. */
export function withGiven(
  required: Readonly<Record<string, string>>,
  own: ProtocolRequest["headers"],
  ...all: readonly SendOptions["headers"][]
): Readonly<Record<string, string>> {
  // A map, since a header may be called `__proto__`.
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
