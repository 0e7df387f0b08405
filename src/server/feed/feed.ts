/** The entries of one run in the memory of this process, and the viewers that read them. */

import type { MessageChunk } from "../../contract/chunk.ts";
import type { NativeEvent } from "../../dialects/native/wire.ts";
import type { EntryId } from "../log/entry-id.ts";
import { sizeOfEntry } from "../log/entry-size.ts";
import type { LogEntry, RunEnd, RunHead } from "../log/log.ts";
import { Cursor } from "./cursor.ts";
import {
  type EncodedEvent,
  type EndEvent,
  encodedEvent,
  type FeedEntry,
  FeedEvents,
  type Mask,
  type OpenedEvent,
} from "./feed-events.ts";
import type { Frame } from "./frame.ts";

/** A reader of a feed. */
export interface FeedReader {
  /** There is more to read, or the end. */
  notify(): void;
  /** The run continues elsewhere: attach again after so many milliseconds. */
  sendAway(afterMs: number): void;
  /**
   * Another reader wants the place. Returns whether this one has left: only one that was here for a while leaves.
   * @param comesBack whether it would come back. Otherwise it leaves only if it takes nothing
   */
  giveWay(comesBack: boolean): boolean;
}

/** A reader's place. `next` counts the entries of the feed from 0, and `sent` their bytes. */
export interface FeedPlace {
  readonly cursor: Cursor;
  /** The last entry that the reader has got, or had before. */
  got: EntryId | undefined;
  next: number;
  sent: number;
}

/** A viewer that is behind gets at most so many bytes at a time. */
const MAX_BACKLOG = 262_144;

/** The run is read so many bytes ahead of its fastest viewer (law 6). */
const MAX_AHEAD = 1_048_576;

/**
 * Keeps the entries since the last snapshot, and those between it and the one before. So a viewer that is a little
 * behind need not begin again. A run, or a reader of a log, fills it.
 */
export class Feed {
  /** The id of the run. */
  readonly run: string;
  /** The conversation, as its owner calls it. */
  readonly chat: string;
  /** The id under which front ends know the reply. */
  readonly messageId: string;
  /** The parts of that message before this run. */
  readonly before: readonly MessageChunk[] | undefined;
  readonly #events: FeedEvents;
  readonly #readers = new Set<FeedReader>();
  #entries: FeedEntry[] = [];
  /** How many entries have been removed from the front. */
  #dropped = 0;
  /** The number of the last snapshot, counted as in `FeedPlace`: a new viewer begins there. */
  #start = 0;
  #bytes = 0;
  /** As far as the fastest reader has come, in bytes. */
  #fastest = 0;
  #opened: EncodedEvent<OpenedEvent> | undefined;
  #end: RunEnd | undefined;
  #shownEnd: EncodedEvent<EndEvent> | undefined;
  #isElsewhere = false;
  /** Resumes the run, which waits for its readers. */
  #resume: (() => void) | undefined;
  /** Called when the last reader has left. */
  onLeft: (() => void) | undefined;

  constructor({ id, chat, messageId = id, before }: Pick<RunHead, "id" | "chat" | "messageId" | "before">, mask: Mask) {
    this.run = id;
    this.chat = chat.slice(chat.indexOf("/") + 1);
    this.messageId = messageId;
    this.before = before;
    this.#events = new FeedEvents(mask);
  }

  get readers(): ReadonlySet<FeedReader> {
    return this.#readers;
  }

  /** Returns the entries from the last snapshot on, and some before it. */
  get entries(): readonly LogEntry[] {
    return this.#entries.map(({ entry }) => entry);
  }

  get last(): LogEntry | undefined {
    return this.#entries.at(-1)?.entry;
  }

  /** Returns how many entries there are from the last snapshot on. */
  get length(): number {
    return this.#dropped + this.#entries.length - this.#start;
  }

  get end(): RunEnd | undefined {
    return this.#end;
  }

  /** Returns whether the run continues elsewhere. */
  get isElsewhere(): boolean {
    return this.#isElsewhere;
  }

  /** Returns whether the run is too far ahead of its readers. */
  get isAhead(): boolean {
    return this.#readers.size > 0 && this.#bytes - this.#fastest > MAX_AHEAD;
  }

  /** The event with which every reader begins; `undefined` while the provider has not accepted the request. */
  get opened(): EncodedEvent<OpenedEvent> | undefined {
    return this.#opened;
  }

  /** The provider has accepted the request. */
  open(provider: string, model: string): void {
    if (this.#opened) return;
    this.#opened = encodedEvent({ type: "opened", run: this.run, provider, model });
    this.#notify();
  }

  /**
   * @param size as `sizeOfEntry` says
   * @param pieces the chunks of the entry as they came, before they were joined
   */
  append(entry: LogEntry, size: number = sizeOfEntry(entry), pieces?: readonly MessageChunk[]): void {
    this.#add(entry, size, pieces);
    this.#notify();
  }

  /** Appends entries at once: a reader that waits gets them in one event. */
  appendAll(entries: readonly LogEntry[]): void {
    for (const entry of entries) this.#add(entry, sizeOfEntry(entry), undefined);
    this.#notify();
  }

  #add(entry: LogEntry, size: number, pieces: readonly MessageChunk[] | undefined): void {
    const last = this.#entries.at(-1);
    if (last?.entry.type === "chunks") last.frame = last.pieces = undefined;
    if (entry.type === "chunks") this.#bytes += size;
    else {
      this.#entries.splice(0, this.#start - this.#dropped);
      this.#dropped = this.#start;
      this.#start += this.#entries.length;
    }
    this.#entries.push({ entry, previous: last?.entry.id, bytes: this.#bytes, pieces, frame: undefined });
  }

