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

/** Returns the estimated tokens of one medium, or of a piece of one. */
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

/** Returns the complete medium of a chunk; `undefined` for a preview or a piece. */
export function completeMedium(chunk: MediaChunk): Media | undefined {
  const { index: _index, append, thought, ...media } = mediumOf(chunk);
  return append || thought || media.partial ? undefined : media;
}

/** One medium as far as it has arrived. */
interface Arrived {
  readonly index: number;
  media: Media;
  tokens: number;
  /** Present when the data arrives in pieces. */
  joined: Base64Buffer | undefined;
  /** Its index among the media that a message showed; `undefined` before it was shown. */
  place: number | undefined;
}

/** Collects the media chunks of one reply. A look costs what came since the last one, and a copy of the list. */
export class MediaCollector {
  readonly #arrived = new Map<number, Arrived>();
  #tokens = 0;
  /** The media that a running reply's message showed, in order. */
  #shown: Media[] = [];
  #lastShown = Number.NEGATIVE_INFINITY;
  /** The media that arrived or changed since. */
  readonly #unshown = new Set<Arrived>();

  /**
   * Returns the estimated output tokens of the media so far. A picture counts without its previews, which only a
   * streamed reply shows.
   */
  get tokens(): number {
    return Math.ceil(this.#tokens);
  }

  add(chunk: MediaChunk): void {
    const { index, append, thought, ...media } = mediumOf(chunk);
    if (thought) return;
    const known = this.#arrived.get(index);
    const tokens = estimateMediaTokens(media);
    if (append) this.#append(index, known, media, tokens);
    else if (!media.partial) this.#set(index, { media, tokens });
    // A preview does not replace what is complete.
    else if (!known || known.media.partial) this.#set(index, { media, tokens: tokens + (known?.tokens ?? 0) });
  }

  #append(index: number, known: Arrived | undefined, piece: Media, tokens: number): void {
    const { partial: _partial, ...earlier } = known?.media ?? piece;
    const joined = known?.joined ?? new Base64Buffer();
    if (known && !known.joined) joined.add(known.media.data ?? "");
    joined.add(piece.data ?? "");
    const media = { ...earlier, ...piece } as Media;
    this.#set(index, { media, tokens: tokens + (known?.tokens ?? 0), joined });
  }

  #set(index: number, now: Pick<Arrived, "media" | "tokens"> & { readonly joined?: Base64Buffer }): void {
    const { media, tokens, joined } = now;
    const arrived = this.#arrived.get(index) ?? { index, media, tokens: 0, joined, place: undefined };
    this.#tokens += tokens - arrived.tokens;
    Object.assign(arrived, { media, tokens, joined });
    this.#arrived.set(index, arrived);
    this.#unshown.add(arrived);
  }

  /** Forgets partial media: a new attempt takes their place. */
  dropPartial(): void {
    this.#tokens = 0;
    for (const [index, { media, tokens }] of this.#arrived) {
      if (media.partial) this.#arrived.delete(index);
      else this.#tokens += tokens;
    }
    this.#updateShown();
  }

  /** Returns the media in order; of a complete reply, only those that are complete. */
  list(isComplete: boolean): readonly Media[] {
    for (const { index, place } of this.#unshown)
      if (place === undefined && index < this.#lastShown) {
        this.#updateShown();
        break;
      }
    const added = [...this.#unshown].sort((one, other) => one.index - other.index);
    this.#unshown.clear();
    for (const arrived of added) {
      arrived.place ??= this.#shown.length;
      this.#shown[arrived.place] = joinedMediaOf(arrived);
      this.#lastShown = Math.max(this.#lastShown, arrived.index);
    }
    return isComplete ? this.#shown.filter(({ partial }) => !partial) : [...this.#shown];
  }

  #updateShown(): void {
    this.#shown = [];
    this.#lastShown = Number.NEGATIVE_INFINITY;
    this.#unshown.clear();
    for (const arrived of this.#arrived.values()) this.#unshown.add(Object.assign(arrived, { place: undefined }));
  }
}

/** Returns a chunk without the fields that every chunk has. */
function mediumOf(chunk: MediaChunk) {
  const { type: _type, content: _content, isFinal: _isFinal, raw: _raw, ...medium } = chunk;
  return medium;
}

function joinedMediaOf({ media, joined }: Arrived): Media {
  return joined ? ({ ...media, data: joined.toString() } as Media) : media;
}
