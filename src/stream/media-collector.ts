/** Pictures and sounds of a reply: their chunks joined, their cost estimated. */

import type { MediaChunk } from "../contract/chunk.ts";
import type { Media } from "../contract/message.ts";
import { Base64Buffer, base64Size } from "../platform/base64.ts";

/** Estimated tokens of a picture: 258 to 1,300 at Gemini, 200 to 6,000 at OpenAI, by size and quality. */
const TOKENS_PER_PICTURE = 1_000;
/**
 * OpenAI's price for a preview of a picture.
 * @see https://platform.openai.com/docs/guides/image-generation
 */
const TOKENS_PER_PREVIEW = 100;
/** OpenAI counts a token for each 50 ms of sound, Gemini 25 a second. */
const SOUND_TOKENS_PER_SECOND = 22;
/** Bytes a second of 16-bit mono at 24 kHz, and of a usual compressed file. */
const PCM_RATE = 48_000;
const COMPRESSED_RATE = 16_000;

/** Estimated tokens of one medium, or of a piece of one. */
export function estimateMediaTokens({
  mediaType,
  data,
  partial,
}: {
  readonly mediaType: string;
  readonly data?: string | undefined;
  readonly partial?: true;
}): number {
  if (!mediaType.startsWith("audio/")) return partial ? TOKENS_PER_PREVIEW : TOKENS_PER_PICTURE;
  const isRaw = /^audio\/(l16|pcm|wav)/i.test(mediaType);
  return (base64Size(data ?? "") * SOUND_TOKENS_PER_SECOND) / (isRaw ? PCM_RATE : COMPRESSED_RATE);
}

/** The medium that the chunk brings, all of it; `undefined` for a preview or a piece. */
export function completeMedium(chunk: MediaChunk): Media | undefined {
  const { type: _type, content: _content, isFinal: _isFinal, index: _index, append, thought, ...media } = chunk;
  return append || thought || media.partial ? undefined : media;
}

/** One medium as far as it has arrived. */
interface Arrived {
  readonly media: Media;
  readonly tokens: number;
  /** Present when the data arrives in pieces. */
  readonly joined?: Base64Buffer;
}

/** Collects the media chunks of one reply. */
export class MediaCollector {
  readonly #arrived = new Map<number, Arrived>();

  /** Estimated output tokens of what arrived. A picture counts without its previews, which only a streamed reply shows. */
  get tokens(): number {
    let sum = 0;
    for (const { tokens } of this.#arrived.values()) sum += tokens;
    return Math.ceil(sum);
  }

  add(chunk: MediaChunk): void {
    const { type: _type, content: _content, isFinal: _isFinal, index, append, thought, ...media } = chunk;
    if (thought) return;
    const known = this.#arrived.get(index);
    const tokens = estimateMediaTokens(media);
    if (append) this.#append(index, known, media, tokens);
    else if (!media.partial) this.#arrived.set(index, { media, tokens });
    // A preview does not replace what is complete.
    else if (!known || known.media.partial) this.#arrived.set(index, { media, tokens: tokens + (known?.tokens ?? 0) });
  }

  #append(index: number, known: Arrived | undefined, piece: Media, tokens: number): void {
    const { partial: _partial, ...earlier } = known?.media ?? piece;
    const joined = known?.joined ?? new Base64Buffer();
    if (known && !known.joined) joined.add(known.media.data ?? "");
    joined.add(piece.data ?? "");
    const media = { ...earlier, ...piece } as Media;
    this.#arrived.set(index, { media, tokens: tokens + (known?.tokens ?? 0), joined });
  }

  /** Forgets what is not complete: a new attempt takes its place. */
  dropPartial(): void {
    for (const [index, { media }] of this.#arrived) if (media.partial) this.#arrived.delete(index);
  }

  /** The media in order; of a complete reply without those that are not complete. */
  list(isComplete: boolean): readonly Media[] {
    return [...this.#arrived]
      .filter(([, { media }]) => !(isComplete && media.partial))
      .sort(([one], [other]) => one - other)
      .map(([, { media, joined }]) => (joined ? ({ ...media, data: joined.toString() } as Media) : media));
  }
}
