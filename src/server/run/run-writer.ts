/** Writes a run into its log, behind its delivery: one append at a time, and none that anybody waits for. */

import { sleep } from "../../platform/sleep.ts";
import { sizeOfEntry } from "../log/entry-size.ts";
import type { LogEntry, LogWriter, RunEnd, WriterState } from "../log/log.ts";
import { within } from "../log/log-deadline.ts";

/** The facts that a writer needs from its run, and its reports to it. */
export interface WrittenRun {
  /** Returns an entry that takes the place of all before it; `undefined` when there are none. */
  snapshot(): LogEntry | undefined;
  /** A viewer, in whichever process, wants the run to stop. */
  stopAsked(): void;
  /** The run was sealed, taken over or deleted. */
  lost(): void;
  /** The log did not answer when the run began, and another process had begun it by then. */
  begunElsewhere(): void;
  /** The log does not answer, or has refused: viewers cannot come back to this run until it does. */
  troubled(error: unknown): void;
}

/** So many entries, or bytes, wait for the log. One that is further behind gets a snapshot instead. */
const MAX_WAITING_ENTRIES = 256;
const MAX_WAITING_BYTES = 1_048_576;

/** Appends begin so far apart, in milliseconds: entries of a fast model go together. */
const REST_MS = 20;

/** An append that takes longer has failed, in milliseconds. */
const PATIENCE_MS = 2_000;

/** A tool that waits for the log does not run when that takes longer, in milliseconds. */
const MAX_WAIT_MS = 5_000;

/** The end is tried again after these waits, in milliseconds: about half a minute in all. */
const END_RETRIES_MS = [250, 500, 1_000, 2_000, 4_000, 8_000, 15_000] as const;

/**
 * `idle`: nothing is under way. `writing`: one append is. `resting`: entries wait a moment. `over`: the run has ended,
 * or the log has nothing more to do with it.
 */
type Phase = "idle" | "writing" | "resting" | "over";

/** Appends the entries of one run to its log. */
export class RunWriter {
  readonly #run: WrittenRun;
  readonly #now: () => number;
  #writer: LogWriter | undefined;
  #phase: Phase = "idle";
  #waiting: LogEntry[] = [];
  #waitingBytes = 0;
  /** The log misses entries: the next append is a snapshot. */
  #isBehind = false;
  /** The time at which the last append began. */
  #askedAt = Number.NEGATIVE_INFINITY;
  #rest: ReturnType<typeof setTimeout> | undefined;
  /** Trouble was reported, and the log has not answered since. */
  #isTroubled = false;
  /** How many entries were added, and those whose callers wait until the log has them. */
  #added = 0;
  #waiters: { readonly added: number; resolve(): void; reject(error: Error): void }[] = [];
  /** The call under way. */
  #settled: Promise<unknown> = Promise.resolve();
  /** Of a log that had not answered when the run began. */
  #begun: Promise<LogWriter | undefined> | undefined;

  /** @param writer of a log that has answered, or a promise of one that has not yet */
  constructor(writer: LogWriter | Promise<LogWriter | undefined>, run: WrittenRun, now: () => number) {
    this.#run = run;
    this.#now = now;
    if (writer instanceof Promise) this.#begin(writer);
    else this.#writer = writer;
  }

  /** Returns whether the log answers, and misses nothing. */
  get isHealthy(): boolean {
    return this.#phase !== "over" && this.#writer !== undefined && !this.#isBehind;
  }

