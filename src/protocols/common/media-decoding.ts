/** Images and sounds on the wire: as data URL, URL, bare base64 or file id, in fields of many names. */

import type { MediaChunk } from "../../contract/chunk.ts";
import type { Media } from "../../contract/message.ts";
import { base64Of } from "../../platform/base64.ts";
import type { JsonObject } from "../../platform/json-object.ts";
import { nameIn } from "./wire-values.ts";

/** Media types by the format names of providers and the file extensions of URLs. */
const MEDIA_TYPES: Readonly<Record<string, string>> = {
  png: "image/png",
  jpg: "image/jpeg",
  jpeg: "image/jpeg",
  webp: "image/webp",
  gif: "image/gif",
  svg: "image/svg+xml",
  wav: "audio/wav",
  mp3: "audio/mpeg",
  aac: "audio/aac",
  flac: "audio/flac",
  opus: "audio/ogg",
  ogg: "audio/ogg",
  pcm: "audio/pcm;rate=24000",
  pcm16: "audio/pcm;rate=24000",
  mp4: "video/mp4",
  pdf: "application/pdf",
};

/** The beginnings of files of each type, in base64. */
const BEGINNINGS: readonly (readonly [RegExp, string])[] = [
  [/^iVBORw0KGgo/, "image/png"],
  [/^\/9j\//, "image/jpeg"],
  [/^R0lGOD/, "image/gif"],
  [/^UklGR.{11}V0VCU/, "image/webp"],
  [/^UklGR.{11}V0FWR/, "audio/wav"],
  [/^T2dnUw/, "audio/ogg"],
  [/^ZkxhQ/, "audio/flac"],
  [/^SUQz|^\/\/[s-vMNOI]/, "audio/mpeg"],
  [/^\/\/[EFkl]/, "audio/aac"],
];

/** Returns the type that the first bytes, in base64, belong to, or else `fallback`. */
export function mediaTypeOf(data: string, fallback: string): string {
  return BEGINNINGS.find(([beginning]) => beginning.test(data))?.[1] ?? fallback;
}

/** Returns the media type of a format name or a media type. */
export function mediaTypeNamed(name: unknown): string | undefined {
  if (typeof name !== "string" || name === "") return undefined;
  if (name.includes("/")) return name;
  return Object.hasOwn(MEDIA_TYPES, name.toLowerCase()) ? MEDIA_TYPES[name.toLowerCase()] : undefined;
}

/** Returns the medium of a data URL, a URL, or bare base64. */
export function mediaFrom(text: string, named: unknown, fallback: string): Media {
  const mediaType = mediaTypeNamed(named);
  if (/^data:/i.test(text)) return fromDataUrl(text, mediaType, fallback);
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) {
    const ending = /\.(\w{2,4})(?:[?#]|$)/.exec(text)?.[1];
    return { mediaType: mediaType ?? mediaTypeNamed(ending) ?? fallback, url: text };
  }
  return { mediaType: mediaType ?? mediaTypeOf(text, fallback), data: text };
}

function fromDataUrl(url: string, named: string | undefined, fallback: string): Media {
  const comma = url.indexOf(",");
  const head = url.slice("data:".length, Math.max(comma, 0));
  const body = url.slice(comma + 1);
  const isBase64 = /;\s*base64\s*$/i.test(head);
  const data = isBase64 ? body : base64Of(new TextEncoder().encode(unescaped(body)));
  const declared = head.replace(/;\s*base64\s*$/i, "").trim();
  return { mediaType: declared || named || mediaTypeOf(data, fallback), data };
}

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Fields in which a part may hold its medium. */
const HOLDERS = [
  "image_url",
  "audio_url",
  "video_url",
  "inlineData",
  "inline_data",
  "source",
  "audio",
  "image",
  "file",
];

/**
 * Returns the medium of a part of unknown type; `undefined` where it holds none. Only types that name images, sounds or
 * files hold one.
 * @param fallback the type of bytes whose beginning is unknown
 */
export function mediaIn(part: JsonObject, fallback = "image/jpeg"): Media | undefined {
  const type = nameIn(part.type) ?? "";
  const isMedia = /image|audio|video|media|file/i.test(type) || "inlineData" in part || "inline_data" in part;
  if (!isMedia || /call|result|search/.test(type)) return undefined;
  const usual = /audio/i.test(type) ? "audio/pcm;rate=24000" : fallback;
  const { [HOLDERS.find((name) => part[name]) ?? ""]: inner } = part;
  if (typeof inner === "string") return mediaFrom(inner, formatIn(part), usual);
  const fields: JsonObject = typeof inner === "object" && inner !== null ? { ...part, ...inner } : part;
  const source = [fields.data, fields.b64_json, fields.url, fields.uri, fields.result].find(isText);
  const fileId = nameIn(fields.file_id ?? fields.fileId);
  if (source === undefined && fileId === undefined) return undefined;
  const mediaType = mediaTypeNamed(formatIn(fields));
  const medium =
    source === undefined
      ? { mediaType: mediaType ?? "application/octet-stream", fileId: fileId ?? "" }
      : mediaFrom(source, mediaType, usual);
  const id = nameIn(fields.id);
  const name = nameIn(fields.file_name ?? fields.filename);
  const transcript = nameIn(fields.transcript);
  return { ...medium, ...(id && { id }), ...(name && { name }), ...(transcript && { transcript }) };
}

function formatIn({ mime_type, mimeType, media_type, file_type, format }: JsonObject): unknown {
  return mime_type ?? mimeType ?? media_type ?? file_type ?? format;
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

/** Returns one medium, or a piece of one, as a chunk. */
export function mediaChunk(index: number, medium: Media, how: Pick<MediaChunk, "append" | "thought"> = {}): MediaChunk {
  return { type: "media", content: "", index, ...medium, ...how, isFinal: false };
}
