/** Images and files in the requests of programs. The gateway fetches nothing; the provider may. */

import type { AttachmentSource } from "../../contract/message.ts";
import { badRequest } from "../refusal.ts";

/** `data:` URLs whose data is base64. */
const BASE64_URL = /^data:([^;,]+)(?:;[^;,]+)*;base64,/i;

/**
 * Returns the source of an attachment from its URL: the data of a `data:` URL, or the address.
 * @throws {Refusal} 400 when it is neither base64 nor an address
 */
export function sourceOfUrl(url: string, subject: string): AttachmentSource {
  if (/^data:/i.test(url)) {
    const [head, mediaType] = BASE64_URL.exec(url) ?? [];
    if (head === undefined || mediaType === undefined) {
      throw badRequest(`${subject} must be a \`data:\` URL with a media type and base64.`);
    }
    return sourceOfBase64(url.slice(head.length), mediaType, subject);
  }
  if (URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)) return { url };
  throw badRequest(`${subject} must be an http, https or \`data:\` URL.`);
}

/** @throws {Refusal} 400 when the data is not base64, or the media type is not one */
export function sourceOfBase64(data: unknown, mediaType: unknown, subject: string): AttachmentSource {
  if (typeof mediaType !== "string" || !/^[\w.+-]+\/[\w.+-]+$/.test(mediaType)) {
    throw badRequest(`${subject} must have a media type, such as image/png.`);
  }
  const base64 = typeof data === "string" ? data.replace(/\s+/g, "") : "";
  if (base64 === "" || base64.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(base64)) {
    throw badRequest(`${subject} must have its data in base64.`);
  }
  return { data: base64, mediaType: mediaType.toLowerCase() };
}
