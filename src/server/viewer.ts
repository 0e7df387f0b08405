/** A viewer: one response that shows a run, as its connection takes it. */

import type { Feed, FeedReader } from "./feed.ts";
import type { ViewerWire } from "./viewer-wire.ts";

/**
 * A connection that carries nothing for so long gets a comment, so that proxies and servers keep it, in milliseconds.
 * The shortest limit is that of `Bun.serve`: 10 s.
 * @see https://bun.com/docs/runtime/http/server#idletimeout
 */
const KEEP_ALIVE_MS = 8_000;

/** A connection that takes nothing for so long, although bytes wait, is gone, in milliseconds. */
const FROZEN_MS = 60_000;

const KEEP_ALIVE = ": keep-alive\n\n";

const encoder = new TextEncoder();

/** The parts of a viewer. */
export interface ViewerParts {
  readonly feed: Feed;
  readonly wire: ViewerWire;
  /** A comment or an event of the dialect. Default: a comment. */
  readonly keepAlive?: string | undefined;
  /** The first bytes, for a wire on which `keepAlive` may not come first. Default: `keepAlive`. */
  readonly opening?: string | undefined;
  now(): number;
}

/** A connection as its viewer sees it: the controller of a `ReadableStream`, or a response of Node. */
export type Connection = Pick<ReadableStreamDefaultController<Uint8Array>, "enqueue" | "close" | "error">;

/**
 * Shows a feed to one connection. It holds no entries: it is a place in the feed, and reads from there when the
 * connection takes more. One that is behind gets what it has missed in one event. It is the source of a
 * `ReadableStream` that asks for nothing in advance.
 */
export class Viewer implements FeedReader {
  readonly #feed: Feed;
  readonly #wire: ViewerWire;
  readonly #keepAlive: Uint8Array;
  readonly #now: () => number;
  readonly #opening: string;
  #connection: Connection | undefined;
  /** The connection waits for bytes. */
  #isWanted = false;
  #sentAt: number;

  constructor({ feed, wire, keepAlive = KEEP_ALIVE, opening = keepAlive, now }: ViewerParts) {
    this.#feed = feed;
    this.#wire = wire;
    this.#keepAlive = encoder.encode(keepAlive);
    this.#now = now;
    this.#sentAt = now();
    this.#opening = opening;
    feed.join(this);
  }

  /** Called once, first. */
  start(connection: Connection): void {
    if (!this.#feed.readers.has(this)) return connection.error(new Error("The run goes on elsewhere."));
    this.#connection = connection;
    connection.enqueue(encoder.encode(this.#opening)); // some proxies hold the headers back until there is a byte
  }

  /** The connection takes more. */
  pull(): void {
    this.#isWanted = this.#connection !== undefined;
    this.notify();
  }

  /** The connection takes nothing more. */
  cancel(): void {
    this.#leave();
  }

  notify(): void {
    if (!this.#isWanted) return;
    try {
      this.#send();
    } catch {
      this.gone(); // one viewer does not stop the run
    }
  }

  sendAway(afterMs: number): void {
    const bytes = this.#wire.away(afterMs);
    if (!bytes) return this.gone();
    const connection = this.#connection;
    this.#leave();
    connection?.enqueue(bytes);
    connection?.close();
  }

  /** The connection is gone. */
  gone(): void {
    const connection = this.#connection;
    this.#leave();
    connection?.error(new Error("The connection is gone."));
  }

  tick(now: number): void {
    const quietMs = now - this.#sentAt;
    if (this.#isWanted && quietMs >= KEEP_ALIVE_MS) this.#enqueue(this.#keepAlive);
    else if (!this.#isWanted && quietMs >= FROZEN_MS && this.#wire.hasMore) this.gone();
  }

  #send(): void {
    const bytes = this.#wire.next();
    if (bytes) return this.#enqueue(bytes);
    const end = this.#wire.end();
    if (!end) return;
    const connection = this.#connection;
    this.#leave();
    connection?.enqueue(end);
    connection?.close();
  }

  #enqueue(bytes: Uint8Array): void {
    this.#isWanted = false;
    this.#sentAt = this.#now();
    this.#connection?.enqueue(bytes);
  }

  #leave(): void {
    this.#isWanted = false;
    this.#connection = undefined;
    this.#feed.leave(this);
  }
}
