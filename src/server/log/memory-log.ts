/** A log in the memory of one process: viewers come back to it, and it is gone with the process. */

import { SendError } from "../../contract/errors.ts";
import { allNames, checkNames } from "../../contract/unknown-option.ts";
import { compareIds } from "./entry-id.ts";
import { sizeOfEntry, sizeOfMessage } from "./entry-size.ts";
import type { ChatRun, LogEntry, LogWriter, ReplyLog, RunEnd, RunHead, WriterState } from "./log.ts";
import { forgottenEnd } from "./lost-run.ts";

/** The options of `memoryLog`. */
export interface MemoryLogOptions {
  /**
   * Maximum size of all runs, in bytes. Ended runs make room, the one that ended first before the others: their replies
   * are forgotten, and their ids stay taken for `keepMs`. A run that finds no room continues without a log.
   * @default 67_108_864 (64 MiB)
   */
  readonly maxBytes?: number | undefined;
  /**
   * How long an ended run is kept, in milliseconds.
   * @default 600_000 (10 minutes)
   */
  readonly keepMs?: number | undefined;
  /**
   * See `ReplyLog.leaseMs`.
   * @default 15_000
   */
  readonly leaseMs?: number | undefined;
  /**
   * The time, in milliseconds.
   * @default Date.now
   */
  readonly now?: (() => number) | undefined;
}

const OPTION_NAMES = /* @__PURE__ */ allNames<MemoryLogOptions>({
  maxBytes: true,
  keepMs: true,
  leaseMs: true,
  now: true,
});

/** A run that is not ended by then is forgotten, in milliseconds. */
const MAX_RUN_MS = 86_400_000;

const DEFAULT_LIMIT = 500;

/** The ids of so many runs stay taken whose replies are forgotten. */
const MAX_FORGOTTEN = 10_000;

/** One run, as this log keeps it. */
interface KeptRun {
  head: RunHead;
  readonly beganAt: number;
  readonly callbacks: Set<() => void>;
  /** The names of which it is, or was, the last run. */
  readonly chats: Set<string>;
  entries: LogEntry[];
  bytes: number;
  /** The part of `bytes` that the entries take. */
  entryBytes: number;
  /** The last attempt: writers of earlier ones are refused. */
  attempt: number;
  leasedUntil: number;
  viewedUntil: number;
  isToStop: boolean;
  ended: { readonly end: RunEnd; readonly at: number } | undefined;
  /** The reply had to make room: a request that is repeated does not begin it again. */
  isForgotten: boolean;
}

/**
 * Returns a log in memory, for a relay of one process. Several relays of one process may share it.
 * @throws {TypeError} when an option is unknown or malformed
 */
export function memoryLog(options: MemoryLogOptions = {}): ReplyLog {
  checkNames(options, OPTION_NAMES);
  for (const [name, value] of Object.entries(options) as readonly [string, unknown][]) {
    if (name === "now" || value === undefined) continue;
    if (!(typeof value === "number" && value > 0)) {
      throw new TypeError(`\`${name}\` must be a number above 0. Received ${String(value)}.`);
    }
  }
  return new MemoryLog(options);
}

class MemoryLog implements ReplyLog {
  readonly leaseMs: number;
  readonly #maxBytes: number;
  readonly #keepMs: number;
  readonly #now: () => number;
  readonly #runs = new Map<string, KeptRun>();
  readonly #chats = new Map<string, ChatRun>();
  /** The runs that have ended, in the order of their ends. */
  readonly #ended = new Set<KeptRun>();
  /** Those whose replies are forgotten, in the same order. */
  readonly #forgotten = new Set<KeptRun>();
  #bytes = 0;

  constructor({ maxBytes = 67_108_864, keepMs = 600_000, leaseMs = 15_000, now = Date.now }: MemoryLogOptions) {
    this.leaseMs = leaseMs;
    this.#maxBytes = maxBytes;
    this.#keepMs = keepMs;
    this.#now = now;
  }

