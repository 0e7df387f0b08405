/** A reader of a run that waits for its end: for answers in one piece. */

import type { Feed, FeedPlace, FeedReader } from "../feed/feed.ts";
import type { EndEvent } from "../feed/feed-events.ts";

/**
 * Resolves with the end of a run as its readers see it; with `undefined` when it continues in another process. While
 * the promise is pending, the run has a reader.
 * @param signal fires when the caller leaves
 * @throws {DOMException} the signal's reason
 */
export function endOf(feed: Feed, signal: AbortSignal): Promise<EndEvent | undefined> {
  return new Promise((resolve, reject) => {
    const reader = new EndReader(feed, (end) => {
      signal.removeEventListener("abort", leave);
      resolve(end);
    });
    function leave(): void {
      feed.leave(reader);
      reject(signal.reason);
    }
    feed.join(reader);
    if (!feed.readers.has(reader)) return resolve(undefined);
    if (signal.aborted) return leave();
    signal.addEventListener("abort", leave, { once: true });
    reader.notify();
  });
}

class EndReader implements FeedReader {
  readonly #feed: Feed;
  readonly #onEnd: (end: EndEvent | undefined) => void;
  readonly #place: FeedPlace;

  constructor(feed: Feed, onEnd: (end: EndEvent | undefined) => void) {
    this.#feed = feed;
    this.#onEnd = onEnd;
    this.#place = feed.placeOf(undefined);
  }

  notify(): void {
    while (this.#feed.readEvent(this.#place)); // a run waits for readers that are far behind
    const end = this.#feed.shownEnd;
    if (end) this.#leave(end.event);
  }

  sendAway(): void {
    this.#leave(undefined);
  }

  /** A request that waits for the end. */
  giveWay(): boolean {
    return false;
  }

  #leave(end: EndEvent | undefined): void {
    this.#feed.leave(this);
    this.#onEnd(end);
  }
}
