/** The runs that this process produces or follows, and those that it looks at each second. */

import { isBoundToRequests } from "../../platform/bound-to-requests.ts";
import type { Feed } from "../feed/feed.ts";
import type { LogFollower } from "../feed/log-follower.ts";
import type { Viewer } from "../feed/viewer.ts";
import type { RunHead } from "../log/log.ts";
import type { Run } from "./run.ts";
import { Ticks } from "./ticks.ts";

/** A run that no log has taken is kept for so long after its end, in milliseconds. */
const KEEP_MS = 60_000;

/** A run for a request; the end of one that only the conversation has; `undefined` for one that runs elsewhere. */
export type Begun = Run | { readonly head: RunHead; readonly recorded: Feed } | undefined;

/** Keeps what this process has of its runs. */
export class Runs {
  readonly #now: () => number;
  readonly #runs = new Map<string, Run>();
  /** Those that have not ended: ended ones may be many more. */
  readonly #running = new Set<Run>();
  readonly #followers = new Map<string, LogFollower>();
  readonly #ticks: Ticks;
  /** The ends of the ticks of viewers, also of runs that are over: a connection may freeze before it has the end. */
  readonly #viewers = new Map<Viewer, () => void>();
  /** The ends of the ticks of runs, also of those that are over: they may have their end to write. */
  readonly #ticking = new Map<Run, () => void>();
  /** The starts under way, by the ids of their runs. */
  readonly #starting = new Map<string, Promise<Begun>>();
  /** Runs that have something left to do, such as to write their end. */
  readonly #unsettled = new Set<Run>();
  /** Runs that have ended, with the time until which they are kept: longer when no log has them. */
  readonly #kept = new Map<Run, number>();

  constructor(now: () => number) {
    this.#now = now;
    this.#ticks = new Ticks(now);
  }

  /** Returns the runs that this process produces. */
  get running(): readonly Run[] {
    return [...this.#running].filter((run) => !run.isOver);
  }

  /** Returns how many runs of a user this process produces. */
  countOf(user: string): number {
    let count = 0;
    for (const run of this.#running) if (!run.isOver && run.head.owner === user) count++;
    return count;
  }

  /** Resolves when no run of this process begins, runs, or has its end to write. */
  async settled(): Promise<void> {
    while (this.#starting.size + this.#unsettled.size > 0) {
      await Promise.allSettled([...this.#starting.values(), ...[...this.#unsettled].map((run) => run.settled)]);
    }
  }

  get followers(): readonly LogFollower[] {
    return [...this.#followers.values()];
  }

  /** Returns the run, when this process produces it or has produced it a moment ago. */
  run(id: string): Run | undefined {
    return this.#runs.get(id);
  }

  follower(id: string): LogFollower | undefined {
    return this.#followers.get(id);
  }

  /** Begins a run once: a second call with the same id, while the first is under way, resolves with the same. */
  start(id: string, begin: () => Promise<Begun>): Promise<Begun> {
    const under = this.#starting.get(id);
    if (under) return under;
    const starting = begin().finally(() => this.#starting.delete(id));
    this.#starting.set(id, starting);
    return starting;
  }

  add(run: Run): void {
    const { id } = run.head;
    this.#runs.set(id, run);
    this.#running.add(run);
    this.#followers.delete(id);
    this.#unsettled.add(run);
    this.#sweep(); // a run that is kept may have lost its ticks
    const tick = (now: number): void => {
      run.tick(now);
      this.#expire(run, now);
    };
    this.#ticking.set(run, this.#ticks.add(tick));
    void run.over.then(() => {
      this.#running.delete(run);
      if (!run.feed.end) this.#forget(run); // it continues elsewhere: its viewers follow it there
    });
    void run.settled.then(() => {
      this.#unsettled.delete(run);
      if (!run.feed.end) return;
      if (run.isLogged && run.feed.readers.size === 0) this.#forget(run);
      else this.#kept.set(run, this.#now() + (run.isLogged ? 0 : KEEP_MS));
    });
  }

  follow(follower: LogFollower): void {
    this.#followers.set(follower.head.id, follower);
  }

  unfollow(follower: LogFollower): void {
    const { id } = follower.head;
    if (this.#followers.get(id) === follower) this.#followers.delete(id);
  }

  watch(viewer: Viewer): void {
    this.#viewers.set(
      viewer,
      this.#ticks.add((now) => viewer.tick(now)),
    );
  }

  unwatch(viewer: Viewer): void {
    this.#viewers.get(viewer)?.();
    this.#viewers.delete(viewer);
  }

  /** Forgets a run that is over. */
  forget(id: string): void {
    const run = this.#runs.get(id);
    if (!run) return;
    this.#kept.delete(run);
    this.#forget(run);
  }

  #forget(run: Run): void {
    const { id } = run.head;
    if (this.#runs.get(id) === run) this.#runs.delete(id);
    this.#ticking.get(run)?.();
    this.#ticking.delete(run);
  }

  /** Forgets a run that is over, when it was kept for long enough. */
  #expire(run: Run, now: number): void {
    const until = this.#kept.get(run);
    if (until === undefined || now < until || run.feed.readers.size > 0) return;
    this.#kept.delete(run);
    this.#forget(run);
  }

  #sweep(): void {
    if (!isBoundToRequests()) return;
    for (const run of this.#kept.keys()) this.#expire(run, this.#now());
  }
}
