/** A viewer: one response that shows a run, as its connection takes it. */

import type { Feed, FeedReader } from "./feed.ts";
import { Frame } from "./frame.ts";
import type { ViewerWire } from "./viewer-wire.ts";

/**
 * A connection that carries nothing for so long gets a comment, so that proxies and servers keep it, in milliseconds.
 * The shortest limit is that of `Bun.serve`: 10 s.
 * @see https://bun.com/docs/runtime/http/server#idletimeout
 */
const KEEP_ALIVE_MS = 8_000;

/** A connection that takes nothing for so long, although bytes wait, is gone, in milliseconds. */
const FROZEN_MS = 60_000;

/**
 * A viewer leaves for another one, where there is room for no more, when it was here for so long, in milliseconds. A
 * phone that has lost its network leaves connections behind that look alive for a quarter of an hour.
 */
const PLACE_MS = 30_000;

/** A viewer that leaves for another one may come back after so long, in milliseconds. */
const GIVE_WAY_MS = 1_000;

const KEEP_ALIVE = ": keep-alive\n\n";

/** The parts of a viewer. */
export interface ViewerParts {
  readonly feed: Feed;
  readonly wire: ViewerWire;
  /** A comment or an event of the dialect. Default: a comment. */
  readonly keepAlive?: string | undefined;
  /** The first bytes, for a wire on which `keepAlive` may not come first. Default: `keepAlive`. */
  readonly opening?: string | undefined;
  now(): number;
  /** The connection takes nothing more, or is gone. */
  onLeft(): void;
}

/** A connection as its viewer sees it. */
export interface Connection {
  enqueue(frame: Frame): void;
  /** Ends the connection behind its last frame. */
  close(last: Frame): void;
  error(error: Error): void;
}

/**
 * Shows a feed to one connection. It holds no entries: it is a place in the feed, and reads from there when the
 * connection takes more. One that is behind gets what it has missed in one event.
 */
export class Viewer implements FeedReader {
  readonly #feed: Feed;
  readonly #wire: ViewerWire;
  readonly #keepAlive: Frame;
  readonly #now: () => number;
  readonly #opening: Frame;
  readonly #onLeft: () => void;
  #connection: Connection | undefined;
  #hasBegun = false;
  /** The frame that is sent next, where it has left the wire already. */
  #waiting: Frame | undefined;
  /** The connection waits for bytes. */
  #isWanted = false;
  #sentAt: number;
  readonly #joinedAt: number;

  constructor({ feed, wire, keepAlive = KEEP_ALIVE, opening = keepAlive, now, onLeft }: ViewerParts) {
    this.#feed = feed;
    this.#wire = wire;
    this.#keepAlive = new Frame(keepAlive);
    this.#now = now;
    this.#sentAt = this.#joinedAt = now();
    this.#opening = opening === keepAlive ? this.#keepAlive : new Frame(opening);
    this.#onLeft = onLeft;
    feed.join(this);
  }

  /** Called once, first. */
  start(connection: Connection): void {
    if (!this.#feed.readers.has(this)) {
      this.#leave();
      return connection.error(new Error("The run continues elsewhere."));
    }
    this.#connection = connection;
    this.pull(); // some proxies hold the headers back until there is a byte
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
    const frame = this.#wire.away(afterMs);
    if (!frame) return this.gone();
    const connection = this.#connection;
    this.#leave();
    connection?.close(frame);
  }

  giveWay(comesBack: boolean): boolean {
    if (this.#now() - this.#joinedAt < PLACE_MS) return false;
    if (!comesBack && (this.#isWanted || this.#now() - this.#sentAt < PLACE_MS)) return false;
    if (this.#isWanted) this.sendAway(GIVE_WAY_MS);
    else this.gone(); // it has not taken what was sent
    return true;
  }

  /** The connection is gone. */
  gone(): void {
    const connection = this.#connection;
    this.#leave();
    connection?.error(new Error("The connection is gone."));
  }

  /** Called each second. */
  tick(now: number): void {
    const quietMs = now - this.#sentAt;
    const hasMore = this.#waiting !== undefined || this.#wire.hasMore;
    if (this.#isWanted && quietMs >= KEEP_ALIVE_MS) this.#enqueue(this.#keepAlive);
    else if (!this.#isWanted && quietMs >= FROZEN_MS && hasMore) this.gone();
  }

  #send(): void {
    const frame = this.#hasBegun ? this.#next() : this.#begin();
    if (frame) return this.#enqueue(frame);
    const end = this.#wire.end();
    if (!end) return;
    const connection = this.#connection;
    this.#leave();
    connection?.close(end);
  }

  /** Returns the opening, with what is there already: a write costs more than its bytes. */
  #begin(): Frame {
    this.#hasBegun = true;
    let frame = this.#opening;
    for (let next = this.#wire.next(); next; next = this.#wire.next()) {
      const joined = frame.with(next);
      if (!joined) {
        this.#waiting = next;
        break;
      }
      frame = joined;
    }
    return frame;
  }

  #next(): Frame | undefined {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    return waiting ?? this.#wire.next();
  }

  #enqueue(frame: Frame): void {
    this.#isWanted = false;
    this.#sentAt = this.#now();
    this.#connection?.enqueue(frame);
  }

  #leave(): void {
    this.#isWanted = false;
    this.#connection = undefined;
    this.#feed.leave(this);
    this.#onLeft();
  }
}
