/**
 * Images over Responses: items of the tool `image_generation`, with previews during generation.
 * @see https://platform.openai.com/docs/guides/tools-image-generation
 */

import type { MessageChunk } from "../../contract/chunk.ts";
import type { Media, ProviderToolCall } from "../../contract/message.ts";
import type { JsonObject } from "../../platform/json-object.ts";
import { mediaChunk, mediaFrom, mediaIn, mediaTypeNamed } from "../common/media-decoding.ts";
import { nameIn, textIn } from "../common/wire-values.ts";

/** The type of the items. */
export const PICTURE_CALL = "image_generation_call";

const PNG = "image/png";

/** Collects images and sounds while the reply streams. */
export class ResponsesMedia {
  /** The indexes of the media, by the place of the item or the part. */
  readonly #indexes = new Map<string, number>();
  readonly #complete = new Set<number>();
  /** The position of each among the complete media; valid until another one is complete. */
  #ranks: ReadonlyMap<number, number> | undefined;
  readonly #endedIds = new Set<unknown>();

  /** Emits a preview: a complete image that replaces the one before it. */
  addPreview(at: number, event: JsonObject, chunks: MessageChunk[]): void {
    const data = textIn(event.partial_image_b64);
    if (data === "") return;
    const id = nameIn(event.item_id);
    const medium = { ...mediaFrom(data, event.output_format, PNG), ...(id && { id }), partial: true as const };
    chunks.push(mediaChunk(this.#indexOf(`${at}`), medium));
  }

  /**
   * Ends such an item: emits the call and its image.
   * @returns the item for the next request, without the image, which is in the message
   */
  end(at: number, item: JsonObject, chunks: MessageChunk[]): JsonObject {
    this.#endedIds.add(item.id);
    chunks.push({ type: "providerToolCall", content: "", providerToolCall: callOf(item), isFinal: false });
    const { type, id, status } = item;
    const kept = { type, ...(id !== undefined && { id }), ...(status !== undefined && { status }) };
    const result = textIn(item.result);
    if (result === "") return { ...kept, result: null };
    const name = nameIn(id);
    const medium = { ...mediaFrom(result, mediaTypeNamed(item.output_format), PNG), ...(name && { id: name }) };
    return { ...kept, media: this.#emit(`${at}`, medium, chunks) };
  }

  /** Returns whether the item has ended. */
  hasEnded(id: unknown): boolean {
    return this.#endedIds.has(id);
  }

  /** Reads a part of a message that may hold an image or a sound. */
  readPart(place: string, part: JsonObject, chunks: MessageChunk[]): void {
    const medium = mediaIn(part, PNG);
    if (medium) this.#emit(place, medium, chunks);
  }

  #emit(place: string, medium: Media, chunks: MessageChunk[]): number {
    const index = this.#indexOf(place);
    this.#complete.add(index);
    this.#ranks = undefined;
    chunks.push(mediaChunk(index, medium));
    return index;
  }

  /** Returns the item with its image as an index among the complete media of the message. */
  placed(item: JsonObject): JsonObject {
    const { media: index } = item;
    if (item.type !== PICTURE_CALL || typeof index !== "number") return item;
    this.#ranks ??= new Map([...this.#complete].sort((a, b) => a - b).map((other, rank) => [other, rank]));
    return { ...item, media: this.#ranks.get(index) ?? 0 };
  }

  #indexOf(place: string): number {
    const known = this.#indexes.get(place);
    if (known !== undefined) return known;
    const index = this.#indexes.size;
    this.#indexes.set(place, index);
    return index;
  }
}

/** Returns the call. The image is emitted separately. */
function callOf({ id, revised_prompt, prompt, action, status, error }: JsonObject): ProviderToolCall {
  const name = nameIn(id);
  const used = nameIn(revised_prompt ?? prompt);
  const args = { ...(used && { prompt: used }), ...(typeof action === "string" && { action }) };
  const isError = status === "failed" || Boolean(error);
  return {
    ...(name && { id: name }),
    name: "image_generation",
    ...(Object.keys(args).length > 0 && { arguments: args }),
    ...(error !== undefined && error !== null && { result: error }),
    ...(isError && { isError }),
  };
}

/**
 * Returns an item in the form that requests take, which has only these four fields; `undefined` where its image is
 * gone.
 * @see https://platform.openai.com/docs/api-reference/responses/create (input items)
 */
export function pictureItem(
  { id, status, result, media: place }: JsonObject,
  media: readonly Media[],
): JsonObject | undefined {
  const medium = typeof place === "number" ? media[place] : undefined;
  const picture = medium ? (medium.data ?? medium.url) : result;
  if (picture === undefined || (typeof place === "number" && !medium)) return undefined;
  return {
    type: PICTURE_CALL,
    ...(id !== undefined && { id }),
    ...(status !== undefined && { status }),
    result: picture,
  };
}
