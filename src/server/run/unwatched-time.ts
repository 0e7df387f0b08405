/** How long a run has been without a viewer: it ends when that takes too long. */

import type { Feed } from "../feed/feed.ts";

/** A run whose first viewer has not come by then counts as unwatched, in milliseconds. */
const FIRST_VIEWER_MS = 30_000;

/** The viewers of a run. */
export interface WatchedRun {
  readonly feed: Pick<Feed, "readers">;
  /** How long the run continues without a viewer, in milliseconds. */
  readonly lingerMs: number;
  /** Resolves with whether a viewer watches the run in another process. */
  isViewedElsewhere(): Promise<boolean>;
}

/** Measures the time without a viewer. */
export class UnwatchedTime {
  readonly #run: WatchedRun;
  readonly #startedAt: number;
  readonly #stop: () => void;
  #since: number | undefined;

  /** @param stop ends the run */
  constructor(run: WatchedRun, startedAt: number, stop: () => void) {
    this.#run = run;
    this.#startedAt = startedAt;
    this.#stop = stop;
  }

  /** The last viewer has left. */
  begin(now: number): void {
    this.#since = now;
    if (this.#run.lingerMs === 0) this.#check(now, now);
  }

  /** Called each second while the run continues. */
  tick(now: number): void {
    if (this.#run.feed.readers.size > 0) this.#since = undefined;
    else if (this.#since !== undefined) this.#check(now, this.#since);
    else if (now - this.#startedAt >= FIRST_VIEWER_MS) this.#since = now;
  }

  #check(now: number, since: number): void {
    if (now - since < this.#run.lingerMs) return;
    void this.#run.isViewedElsewhere().then((isViewed) => {
      if (this.#run.feed.readers.size > 0) return;
      if (isViewed) this.#since = now;
      else this.#stop();
    });
  }
}
