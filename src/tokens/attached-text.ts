/** The text of text files that are part of a request: models read it as they read the words around it. */

import type { ContentPart } from "../contract/message.ts";
import { bytesOf } from "../platform/base64.ts";

const TEXT_URL = /^data:text\/[^,]*;base64,/i;

/** Returns whether a part is a text, or an inline text file; false for pictures, other files, and files elsewhere. */
export function isAttachedText(part: ContentPart): boolean {
  return part.type === "text" || textDataIn(part) !== undefined;
}

/** Returns the words of such a part; `""` for any other. A file is decoded each time. */
export function attachedTextOf(part: ContentPart): string {
  if (part.type === "text") return part.text;
  const data = textDataIn(part);
  return data === undefined ? "" : new TextDecoder().decode(bytesOf(data));
}

function textDataIn(part: Exclude<ContentPart, { readonly type: "text" }>): Uint8Array | string | undefined {
  const url = "url" in part ? part.url : undefined;
  if (url) return TEXT_URL.test(url) ? url.slice(url.indexOf(",") + 1) : undefined;
  return "data" in part && part.mediaType.startsWith("text/") ? part.data : undefined;
}
