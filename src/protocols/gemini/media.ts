/**
 * Images and sounds of Gemini: parts with `inlineData` or `fileData`. An image comes in one part. A streamed sound
 * comes in many parts, which are pieces of one medium.
 * @see https://ai.google.dev/gemini-api/docs/image-generation and
 * https://ai.google.dev/gemini-api/docs/speech-generation
 */

import type { MessageChunk } from "../../contract/chunk.ts";
import type { Media, Message } from "../../contract/message.ts";
import type { JsonObject } from "../../platform/json-object.ts";
import { mediaChunk, mediaTypeOf } from "../common/media-decoding.ts";
import { completeMedia } from "../common/media-history.ts";
import { nameIn, objectIn, textIn } from "../common/wire-values.ts";
import type { GeminiPart } from "./wire.ts";

/** Emits images and sounds while the reply streams. */
export class GeminiMedia {
  #indexes = 0;
  /** The number of media that are complete, or will be. */
  #places = 0;
  #sound: { readonly index: number; readonly mediaType: string } | undefined;

  /**
   * Returns the part as it is kept for the next request, without bytes that are in the message; `undefined` for a piece
   * of a sound that has its part already, and for a sketch that is not signed.
   */
  read(part: GeminiPart, chunks: MessageChunk[]): GeminiPart | undefined {
    const { thought, thoughtSignature, inlineData, fileData } = part;
    const medium = mediumOf(part);
    if (!medium) return part;
    if (thought) {
      chunks.push(mediaChunk(this.#indexes++, { ...medium, partial: true }, { thought: true }));
      return thoughtSignature ? part : undefined;
    }
    if (medium.mediaType.startsWith("audio/") && medium.data !== undefined) {
      const { mediaType } = medium;
      const isSameSound = this.#sound?.mediaType === mediaType;
      if (!isSameSound) this.close(chunks);
      this.#sound ??= { index: this.#indexes++, mediaType };
      chunks.push(mediaChunk(this.#sound.index, { ...medium, partial: true }, { append: true }));
      if (isSameSound) return undefined;
    } else {
      this.close(chunks);
      chunks.push(mediaChunk(this.#indexes++, medium));
    }
    return {
      ...part,
      ...(inlineData && { inlineData: { ...inlineData, data: null } }),
      ...(fileData && { fileData: { ...fileData, fileUri: null } }),
      media: this.#places++,
    };
  }

  /** Ends the sound. */
  close(chunks: MessageChunk[]): void {
    if (!this.#sound) return;
    const { index, mediaType } = this.#sound;
    chunks.push(mediaChunk(index, { mediaType, data: "" }, { append: true }));
    this.#sound = undefined;
  }
}

function mediumOf({ inlineData, fileData }: GeminiPart): Media | undefined {
  const inline = objectIn(inlineData);
  const data = textIn(inline?.data);
  if (data !== "") return { mediaType: typeOf(inline?.mimeType) ?? mediaTypeOf(data, "image/png"), data };
  const file = objectIn(fileData);
  const fileId = textIn(file?.fileUri);
  return fileId === "" ? undefined : { mediaType: typeOf(file?.mimeType) ?? "application/octet-stream", fileId };
}

/**
 * Returns the media type. Raw sound has one name here: Gemini's `audio/L16;codec=pcm;rate=24000` is little-endian,
 * unlike `audio/L16`.
 */
function typeOf(mimeType: unknown): string | undefined {
  const type = nameIn(mimeType);
  if (type === undefined || !/^audio\/(l16|pcm)\b/i.test(type)) return type;
  return `audio/pcm;rate=${/rate=(\d+)/i.exec(type)?.[1] ?? "24000"}`;
}

/** Maximum base64 characters of earlier replies in one request. A request may have 20 MB in all. */
const MAX_INLINE = 18_000_000;

/**
 * Returns the latest media of a conversation that fit into one request, and the latest one in any case.
 * @see https://ai.google.dev/gemini-api/docs/image-understanding (inline data: 20 MB)
 */
export function latestMedia(messages: readonly Message[]): ReadonlySet<Media> {
  const latest = new Set<Media>();
  let size = 0;
  for (const message of [...messages].reverse()) {
    if (message.role !== "assistant" || !message.media) continue;
    for (const medium of [...completeMedia(message)].reverse()) {
      size += medium.data?.length ?? 0;
      if (latest.size > 0 && size > MAX_INLINE) return latest;
      latest.add(medium);
    }
  }
  return latest;
}

/** Returns a kept part with its medium; a line of text where the medium is too old to be sent. */
export function refilled(part: JsonObject, turn: Message, latest: ReadonlySet<Media>): JsonObject {
  const { media: place, inlineData, fileData, ...rest } = part as GeminiPart & JsonObject;
  if (place === undefined || turn.role !== "assistant") return part;
  const medium = completeMedia(turn)[place];
  if (!medium || !latest.has(medium))
    return { text: `[${medium?.mediaType ?? "a medium"}, made earlier, is left out here]` };
  const { mediaType: mimeType, data, fileId, url } = medium;
  if (data !== undefined) return { ...rest, inlineData: { mimeType, ...inlineData, data } };
  return { ...rest, fileData: { mimeType, ...fileData, fileUri: fileId ?? url } };
}
