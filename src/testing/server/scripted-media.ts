/** The media of a script, as the wires write them. */

import type { Media } from "../../contract/message.ts";
import { MediaCollector } from "../../stream/media-collector.ts";
import type { ContentEvent } from "./wire.ts";

/** A medium, or a piece of one. */
export type MediaEvent = Extract<ContentEvent, { readonly type: "media" }>;

/** Returns all media of a script, complete. */
export function scriptedMedia(events: readonly ContentEvent[]): readonly Media[] {
  const media = new MediaCollector();
  for (const event of events) if (event.type === "media") media.add(chunkOf(event));
  return media.list(true);
}

/** Returns the event as a chunk. */
export function chunkOf({ index, medium, append }: MediaEvent): Parameters<MediaCollector["add"]>[0] {
  return { type: "media", content: "", index, ...medium, ...(append && { append }), isFinal: false };
}

/** Returns the URL of a picture: a data URL if the picture has bytes. */
function addressOf({ mediaType, data, url }: Media): string | undefined {
  return data === undefined ? url : `data:${mediaType};base64,${data}`;
}

/**
 * Returns the fields of Chat Completions for a medium: OpenRouter's for pictures, OpenAI's for sound. Previews and file
 * ids have none.
 */
export function chatMedia({
  medium,
  append,
}: Pick<MediaEvent, "medium" | "append">): Readonly<Record<string, unknown>> {
  const { mediaType, data, id, transcript, expiresAt, partial } = medium;
  if (mediaType.startsWith("audio/") && data !== undefined) {
    const audio = {
      ...(id && { id }),
      ...(data !== "" && { data }),
      ...(transcript && { transcript }),
      ...(expiresAt !== undefined && { expires_at: expiresAt / 1_000 }),
    };
    return { audio };
  }
  const url = addressOf(medium);
  return url === undefined || (partial && !append) ? {} : { images: [{ type: "image_url", image_url: { url } }] };
}
