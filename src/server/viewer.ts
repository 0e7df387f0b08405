/** A viewer: one response that shows a run, as its connection takes it. */

import type { EntryId } from "./entry-id.ts";
import { bytesOf, type Feed, type FeedReader, type Place } from "./feed.ts";

/**
 * A connection that carries nothing for so long gets a comment, so that proxies and servers keep it, in milliseconds.
 * The shortest limit is that of `Bun.serve`: 10 s.
 * @see https://bun.com/docs/runtime/http/server#idletimeout
 */
const KEEP_ALIVE_MS = 8_000;

/** A connection that takes nothing for so long, although bytes wait, is gone, in milliseconds. */
const FROZEN_MS = 60_000;

const KEEP_ALIVE = new TextEncoder().encode(": keep-alive\n\n");

/**
 * Shows a feed to one connection. It holds no entries: it is a place in the feed, and reads from there when the
 * connection takes more. One that is behind gets what it has missed in one event.
 */
export class Viewer implements FeedReader {
  /** The body of the response. */
  readonly body: ReadableStream<Uint8Array>;
  readonly #feed: Feed;
  readonly #place: Place;
  readonly #now: () => number;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  /** The connection waits for bytes. */
  #isWanted = false;
  #hasOpened = false;
  #sentAt: number;

  /** @param after the last entry that the viewer has seen */
  constructor(feed: Feed, after: EntryId | undefined, now: () => number) {
    this.#feed = feed;
    this.#place = feed.placeOf(after);
    this.#now = now;
    this.#sentAt = now();
    this.body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller;
          controller.enqueue(KEEP_ALIVE); // some proxies hold the headers back until there is a byte
        },
        pull: () => {
          this.#isWanted = true;
          this.ring();
        },
        cancel: () => this.#leave(),
      },
      { highWaterMark: 0 },
    );
    feed.join(this);
  }

  ring(): void {
    if (!this.#isWanted) return;
    try {
      this.#send();
    } catch {
      this.gone(); // one viewer does not stop the run
    }
  }

  sendAway(afterMs: number): void {
    const controller = this.#controller;
    this.#leave();
    controller?.enqueue(bytesOf({ type: "reconnect", afterMs }));
    controller?.close();
  }

  /** The connection is gone. */
  gone(): void {
    const controller = this.#controller;
    this.#leave();
    controller?.error(new Error("The connection is gone."));
  }

  tick(now: number): void {
    const quietMs = now - this.#sentAt;
    if (this.#isWanted && quietMs >= KEEP_ALIVE_MS) this.#enqueue(KEEP_ALIVE);
    else if (!this.#isWanted && quietMs >= FROZEN_MS && this.#feed.hasMore(this.#place)) this.gone();
  }

  #send(): void {
    const frame = this.#next();
    if (frame) return this.#enqueue(frame);
    const end = this.#feed.endFrame;
    if (!end) return;
    const controller = this.#controller;
    this.#leave();
    controller?.enqueue(end);
    controller?.close();
  }

  #next(): Uint8Array | undefined {
    if (this.#hasOpened) return this.#feed.read(this.#place);
    const { opened } = this.#feed;
    if (!opened) return undefined;
    this.#hasOpened = true;
    return opened;
  }

  #enqueue(bytes: Uint8Array): void {
    this.#isWanted = false;
    this.#sentAt = this.#now();
    this.#controller?.enqueue(bytes);
  }

  #leave(): void {
    this.#isWanted = false;
    this.#controller = undefined;
    this.#feed.leave(this);
  }
}
