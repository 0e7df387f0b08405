/** Entries as events: what a mask lets the viewers of a run see, and its form on the relay's own wire. */

import type { MessageChunk } from "../../contract/chunk.ts";
import type { AssistantMessage } from "../../contract/message.ts";
import { encodeEvent } from "../../dialects/native/encode.ts";
import type { NativeEvent } from "../../dialects/native/wire.ts";
import type { EntryId } from "../log/entry-id.ts";
import type { LogEntry, RunEnd } from "../log/log.ts";
import { coalesced } from "./coalesce.ts";
import { Frame } from "./frame.ts";

/** The view of a run that its viewers get. */
export interface Mask {
  chunks(chunks: readonly MessageChunk[]): readonly MessageChunk[];
  message(message: AssistantMessage): AssistantMessage;
  end(end: RunEnd): EndEvent | Promise<EndEvent>;
}

/** The last event of a run. */
export type EndEvent = Extract<NativeEvent, { readonly type: "complete" | "failed" }>;

/** The first event of a run. */
export type OpenedEvent = Extract<NativeEvent, { readonly type: "opened" }>;

/** An event, as it is and on the relay's own wire. */
export interface EncodedEvent<Event extends NativeEvent = NativeEvent> {
  readonly event: Event;
  readonly frame: Frame;
}

/** An entry of a feed, and its forms that readers share. */
export interface FeedEntry {
  readonly entry: LogEntry;
  /** The id before it; `undefined` for the first. */
  readonly previous: EntryId | undefined;
  /** The bytes of this entry and of all before it. */
  readonly bytes: number;
  /** The chunks as they came, for readers that take them at once: until the next entry. */
  pieces: readonly MessageChunk[] | undefined;
  /**
   * On the wire, for readers that got the entry before it: made once; `hidden` when nothing of it shows. That of chunks
   * is kept until the next entry: readers behind that get a joined event.
   */
  frame: Frame | "hidden" | undefined;
}

/** The end of a reply whose own end cannot be shown. */
const FAILED: EndEvent = {
  type: "failed",
  error: { kind: "server", message: "The reply failed on the server.", retryable: false },
};

/** Makes the events of one run. */
export class FeedEvents {
  readonly #mask: Mask;

  constructor(mask: Mask) {
    this.#mask = mask;
  }

  /** Returns entries on the wire; `undefined` when nothing of them shows. */
  frameOf(shown: readonly FeedEntry[], last: FeedEntry, got: EntryId | undefined): Frame | undefined {
    const [first = last] = shown;
    const isShared = first.entry.type === "snapshot" || (first === last && got === first.previous);
    if (isShared && first.frame) return first.frame === "hidden" ? undefined : first.frame;
    const event = this.eventOf(shown, last, got);
    const frame = event && frameOf(event);
    if (isShared) first.frame = frame ?? "hidden";
    return frame;
  }

  /** Returns entries as one event; `undefined` when nothing of them shows. */
  eventOf(shown: readonly FeedEntry[], last: FeedEntry, got: EntryId | undefined): NativeEvent | undefined {
    const [first = last] = shown;
    const { entry } = first;
    if (entry.type === "snapshot") {
      const { id, message, tools, outline } = entry;
      const visible = { message: this.#mask.message(message), ...(tools && { tools: this.#mask.chunks(tools) }) };
      return { type: "snapshot", id, ...visible, outline };
    }
    if (first === last && got === first.previous) {
      return this.#chunksEvent(entry.id, first.pieces ?? entry.chunks, undefined);
    }
    const chunks = shown.flatMap((one) => (one.entry.type === "chunks" ? one.entry.chunks : []));
    return this.#chunksEvent(last.entry.id, coalesced(chunks), got);
  }

  #chunksEvent(id: EntryId, chunks: readonly MessageChunk[], after: EntryId | undefined): NativeEvent | undefined {
    const visible = this.#mask.chunks(chunks);
    return visible.length === 0 ? undefined : { type: "chunks", id, after, chunks: visible };
  }

  /** Returns the end. A run always has one, also when the mask fails. */
  endOf(end: RunEnd): EncodedEvent<EndEvent> | Promise<EncodedEvent<EndEvent>> {
    try {
      const event = this.#mask.end(end);
      return event instanceof Promise ? event.then(encodedEnd) : encodedEnd(event);
    } catch {
      return encodedEvent(FAILED);
    }
  }
}

function encodedEnd(event: EndEvent): EncodedEvent<EndEvent> {
  try {
    return encodedEvent(event);
  } catch {
    return encodedEvent(FAILED); // such as an `output` that JSON does not have
  }
}

/** Returns an event with its frame. */
export function encodedEvent<Event extends NativeEvent>(event: Event): EncodedEvent<Event> {
  return { event, frame: frameOf(event) };
}

/** Returns an event on the wire. */
export function frameOf(event: NativeEvent): Frame {
  return new Frame(encodeEvent(event));
}
