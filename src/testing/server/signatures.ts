/** Signatures and encrypted thinking, which only the provider can read or verify. */

import { createHash } from "node:crypto";

/** Returns the signature of a text, which depends only on the text. */
export function textSignatureOf(text: string): string {
  return createHash("sha256").update(text).digest("base64");
}
