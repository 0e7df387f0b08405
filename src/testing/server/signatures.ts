/** What only its provider can read or verify: signatures of thinking, encrypted thinking. */

import { createHash } from "node:crypto";

/** Stands for the signature of a text: the same for the same text, and for no other. */
export function textSignatureOf(text: string): string {
  return createHash("sha256").update(text).digest("base64");
}
