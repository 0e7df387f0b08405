/** Attachments of the user's turn, before they take a provider's form. */

import { SendError } from "../../contract/errors.ts";
import type { AttachmentSource, ContentPart } from "../../contract/message.ts";
import { base64TextOf } from "../../platform/base64.ts";
import { meaningOf } from "./wire-values.ts";

/** A part that is not text. */
export type Attachment = Exclude<ContentPart, { readonly type: "text" }>;

/** @throws {SendError} kind `invalidRequest` where `read` fails */
function readable<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw new SendError("invalidRequest", "An attachment's data is not valid base64 or percent-encoded text.", {
      cause,
    });
  }
}

/** Returns the text of an attachment, decoded as UTF-8. */
export function utf8Text(data: Uint8Array | string): string {
  const bytes =
    typeof data === "string"
      ? readable(() => Uint8Array.from(atob(data), (character) => character.charCodeAt(0)))
      : data;
  return new TextDecoder().decode(bytes);
}

/** Returns the bytes as a `data:` URL. */
export function dataUrlOf({ data, mediaType }: Extract<AttachmentSource, { readonly data: unknown }>): string {
  return `data:${mediaType};base64,${base64TextOf(data)}`;
}

/** Common names of types that have another one, which servers know. */
const TYPES: Readonly<Record<string, string>> = { "image/jpg": "image/jpeg", "image/pjpeg": "image/jpeg" };

/** Returns the name of a media type that servers know; `undefined` if it is already named so. */
export function usualTypeOf(mediaType: string | undefined): string | undefined {
  return meaningOf(TYPES, mediaType?.toLowerCase());
}

/**
 * Returns an attachment with a `data:` URL as one that holds its bytes, since few servers take such a URL. The URL may
 * also be in the place of the bytes.
 */
export function inlined(part: Attachment): Attachment {
  const known = usualTypeOf(part.mediaType);
  if (known !== undefined) return inlined({ ...part, mediaType: known });
  const source = "url" in part ? part.url : "data" in part ? part.data : "";
  if (typeof source !== "string" || !/^data:/i.test(source)) return part;
  const [, head = "", body = ""] = /^data:([^,]*),(.*)$/is.exec(source) ?? [];
  const isBase64 = /;\s*base64\s*$/i.test(head);
  const { url: _url, ...rest } = { url: "", ...part };
  const mediaType = part.mediaType ?? (head.split(";")[0]?.trim().toLowerCase() || "text/plain");
  return {
    ...rest,
    mediaType: usualTypeOf(mediaType) ?? mediaType,
    data: isBase64 ? body : readable(() => new TextEncoder().encode(decodeURIComponent(body))),
  };
}
