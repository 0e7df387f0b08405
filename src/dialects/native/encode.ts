/** Events → text on the relay's own wire. Pure. */

import type { MessageChunk } from "../../contract/chunk.ts";
import { inOrder } from "../ordered-chunks.ts";
import { END_ID, type NativeEvent } from "./wire.ts";

/** Returns the event as text for a `text/event-stream`. */
export function encodeEvent(event: NativeEvent): string {
  switch (event.type) {
    case "chunks":
      return frame(chunksJson(event.chunks, event.after), event.id);
    case "snapshot": {
      const { message, tools, outline } = event;
      // An outline does not count the pieces of a sound, which a message has joined.
      const summary = message.media ? { message, tools } : { message, tools, outline };
      const chunks = inOrder(summary).flatMap((part) => part.chunks.filter(({ type }) => type !== "rewind"));
      return frame(JSON.stringify({ type: event.type, chunks }), event.id);
    }
    case "opened":
    case "reconnect":
      return frame(JSON.stringify(event));
    case "complete":
    case "failed":
      return frame(JSON.stringify(event), END_ID);
  }
}

/** A model writes text most of the time: an event of it has no names for each chunk. */
function chunksJson(chunks: readonly MessageChunk[], after: string | undefined): string {
  const texts: string[] = [];
  for (const chunk of chunks) {
    if (chunk.type !== "text" || chunk.raw !== undefined) return JSON.stringify({ type: "chunks", chunks, after });
    texts.push(chunk.content);
  }
  const [text] = texts;
  const json = texts.length === 1 ? `"text":${JSON.stringify(text)}` : `"texts":${JSON.stringify(texts)}`;
  return after === undefined ? `{${json}}` : `{${json},"after":"${after}"}`;
}

/** JSON has no line feed outside its escapes, so one `data` line holds it. */
function frame(json: string, id?: string): string {
  return id === undefined ? `data: ${json}\n\n` : `id: ${id}\ndata: ${json}\n\n`;
}
