/** Random ids: unique without a list of those in use. */

import { base64Of } from "../platform/base64.ts";

/** Returns 24 characters from 144 random bits. Unlike `randomUUID`, also on a page without TLS. */
export function randomId(): string {
  return base64Of(crypto.getRandomValues(new Uint8Array(18))).replace(/\W/g, "-");
}
