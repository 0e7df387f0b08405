/**
 * Images and sounds over Chat Completions: OpenAI's `audio`, in pieces when streamed, and the `images` of OpenRouter
 * and of gateways like it.
 * @see https://platform.openai.com/docs/guides/audio
 */

import type { MessageChunk } from "../../contract/chunk.ts";
import type { Media } from "../../contract/message.ts";
import { mediaChunk, mediaIn, mediaTypeOf } from "../common/media-decoding.ts";
import { listIn, nameIn, objectIn, textIn } from "../common/wire-values.ts";
import type { WireAudio } from "./wire.ts";

/** The reference to a sound in the next request. */
export interface SoundReference {
  readonly id: string;
  /** Milliseconds since 1970. */
  readonly expiresAt?: number;
}

/** The type of streamed sound whose bytes do not show their type. */
const RAW_SOUND = "audio/pcm;rate=24000";

/** Collects images and sounds while the reply streams. */
export class ChatMedia {
  #count = 0;
  readonly #seen: string[] = [];
  #sound: { readonly index: number; readonly mediaType: string } | undefined;
  #id: string | undefined;
  #expiresAt: number | undefined;
  #transcript = "";

  /** Whether anything came. */
  get any(): boolean {
    return this.#count > 0 || this.#id !== undefined || this.#transcript !== "";
  }

  /** The reference to the sound in the next request; `undefined` where there is none. */
  get sound(): SoundReference | undefined {
    if (this.#id === undefined) return undefined;
    return { id: this.#id, ...(this.#expiresAt !== undefined && { expiresAt: this.#expiresAt }) };
  }

  /** Reads images. Entries of unknown forms are skipped, as OpenRouter's own client does. */
  readImages(images: unknown, chunks: MessageChunk[]): void {
    for (const item of listIn(images as readonly object[])) {
      if (typeof item !== "object" || item === null) continue;
      const medium = mediaIn({ type: "image_url", ...item });
      if (medium) this.add(medium, chunks);
    }
  }

  /** Emits a complete medium, unless it was emitted before. */
  add(medium: Media, chunks: MessageChunk[]): void {
    const source = medium.data ?? medium.url ?? medium.fileId ?? "";
    if (this.#seen.includes(source)) return;
    this.#seen.push(source);
    chunks.push(mediaChunk(this.#count++, medium));
  }

  /** Returns the next piece of the transcript. */
  readAudio(audio: WireAudio, chunks: MessageChunk[]): string {
    this.#id ??= nameIn(audio.id);
    if (typeof audio.expires_at === "number") this.#expiresAt = audio.expires_at * 1_000;
    const data = textIn(audio.data);
    if (data !== "") {
      this.#sound ??= { index: this.#count++, mediaType: mediaTypeOf(data, RAW_SOUND) };
      const { index, mediaType } = this.#sound;
      chunks.push(mediaChunk(index, { mediaType, data, partial: true }, { append: true }));
    }
    const piece = textIn(audio.transcript);
    this.#transcript += piece;
    return piece;
  }

  /** Ends the sound. */
  close(chunks: MessageChunk[]): void {
    if (!this.#sound) return;
    const { index, mediaType } = this.#sound;
    const transcript = this.#transcript;
    const medium = { mediaType, data: "", ...this.sound, ...(transcript !== "" && { transcript }) };
    chunks.push(mediaChunk(index, medium, { append: true }));
    this.#sound = undefined;
  }
}

/** Returns the sound; `undefined` where there is none. */
export function audioIn(value: unknown): WireAudio | undefined {
  return objectIn(value as WireAudio | null | undefined);
}
