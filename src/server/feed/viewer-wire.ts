/** The events that one viewer sends: those of the relay's own wire, which all viewers share, or of another dialect. */

import type { ReplyEncoder, ReplyEvent } from "../../dialects/dialect.ts";
import { Mirror } from "../../dialects/mirror.ts";
import type { NativeEvent } from "../../dialects/native/wire.ts";
import { inOrder } from "../../dialects/ordered-chunks.ts";
import { type EntryId, entryId } from "../log/entry-id.ts";
import type { Feed, FeedPlace } from "./feed.ts";
import { frameOf } from "./feed-events.ts";
import { Frame } from "./frame.ts";

/** The frames of one connection, in order. */
export interface ViewerWire {
  /** Returns the next frame; `undefined` while there is none. */
  next(): Frame | undefined;
  /** Returns the last frame; `undefined` while the run continues. */
  end(): Frame | undefined;
  /** Returns the last frame for a run that continues elsewhere; `undefined` when the connection is to be broken. */
  away(afterMs: number): Frame | undefined;
  /** Returns whether there is something to send, which may turn out to be nothing that shows. */
  readonly hasMore: boolean;
}

/** The relay's own wire, from the entry behind `after`. */
export class SharedWire implements ViewerWire {
  readonly #feed: Feed;
  readonly #place: FeedPlace;
  #hasOpened = false;

  constructor(feed: Feed, after: EntryId | undefined) {
    this.#feed = feed;
    this.#place = feed.placeOf(after);
  }

  get hasMore(): boolean {
    return this.#feed.hasMore(this.#place);
  }

  next(): Frame | undefined {
    if (this.#hasOpened) return this.#feed.read(this.#place);
    const { opened } = this.#feed;
    if (!opened) return undefined;
    this.#hasOpened = true;
    return opened.frame;
  }

  end(): Frame | undefined {
    return this.#feed.shownEnd?.frame;
  }

  away(afterMs: number): Frame {
    return frameOf({ type: "reconnect", afterMs });
  }
}

/** Another dialect, from the beginning of the reply. Summaries become the chunks that lead to them. */
export class EncodedWire implements ViewerWire {
  readonly #feed: Feed;
  #encoder: ReplyEncoder;
  readonly #place: FeedPlace;
  #mirror: Mirror | undefined;
  #hasBegun = false;

  constructor(feed: Feed, encoder: ReplyEncoder) {
    this.#feed = feed;
    this.#encoder = encoder;
    this.#place = feed.placeOf(undefined);
  }

  get hasMore(): boolean {
    return this.#feed.hasMore(this.#place);
  }

  next(): Frame | undefined {
    if (this.#encoder.isOver) return undefined;
    const opened = this.#begin() || this.#open();
    if (opened) return new Frame(opened);
    if (!this.#mirror) return undefined;
    for (;;) {
      const event = this.#feed.readEvent(this.#place);
      if (!event) return undefined;
      const text = this.#encoded(event, this.#mirror);
      if (text !== "") return new Frame(text);
    }
  }

  end(): Frame | undefined {
    if (this.#encoder.isOver) return new Frame("");
    const event = this.#feed.shownEnd?.event;
    if (!event) return undefined;
    const message = event.type === "complete" ? event.message : event.error.partial;
    const rest = this.#encoder.fromStart ? undefined : message && this.#mirror?.replace(message, event.type);
    const text = (rest ? this.#encodedChunks(rest, undefined) : "") + this.#encoder.encode(event);
    return new Frame(text);
  }

  away(afterMs: number): Frame | undefined {
    if (this.#encoder.breaksAway) return undefined;
    return new Frame(this.#encoder.encode({ type: "reconnect", afterMs }));
  }

  #begin(): string | undefined {
    if (this.#hasBegun) return undefined;
    this.#hasBegun = true;
    return this.#encoder.begin?.();
  }

  /** Returns the beginning of the reply, once; nothing before the provider has accepted the request. */
  #open(): string | undefined {
    const { opened } = this.#feed;
    if (this.#mirror || !opened) return undefined;
    const { provider, model } = opened.event;
    this.#mirror = new Mirror({ provider, model, attempts: [] });
    return this.#encoder.encode(opened.event) || undefined;
  }

  #encoded(event: NativeEvent, mirror: Mirror): string {
    if (this.#encoder.fromStart) return this.#numbered(event, this.#encoder.fromStart);
    switch (event.type) {
      case "snapshot": {
        const shown = mirror.isEmpty
          ? mirror.add(inOrder(event).flatMap(({ chunks }) => chunks.filter(({ type }) => type !== "rewind")))
          : mirror.replace(event.message, undefined, event.tools);
        return this.#encodedChunks(shown, event.id);
      }
      case "chunks":
        return this.#encodedChunks(mirror.add(event.chunks), event.id);
      default:
        return this.#encoder.encode(event);
    }
  }

  /** An encoder that numbers its events takes chunks as they are, and a summary in their order. */
  #numbered(event: NativeEvent, fromStart: () => ReplyEncoder): string {
    if (event.type !== "snapshot") return this.#encoder.encode(event);
    const { opened } = this.#feed;
    this.#encoder = fromStart.call(this.#encoder);
    const begun = (this.#encoder.begin?.() ?? "") + (opened ? this.#encoder.encode(opened.event) : "");
    const ordered = inOrder(event).map(({ attempt, chunks }) => {
      const id = attempt === undefined ? undefined : entryId({ attempt, number: 0 });
      return this.#encoder.encode({ type: "chunks", id, chunks });
    });
    return begun + ordered.join("");
  }

  #encodedChunks(chunks: Extract<ReplyEvent, { readonly type: "chunks" }>["chunks"], id: string | undefined): string {
    return chunks.length === 0 ? "" : this.#encoder.encode({ type: "chunks", id, chunks });
  }
}
