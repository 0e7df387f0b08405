/** The text of text files that are part of a request: models read it as they read the words around it. */

import type { ContentPart } from "../contract/message.ts";
import { bytesOf } from "../platform/base64.ts";

/**
 * Returns the words of a text, or of an inline text file; `undefined` for pictures, other files, and files elsewhere.
 */
export function attachedTextOf(part: ContentPart): string | undefined {
  if (part.type === "text") return part.text;
  const [, base64] = ("url" in part && /^data:text\/.*?;base64,(.*)/is.exec(part.url)) || [];
  const data = "data" in part && part.mediaType.startsWith("text/") ? part.data : base64;
  return data === undefined ? undefined : new TextDecoder().decode(bytesOf(data));
}
