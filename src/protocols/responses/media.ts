/**
 * Pictures over Responses: items of the tool `image_generation`, with previews while one is drawn.
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

/** Collects them while the reply streams. */
export class ResponsesMedia {
  /** By the place of the item, or of the part. */
  readonly #indexes = new Map<string, number>();
  readonly #complete = new Set<number>();
  readonly #endedIds = new Set<unknown>();

  /** A preview: a whole picture that replaces the one before it. */
  addPreview(at: number, event: JsonObject, chunks: MessageChunk[]): void {
    const data = textIn(event.partial_image_b64);
    if (data === "") return;
    const id = nameIn(event.item_id);
    const medium = { ...mediaFrom(data, event.output_format, PNG), ...(id && { id }), partial: true as const };
    chunks.push(mediaChunk(this.#indexOf(`${at}`), medium));
  }

  /**
   * The end of such an item: tells of the call and its picture.
   * @returns what goes back in the next request, without the picture, which is in the message
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

  /** Whether the picture of that item has been told. */
  hasEnded(id: unknown): boolean {
    return this.#endedIds.has(id);
  }

  /** A part of a message that may hold a picture or a sound. */
  readPart(place: string, part: JsonObject, chunks: MessageChunk[]): void {
    const medium = mediaIn(part, PNG);
    if (medium) this.#emit(place, medium, chunks);
  }

  #emit(place: string, medium: Media, chunks: MessageChunk[]): number {
    const index = this.#indexOf(place);
    this.#complete.add(index);
    chunks.push(mediaChunk(index, medium));
    return index;
  }

  /** The item as it is kept: its picture is named by its place among the complete media of the message. */
  placed(item: JsonObject): JsonObject {
    const { media: index } = item;
    if (item.type !== PICTURE_CALL || typeof index !== "number") return item;
    return { ...item, media: [...this.#complete].filter((other) => other < index).length };
  }

  #indexOf(place: string): number {
    const known = this.#indexes.get(place);
    if (known !== undefined) return known;
    const index = this.#indexes.size;
    this.#indexes.set(place, index);
    return index;
  }
}

/** The picture itself is told apart. */
function callOf({ id, revised_prompt, prompt, action, status, error }: JsonObject): ProviderToolCall {
  const name = nameIn(id);
  const told = nameIn(revised_prompt ?? prompt);
  const args = { ...(told && { prompt: told }), ...(typeof action === "string" && { action }) };
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
 * An item in the form that requests take, which has these four members only; `undefined` when its picture is gone.
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
