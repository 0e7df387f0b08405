/** The content of a message of AG-UI → the parts of a turn. */

import { isJsonObject, type JsonObject } from "../../platform/json-object.ts";

/** Returns the text of a message; other parts have none. */
export function textOf(content: unknown): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return content
    .map((part: unknown) => (isJsonObject(part) && typeof part.text === "string" ? part.text : ""))
    .join("");
}

/** Returns the content of a turn of the user. Malformed content passes as it is. */
export function contentOf(content: unknown): unknown {
  return Array.isArray(content) ? content.map(partOf) : content;
}

/**
 * A picture, a sound, a film or a document, by its `source`. `binary` is the form of earlier clients.
 * @see https://docs.ag-ui.com/concepts/messages
 */
function partOf(part: unknown): unknown {
  if (!isJsonObject(part)) return part;
  const { type, text, source, mimeType, filename } = part;
  if (type === "text") return { type, text };
  if (type === "binary") {
    const kind = typeof mimeType === "string" && mimeType.startsWith("image/") ? "image" : "file";
    const { data, url, id } = part;
    return { type: kind, ...bytesAt(data, url, id), mediaType: mimeType, ...(kind === "file" && { filename }) };
  }
  if (!isJsonObject(source)) return part;
  const { type: form, value, mimeType: mediaType } = source;
  const at = (name: string): unknown => (form === name ? value : undefined);
  return {
    type: type === "image" ? "image" : "file",
    ...bytesAt(at("data"), at("url"), at("file")),
    ...(mediaType !== undefined && mediaType !== null && { mediaType }),
  };
}

function bytesAt(data: unknown, url: unknown, fileId: unknown): JsonObject {
  if (data !== undefined) return { data };
  return url === undefined ? { fileId } : { url };
}
