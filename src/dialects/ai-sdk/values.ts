/** Values of tools and media, as front ends take them. Pure. */

import type { Media } from "../../contract/message.ts";
import { withoutPrototypeKeys } from "../../platform/prototype-keys.ts";

/** Returns the result of a tool as a value: the JSON that it is, or the text. */
export function outputOf(result: string): unknown {
  try {
    return plain(JSON.parse(result));
  } catch {
    return result;
  }
}

/** Returns a medium as an address that a page can load; `undefined` for a file in a provider's store. */
export function addressOf({ data, url, mediaType }: Media): string | undefined {
  return data === undefined ? url : `data:${mediaType};base64,${data}`;
}

/** Front ends fail at a key `__proto__` anywhere; a value that JSON does not have is `null`. */
export function plain(value: unknown): unknown {
  return withoutPrototypeKeys(value) ?? null;
}

/** Returns a value as a text for people. */
export function jsonText(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