  /** @param size as `sizeOfEntry` says */
  add(entry: LogEntry, size: number = sizeOfEntry(entry)): void {
    this.#added++;
    if (this.#phase === "over" || this.#isBehind) return;
    this.#waiting.push(entry);
    this.#waitingBytes += size;
    const isFull = this.#waiting.length > MAX_WAITING_ENTRIES || this.#waitingBytes > MAX_WAITING_BYTES;
    if (this.#phase === "idle") this.#appendSoon();
    else if (isFull && this.#phase === "resting") this.#write();
    else if (isFull) this.#fallBehind();
  }

  /**
   * Called each second: renews the lease, asks whether the run is to stop, and tries a log again that has failed. It
   * asks also when an append has just asked: a stop that comes right behind that one must not wait for two seconds.
   */
  tick(now: number): void {
    if (this.#phase === "idle") this.#write();
    else if (this.#phase === "writing" && now - this.#askedAt > PATIENCE_MS) {
      this.#troubled(new Error(`The log has not answered for ${PATIENCE_MS} ms.`));
    }
  }

  /** Writes the end. Resolves with whether the log has it: it is given up after a while. */
  async end(end: RunEnd): Promise<boolean> {
    const rest = await this.#close();
    if (!rest) this.#begun?.then((writer) => writer?.end(end)).catch((error: unknown) => this.#report(error));
    for (const waitMs of [0, ...END_RETRIES_MS]) {
      if (!rest) return false;
      if (waitMs > 0) await sleep(waitMs);
      try {
        await rest.write();
        return (await within(rest.writer.end(end), PATIENCE_MS)) !== undefined;
      } catch (error) {
        this.#report(error);
      }
    }
    return false;
  }

  /** Gives the run up for another process. */
  async release(): Promise<void> {
    const rest = await this.#close();
    try {
      await rest?.write();
      if (rest) await within(rest.writer.release(), PATIENCE_MS);
    } catch (error) {
      this.#report(error);
    }
  }

  /**
   * Resolves when the log has all entries so far.
   * @throws when it does not answer for a while, or has nothing more to do with the run
   */
  written(): Promise<void> {
    if (this.#phase === "over") return Promise.reject(new Error("The log does not have the run."));
    const written = new Promise<void>((resolve, reject) => {
      this.#waiters.push({ added: this.#added, resolve, reject });
    });
    return within(written, MAX_WAIT_MS);
  }

  /** The log has nothing more to do with the run. */
  abandon(): void {
    this.#phase = "over";
    this.#waiting = [];
    for (const { reject } of this.#waiters.splice(0)) reject(new Error("The log does not have the run any more."));
  }

  #begin(begun: Promise<LogWriter | undefined>): void {
    this.#phase = "writing";
    this.#askedAt = this.#now();
    this.#isBehind = true;
    this.#isTroubled = true;
    this.#begun = begun;
    this.#settled = begun.then(
      (writer) => {
        this.#writer = writer;
        if (this.#phase === "over") return;
        if (writer) return this.#appendSoon();
        this.abandon();
        this.#run.begunElsewhere();
      },
      () => this.abandon(),
    );
  }

  #write(): void {
    const writer = this.#writer;
    if (!writer) return;
    clearTimeout(this.#rest);
    const snapshot = this.#isBehind ? this.#run.snapshot() : undefined;
    const entries = snapshot ? [snapshot] : this.#waiting;
    this.#phase = "writing";
    this.#isBehind = false;
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#askedAt = this.#now();
    const added = this.#added;
    this.#settled = appended(writer, entries).then((state) => this.#onAnswer(state, added), this.#onFailure);
  }

  #onAnswer(state: WriterState, added: number): void {
    if (this.#phase === "over") return;
    this.#isTroubled = false;
    if (state !== "lost") {
      for (const waiter of this.#waiters) if (waiter.added <= added) waiter.resolve();
      this.#waiters = this.#waiters.filter((waiter) => waiter.added > added);
    }
    switch (state) {
      case "running":
        return this.#appendSoon();
      case "stopping":
        this.#appendSoon();
        return this.#run.stopAsked();
      case "lost":
        this.abandon();
        return this.#run.lost();
    }
  }

  readonly #onFailure = (error: unknown): void => {
    if (this.#phase !== "over") this.#phase = "idle"; // tried again with the next tick
    this.#troubled(error);
  };

  /** Appends the entries in a moment: a log may work before it returns, and viewers get their bytes first. */
  #appendSoon(): void {
    this.#phase = "idle";
    if (!this.#isBehind && this.#waiting.length === 0) return;
    const restMs = Math.max(0, this.#askedAt + REST_MS - this.#now());
    this.#phase = "resting";
    this.#rest = setTimeout(() => {
      if (this.#phase === "resting") this.#write();
    }, restMs);
  }

  #fallBehind(): void {
    this.#isBehind = true;
    this.#waiting = [];
    this.#waitingBytes = 0;
  }

  #troubled(error: unknown): void {
    this.#fallBehind();
    this.#report(error);
  }

  #report(error: unknown): void {
    if (this.#isTroubled) return;
    this.#isTroubled = true;
    this.#run.troubled(error);
  }

  /**
   * Waits for the append under way. Resolves with the writer, and with what writes the entries that the log still
   * misses; with `undefined` when the log has nothing more to do with the run.
   */
  async #close(): Promise<{ readonly writer: LogWriter; write(): Promise<void> } | undefined> {
    if (this.#phase === "over") return undefined;
    let waiting: readonly LogEntry[] = this.#waiting;
    this.#phase = "over";
    for (const { reject } of this.#waiters.splice(0)) reject(new Error("The run is over."));
    await within(this.#settled, PATIENCE_MS).catch((error: unknown) => this.#troubled(error));
    const writer = this.#writer;
    if (!writer) return undefined;
    return {
      writer,
      write: async () => {
        const snapshot = this.#isBehind ? this.#run.snapshot() : undefined;
        this.#isBehind = false;
        if (snapshot) waiting = [snapshot];
        if (waiting.length > 0) await within(writer.append(waiting), PATIENCE_MS);
        waiting = [];
      },
    };
  }
}

/** A log of another party may throw at once. */
async function appended(writer: LogWriter, entries: readonly LogEntry[]): ReturnType<LogWriter["append"]> {
  return writer.append(entries);
}
