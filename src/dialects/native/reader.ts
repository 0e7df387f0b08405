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
  /** A line without its end. */
  let unfinished = "";
  /** The lines of an event without its end. */
  let fields: Partial<Record<string, string>> = {};

  const eventAt = (line: string): readonly WireEvent[] => {
    if (line) {
      const [name = "", value] = line.split(/: ?(.*)/s);
      fields[name] = value;
      return [];
    }
    const { data, id } = fields;
    fields = {};
    const event = data && decodeEvent(data, id);
    return event ? [event] : [];
  };

  return (bytes) => {
    try {
      // Only the new text is searched: to search the unfinished line again for each piece would be quadratic.
      const [first = "", ...lines] = decoder.decode(bytes, { stream: true }).split("\n");
      lines.unshift(unfinished + first);
      unfinished = lines.pop() ?? "";
      return lines.flatMap(eventAt);
    } catch (cause) {
      throw relayFault("cannot be read", { cause });
    }
  };
}

/**
 * Returns the error of an answer that is not one of a relay.
 * @param what the end of a sentence about the answer
 */
export function relayFault(what: string, facts?: SendErrorFacts): SendError {
  return new SendError("protocol", `The answer of the relay ${what}.`, { retryable: false, ...facts });
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
