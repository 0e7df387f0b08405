/** A run that another process writes, read from its log for the viewers of this one. */

import { type EntryId, positionOf } from "../log/entry-id.ts";
import type { LogEntry, LogPage, ReplyLog, RunHead } from "../log/log.ts";
import { endWithText, expiredEnd, lostEnd } from "../log/lost-run.ts";
import type { Feed } from "./feed.ts";

/** The parts of a follower. */
export interface FollowerParts {
  readonly log: ReplyLog;
  readonly head: RunHead;
  readonly feed: Feed;
  /**
   * The writer is dead: takes the run over, as this attempt. Absent when no process may: the run is sealed.
   * - `taken`: this process has it, and continues `feed`.
   * - `notNow`: another process has it, or the number of the attempt is another one.
   * - `never`: the reply cannot be continued, and the run is sealed.
   */
  takeOver?(attempt: number): Promise<"taken" | "notNow" | "never">;
  /** The follower is over: its viewers have left, the run has ended, or continues here. */
  onOver(): void;
  now(): number;
}

/** The log is read so often without its notifier, in milliseconds: the first wait, and the longest. */
const MIN_POLL_MS = 50;
const MAX_POLL_MS = 500;

/** A read takes so many entries at a time. */
const PAGE_LENGTH = 500;

/**
 * A writer without a lease is dead when it has none after so long, in milliseconds. Writers renew each second, and a
 * viewer that comes to a dead run waits for no more than one.
 */
const SECOND_LOOK_MS = 950;

/** The log notes that the run is watched for so long, in milliseconds, and again after half of it. */
const VIEWED_MS = 10_000;

/** A write that takes longer has waited, perhaps for a lock, and so has the writer's renewal, in milliseconds. */
const MAX_WRITE_MS = 1_000;

/** A log that takes no read or no write for longer ends the run for viewers of this process, in milliseconds. */
const MAX_AWAY_MS = 60_000;

/** A run that has been taken over so often is sealed. */
const MAX_ATTEMPTS = 5;

/** Fills a feed from a log until its viewers have left. */
export class LogFollower {
  readonly head: RunHead;
  readonly feed: Feed;
  readonly #parts: FollowerParts;
  #isOver = false;
  #wake: (() => void) | undefined;
  #rang = false;
  /**
   * Entries of full pages: viewers get them with the rest of what the log has, at once. Some front ends cannot take
   * back what they have shown.
   */
  #unshown: LogEntry[] = [];
  #pollMs = MIN_POLL_MS;
  #viewedUntil = 0;
  /** The time since which no process holds the lease. */
  #unownedSince: number | undefined;
  /**
   * The log has failed, or waited: until then, a lease that is gone says nothing. Its writer could not renew it either,
   * and comes back in a moment.
   */
  #unsureUntil = Number.NEGATIVE_INFINITY;
  /** No process holds the lease, and the log has taken neither a take-over nor an end since. */
  #readOnlySince: number | undefined;
  /** The next attempt to try, when a take-over found another number. */
  #attempt = 2;
  #awaySince: number | undefined;

  constructor(parts: FollowerParts) {
    const { head, feed } = parts;
    this.#parts = parts;
    this.head = head;
    this.feed = feed;
    feed.onLeft = () => this.#left();
    void this.#follow();
  }

