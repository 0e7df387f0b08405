/** Reads the relay's own wire as it arrives: bytes in, events out. */

import type { MessageChunk } from "../../contract/chunk.ts";
import { SendError, type SendErrorFacts } from "../../contract/errors.ts";
import type { WireEvent } from "./wire.ts";

/**
 * Returns a reader of one connection: a function that returns the events that its bytes complete. Comments, and events
 * of a later version, are skipped. It throws a `SendError` of the kind `protocol` for an event that is not one, and for
 * bytes that are not UTF-8.
 */
export function eventReader(): (bytes: Uint8Array) => readonly WireEvent[] {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let unfinished = "";
  /** A line feed at the end, which the next may make a blank line. */
  let lineEnd = "";
  return (bytes) => {
    // Only the new text is searched: to search the unfinished event again for each piece would be quadratic.
    const blocks = (lineEnd + textOf(decoder, bytes)).split("\n\n");
    const rest = blocks.pop() ?? "";
    const events = blocks.flatMap((block) => {
      const event = eventIn(unfinished + block);
      unfinished = "";
      return event ?? [];
    });
    lineEnd = rest.endsWith("\n") ? "\n" : "";
    unfinished += rest.slice(0, rest.length - lineEnd.length);
    return events;
  };
}

function textOf(decoder: TextDecoder, bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes, { stream: true });
  } catch {
    throw relayFault("is not UTF-8");
  }
}

/**
 * Returns the error of an answer that is not one of a relay.
 * @param what the end of a sentence about the answer
 */
export function relayFault(what: string, facts?: SendErrorFacts): SendError {
  return new SendError("protocol", `The answer of the relay ${what}.`, { retryable: false, ...facts });
}

function eventIn(block: string): WireEvent | undefined {
  const { data, id } = Object.fromEntries(block.split("\n").map((line) => line.split(/: ?(.*)/s)));
  try {
    return data && decodeEvent(data, id);
  } catch (cause) {
    throw relayFault("is not JSON of a relay", { cause });
  }
}

/** Returns the event in the `data` (and `id`) of a server-sent event; `undefined` for one of a later version. */
export function decodeEvent(data: string, id?: string): WireEvent | undefined {
  const { text, texts = text === undefined ? undefined : [text], ...event }: EventJson = JSON.parse(data);
  if (texts) return { type: "chunks", id, after: event.after, chunks: texts.map(textChunk) };
  return event.type && ({ ...event, id } as WireEvent);
}

/** An event as JSON. `text` and `texts` are short for chunks that are only text. */
interface EventJson {
  readonly type?: WireEvent["type"];
  readonly after?: string;
  readonly text?: string;
  readonly texts?: readonly string[];
}

function textChunk(content: string): MessageChunk {
  return { type: "text", content, isFinal: false };
}