  async begin(head: RunHead): Promise<LogWriter | undefined> {
    this.#sweep();
    if (this.#runs.has(head.id)) return undefined;
    const { request, kept } = head;
    const bytes = request || kept ? JSON.stringify([request, kept]).length : 0;
    this.#makeRoom(bytes);
    if (this.#bytes + bytes > this.#maxBytes) {
      throw new SendError("storage", `The memory log has no room: its running runs take ${this.#bytes} bytes.`);
    }
    const now = this.#now();
    const run: KeptRun = {
      head,
      beganAt: now,
      callbacks: new Set(),
      chats: new Set(),
      entries: [],
      bytes,
      entryBytes: 0,
      attempt: 1,
      leasedUntil: now + this.leaseMs,
      viewedUntil: 0,
      isToStop: false,
      ended: undefined,
      isForgotten: false,
    };
    this.#bytes += bytes;
    this.#runs.set(head.id, run);
    return this.#writer(run, 1);
  }

  async takeOver(id: string, attempt: number): Promise<LogWriter | undefined> {
    const run = this.#get(id);
    if (!run || run.ended || this.#isOwned(run) || attempt !== run.attempt + 1) return undefined;
    run.attempt = attempt;
    run.leasedUntil = this.#now() + this.leaseMs;
    return this.#writer(run, attempt);
  }

  async head(id: string): Promise<RunHead | undefined> {
    const run = this.#get(id);
    return run?.isForgotten ? undefined : run?.head;
  }

  async read(id: string, after?: LogEntry["id"], limit: number = DEFAULT_LIMIT): ReturnType<ReplyLog["read"]> {
    const run = this.#get(id);
    if (!run) return undefined;
    const from = after === undefined ? 0 : firstBehind(run.entries, after);
    const entries = run.entries.slice(from, from + limit);
    const isAtEnd = from + entries.length >= run.entries.length;
    return { entries, isOwned: this.#isOwned(run), ...(run.ended && isAtEnd && { end: run.ended.end }) };
  }

  async seal(id: string, end: RunEnd): Promise<RunEnd | undefined> {
    const run = this.#get(id);
    return run && !this.#isOwned(run) ? this.#end(run, end) : undefined;
  }

  async requestStop(id: string): Promise<void> {
    const run = this.#get(id);
    if (run) run.isToStop = true;
  }

  async markViewed(id: string, forMs: number): Promise<void> {
    const run = this.#get(id);
    if (run) run.viewedUntil = Math.max(run.viewedUntil, this.#now() + forMs);
  }

  async isViewed(id: string): Promise<boolean> {
    const run = this.#get(id);
    return run !== undefined && run.viewedUntil > this.#now();
  }

  async latestRun(chat: string): Promise<ChatRun | undefined> {
    return this.#latestRun(chat);
  }

  async setLatestRun(chat: string, next: ChatRun): Promise<boolean> {
    const latest = this.#latestRun(chat);
    if (latest && latest.number >= next.number) return false;
    const run = this.#get(next.run);
    if (!run) return true; // one for which there was no room: nothing would remove its name
    this.#chats.set(chat, next);
    run.chats.add(chat);
    return true;
  }

  watch(id: string, notify: () => void): () => void {
    const callbacks = this.#get(id)?.callbacks;
    callbacks?.add(notify);
    return () => callbacks?.delete(notify);
  }

  async delete(id: string): Promise<void> {
    const run = this.#runs.get(id);
    if (run) this.#remove(run);
  }

  async close(): Promise<void> {}

  #writer(run: KeptRun, attempt: number): LogWriter {
    const isLost = (): boolean =>
      this.#runs.get(run.head.id) !== run || run.ended !== undefined || run.attempt !== attempt;
    return {
      attempt,
      append: async (entries): Promise<WriterState> => {
        if (isLost()) return "lost";
        run.leasedUntil = this.#now() + this.leaseMs;
        if (entries.length > 0) this.#append(run, entries);
        return run.isToStop ? "stopping" : "running";
      },
      end: async (end) => {
        if (this.#runs.get(run.head.id) !== run || run.attempt !== attempt) return undefined;
        return this.#end(run, end);
      },
      release: async () => {
        if (!isLost()) run.leasedUntil = 0;
      },
    };
  }

  #append(run: KeptRun, entries: readonly LogEntry[]): void {
    for (const entry of entries) {
      const last = run.entries.at(-1);
      if (last && compareIds(entry.id, last.id) <= 0) continue;
      if (entry.type === "snapshot") {
        this.#count(run, -run.entryBytes);
        run.entries = [];
        run.entryBytes = 0;
      }
      const size = sizeOfEntry(entry);
      run.entries.push(entry);
      run.entryBytes += size;
      this.#count(run, size);
    }
    if (this.#bytes > this.#maxBytes) this.#makeRoom(0);
    for (const notify of run.callbacks) notify();
  }

  #end(run: KeptRun, end: RunEnd): RunEnd {
    if (run.ended) return run.ended.end;
    run.ended = { end, at: this.#now() };
    const message = end.type === "complete" ? end.message : end.error.partial;
    if (message) this.#count(run, sizeOfMessage(message));
    this.#ended.add(run);
    this.#sweep();
    this.#makeRoom(0);
    for (const notify of run.callbacks) notify();
    return end;
  }

  #isOwned({ ended, leasedUntil }: KeptRun): boolean {
    return !ended && leasedUntil > this.#now();
  }

  #count(run: KeptRun, bytes: number): void {
    run.bytes += bytes;
    this.#bytes += bytes;
  }

  #latestRun(chat: string): ChatRun | undefined {
    const latest = this.#chats.get(chat);
    return latest && this.#get(latest.run) && latest;
  }

  /** Returns a run that has not expired. */
  #get(id: string): KeptRun | undefined {
    const run = this.#runs.get(id);
    if (!run || !this.#isExpired(run)) return run;
    this.#remove(run);
    return undefined;
  }

  #isExpired({ ended, beganAt }: KeptRun): boolean {
    return this.#now() >= (ended ? ended.at + this.#keepMs : beganAt + MAX_RUN_MS);
  }