  async #follow(): Promise<void> {
    const { log, head } = this.#parts;
    let unwatch = (): void => undefined;
    try {
      unwatch = log.watch(head.id, () => this.#notify());
      while (!this.#isOver) {
        const page = await this.#read();
        if (this.#isOver) break;
        if (page && (await this.#show(page))) break;
        if (!this.#isOver && page?.entries.length !== PAGE_LENGTH) await this.#notifier();
      }
    } catch {
      this.feed.sendAway(MAX_POLL_MS); // a log of another party has failed: the viewers may try again
    } finally {
      unwatch();
      this.#close();
    }
  }

  /** Resolves with the next entries; with `undefined` when the log cannot be read at the moment. */
  async #read(): Promise<LogPage | undefined> {
    const { log, head, now } = this.#parts;
    try {
      this.#rang = false;
      const page = await log.read(head.id, this.#last, PAGE_LENGTH);
      this.#awaySince = undefined;
      if (!page) this.#expired();
      else if (now() >= this.#viewedUntil) this.#noteViewed();
      return page;
    } catch {
      this.#unsureUntil = now() + log.leaseMs;
      this.#unownedSince = undefined;
      this.#awaySince ??= now();
      if (now() - this.#awaySince < MAX_AWAY_MS) return undefined;
      this.feed.sendAway(MAX_POLL_MS);
      this.#close();
      return undefined;
    }
  }

  #expired(): void {
    this.feed.appendAll(this.#unshown.splice(0));
    this.feed.finish(expiredEnd(this.head, this.feed.entries));
    this.#close();
  }

  /** Shows a page to the viewers. Resolves with whether the follower is over. */
  async #show({ entries, end, isOwned }: LogPage): Promise<boolean> {
    const { provider, model } = this.head;
    this.#unshown.push(...entries);
    if (entries.length === PAGE_LENGTH) return false;
    this.feed.appendAll(this.#unshown.splice(0));
    // A run that has failed without an entry was refused: its viewers see the refusal, and no reply that opens.
    if (entries.length > 0 || end?.type !== "failed") this.feed.open(provider, model);
    if (entries.length > 0) this.#pollMs = MIN_POLL_MS;
    if (end) this.feed.finish(endWithText(end, this.head, this.feed.entries));
    if (end) return true;
    if (isOwned || entries.length > 0) {
      this.#unownedSince = undefined;
      this.#readOnlySince = undefined;
      this.#attempt = 2;
      return false;
    }
    const { now } = this.#parts;
    if (now() < this.#unsureUntil) return false;
    if (this.#unownedSince !== undefined) return now() - this.#unownedSince >= SECOND_LOOK_MS && this.#writerDied();
    if (!(await this.#takesWrites())) return this.#notTaken();
    this.#unownedSince = now();
    return false;
  }

  /** A log that can be read and not written, such as a full or a locked one, does not take a renewal either. */
  async #takesWrites(): Promise<boolean> {
    const { log, head, now } = this.#parts;
    const askedAt = now();
    return log.markViewed(head.id, VIEWED_MS).then(
      () => now() - askedAt < MAX_WRITE_MS,
      () => false,
    );
  }

  /**
   * The log has not taken a write: the next one is tried after a lease. Ends the run for the viewers of this process
   * when that has lasted for long, and returns whether it has. The log keeps the run.
   */
  #notTaken(): boolean {
    const now = this.#parts.now();
    this.#unsureUntil = now + this.#parts.log.leaseMs;
    this.#readOnlySince ??= now;
    if (now - this.#readOnlySince < MAX_AWAY_MS) return false;
    this.feed.finish(lostEnd(this.head, this.feed.entries));
    return true;
  }

  async #writerDied(): Promise<boolean> {
    const { log, head, takeOver } = this.#parts;
    this.#unownedSince = undefined;
    const attempt = Math.max(this.#attempt, (positionOf(this.#last ?? "1-0")?.attempt ?? 1) + 1);
    try {
      const outcome = takeOver && attempt <= MAX_ATTEMPTS ? await takeOver(attempt) : "never";
      switch (outcome) {
        case "taken":
          return true;
        case "notNow":
          this.#readOnlySince = undefined;
          this.#attempt = attempt + 1; // an attempt that has written nothing is not among the entries
          return false;
        case "never": {
          const end = await log.seal(head.id, lostEnd(head, this.feed.entries));
          this.#readOnlySince = undefined;
          if (end) this.feed.finish(end);
          return end !== undefined;
        }
      }
    } catch {
      return this.#notTaken();
    }
  }

  /** A log that can be read and not written, such as a full one, still shows the run. */
  #noteViewed(): void {
    this.#viewedUntil = this.#parts.now() + VIEWED_MS / 2;
    this.#parts.log.markViewed(this.head.id, VIEWED_MS).catch(() => undefined);
  }

  /** Resolves when the log has rung, when it is time for the second look at a lease, or after a while. */
  #notifier(): Promise<void> {
    const lookMs = (this.#unownedSince ?? Number.POSITIVE_INFINITY) + SECOND_LOOK_MS - this.#parts.now();
    const waitMs = this.#rang ? 0 : Math.max(0, Math.min(this.#pollMs, lookMs));
    this.#pollMs = Math.min(this.#pollMs * 2, MAX_POLL_MS);
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, waitMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #notify(): void {
    this.#rang = true;
    this.#pollMs = MIN_POLL_MS;
    this.#wake?.();
  }

  /** A viewer may be about to join. */
  #left(): void {
    setTimeout(() => {
      if (this.feed.readers.size === 0) this.#close();
    });
  }

  #close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#wake?.();
    this.#parts.onOver();
  }

  get #last(): EntryId | undefined {
    return (this.#unshown.at(-1) ?? this.feed.last)?.id;
  }
}
