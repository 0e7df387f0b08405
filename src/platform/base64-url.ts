/** Bytes as base64 for addresses, in every runtime. */

import { base64Of } from "./base64.ts";

/** Returns bytes as base64 in the letters of an id or an address, without padding. */
export function base64UrlOf(bytes: Uint8Array): string {
  return base64Of(bytes).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