  /** Removes the runs that have expired. Those that have ended are in the order of their ends. */
  #sweep(): void {
    for (const runs of [this.#ended, this.#forgotten]) {
      for (const run of runs) {
        if (!this.#isExpired(run)) break;
        this.#remove(run);
      }
    }
  }

  #makeRoom(bytes: number): void {
    for (const run of this.#ended) {
      if (this.#bytes + bytes <= this.#maxBytes) return;
      this.#forget(run);
    }
  }

  /** Forgets the reply of a run that has ended. */
  #forget(run: KeptRun): void {
    const { id, chat, owner, startedAt, provider, model } = run.head;
    run.head = { id, chat, owner, startedAt, provider, model };
    run.isForgotten = true;
    run.entries = [];
    if (run.ended) run.ended = { ...run.ended, end: forgottenEnd(run.ended.end) };
    this.#count(run, -run.bytes);
    this.#ended.delete(run);
    this.#forgotten.add(run);
    for (const notify of run.callbacks) notify();
    const [first] = this.#forgotten;
    if (first && this.#forgotten.size > MAX_FORGOTTEN) this.#remove(first);
  }

  #remove(run: KeptRun): void {
    const { id } = run.head;
    this.#bytes -= run.bytes;
    this.#runs.delete(id);
    this.#ended.delete(run);
    this.#forgotten.delete(run);
    for (const chat of run.chats) if (this.#chats.get(chat)?.run === id) this.#chats.delete(chat);
    for (const notify of run.callbacks) notify();
  }
}

/** Returns the place of the first entry behind an id, by halving. */
function firstBehind(entries: readonly LogEntry[], after: LogEntry["id"]): number {
  let [low, high] = [0, entries.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    const entry = entries[middle];
    if (entry && compareIds(entry.id, after) <= 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