  /** The end of the run: nothing follows it. */
  finish(end: RunEnd): void {
    if (this.#end) return;
    this.#end = end;
    const shown = this.#events.endOf(end);
    if (shown instanceof Promise) void shown.then((signed) => this.#showEnd(signed));
    else this.#showEnd(shown);
    this.stopWaiting();
  }

  /** Resolves when the readers have caught up, or have left, or `stopWaiting` is called. */
  caughtUp(): Promise<void> {
    return new Promise((resolve) => {
      this.#resume = resolve;
    });
  }

  /** Lets a run that waits for its readers continue. */
  stopWaiting(): void {
    this.#resume?.();
    this.#resume = undefined;
  }

  /** Returns the place of a reader that has seen the entries up to `after`. */
  placeOf(after: EntryId | undefined): FeedPlace {
    const seen = after === undefined ? -1 : this.#entries.findLastIndex(({ entry }) => entry.id === after);
    return { cursor: new Cursor(after), got: after, next: seen < 0 ? this.#start : this.#dropped + seen + 1, sent: 0 };
  }

  /** Adds a reader, unless it would wait for a run that continues elsewhere. */
  join(reader: FeedReader): void {
    if (!this.#isElsewhere) this.#readers.add(reader);
  }

  /**
   * Lets one of the readers leave for another one, those that came first before the others. Returns whether it has.
   * @param comeBack see `FeedReader.giveWay`
   */
  makeRoom(comeBack: boolean): boolean {
    for (const reader of this.#readers) if (reader.giveWay(comeBack)) return true;
    return false;
  }

  leave(reader: FeedReader): void {
    if (!this.#readers.delete(reader)) return;
    this.stopWaiting();
    if (this.#readers.size === 0) this.onLeft?.();
  }

  /** The run continues elsewhere: nothing fills this feed any more. */
  sendAway(afterMs: number): void {
    this.#isElsewhere = true;
    for (const reader of [...this.#readers]) reader.sendAway(afterMs);
  }

  /**
   * Returns the next entries on the relay's own wire, and moves the reader's place behind them; `undefined` for no
   * entries.
   */
  read(place: FeedPlace): Frame | undefined {
    return this.#next(place, (shown, last, got) => this.#events.frameOf(shown, last, got));
  }

  /** Returns the next entries as one event, and moves the reader's place behind them; `undefined` for none. */
  readEvent(place: FeedPlace): NativeEvent | undefined {
    return this.#next(place, (shown, last, got) => this.#events.eventOf(shown, last, got));
  }

  /** Returns whether there is something to read, which may turn out to be nothing that shows. */
  hasMore(place: FeedPlace): boolean {
    return this.#end !== undefined || place.next < this.#dropped + this.#entries.length;
  }

  /** Returns the end as readers see it; `undefined` while the run continues. */
  get shownEnd(): EncodedEvent<EndEvent> | undefined {
    return this.#shownEnd;
  }

  /** Returns what `made` makes of the next entries that show. */
  #next<Made>(
    place: FeedPlace,
    made: (shown: readonly FeedEntry[], last: FeedEntry, got: EntryId | undefined) => Made | undefined,
  ): Made | undefined {
    if (place.next < this.#dropped) place.next = this.#start;
    while (place.next < this.#dropped + this.#entries.length) {
      const shown = this.#take(place);
      const last = shown.at(-1);
      const next = last && made(shown, last, place.got);
      this.#sent(place);
      if (!last || next === undefined) continue;
      place.got = last.entry.id;
      return next;
    }
    return undefined;
  }

  #showEnd(shown: EncodedEvent<EndEvent>): void {
    this.#shownEnd = shown;
    this.#notify();
  }

  #notify(): void {
    for (const reader of this.#readers) reader.notify();
  }

  /** Returns the entries that show to a reader: one snapshot, or as many chunks as go into one event. */
  #take(place: FeedPlace): readonly FeedEntry[] {
    const shown: FeedEntry[] = [];
    const start = this.#entries[place.next - this.#dropped - 1]?.bytes ?? 0;
    for (let at = place.next - this.#dropped; at < this.#entries.length; at++) {
      const entry = this.#entries[at];
      if (!entry) break;
      if (entry.entry.type === "snapshot" && shown.length > 0) break; // it is an event of its own
      place.next++;
      if (place.cursor.take(entry.entry)) shown.push(entry);
      if (entry.entry.type === "snapshot" || entry.bytes - start > MAX_BACKLOG) break;
    }
    return shown;
  }

  #sent(place: FeedPlace): void {
    place.sent = this.#entries[place.next - this.#dropped - 1]?.bytes ?? place.sent;
    if (place.sent <= this.#fastest) return;
    this.#fastest = place.sent;
    if (this.#resume && !this.isAhead) this.stopWaiting();
  }
}
