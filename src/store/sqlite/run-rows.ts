/**
 * The rows of runs, their entries and chats in SQLite: all statements of the log. Every call is synchronous and runs
 * inside `read` or `write` of the database.
 */

import { compareIds, type EntryId, type EntryPosition, positionOf } from "../../server/log/entry-id.ts";
import type { ChatRun, LogEntry, LogPage, RunEnd, RunHead, WriterState } from "../../server/log/log.ts";
import type { LogSettings } from "../log-options.ts";
import type { SqliteDatabase } from "./database.ts";
import { END_NUMBER } from "./log-schema.ts";
import { SteadyTime } from "./steady-time.ts";

/** A run's row. */
export interface RunRow {
  readonly key: number;
  readonly attempt: number;
  readonly version: number;
  readonly is_ended: number;
  readonly is_to_stop: number;
  readonly owned_until: number;
  readonly began_at: number;
  readonly expires_at: number;
}

/** Runs and chats that have expired are deleted with the first append of each run, so many at once: no start waits. */
const MAX_SWEPT = 20;

/** The rows of one log. */
export class RunRows {
  readonly #database: SqliteDatabase;
  readonly #leaseMs: number;
  readonly #keepMs: number;
  readonly #maxRunMs: number;
  readonly #now: () => number;
  /** Absent for a clock of the program. */
  readonly #time: SteadyTime | undefined;

  constructor(database: SqliteDatabase, { leaseMs, keepMs, maxRunMs }: LogSettings, clock?: () => number) {
    this.#database = database;
    this.#leaseMs = leaseMs;
    this.#keepMs = keepMs;
    this.#maxRunMs = maxRunMs;
    const time = new SteadyTime();
    this.#time = clock ? undefined : time;
    this.#now = clock ?? (() => time.now());
  }

  /** Returns the row of a run that has not expired. */
  row(run: string): RunRow | undefined {
    return this.#unexpired(this.#database.get<RunRow>("SELECT * FROM cloudllm_runs WHERE run = ?", run));
  }

  /** The same for the key of a run. */
  rowOf(key: number): RunRow | undefined {
    return this.#unexpired(this.#database.get<RunRow>("SELECT * FROM cloudllm_runs WHERE key = ?", key));
  }

  head({ key }: RunRow): RunHead {
    return this.#text(key, 0, 0) as RunHead;
  }

  isOwned({ is_ended, owned_until }: RunRow): boolean {
    return !is_ended && owned_until > this.#passed();
  }

  /** Inserts a run. Returns its key; `undefined` when its id is taken. */
  insert(head: RunHead): number | undefined {
    const now = this.#now();
    const { life, lease } = this.#times({ began_at: now, expires_at: 0 });
    const before = this.#database.get<RunRow>("SELECT * FROM cloudllm_runs WHERE run = ?", head.id);
    if (this.#unexpired(before)) return undefined;
    if (before) this.#remove(before.key);
    const sql = "INSERT INTO cloudllm_runs (run, owned_until, began_at, expires_at) VALUES (?, ?, ?, ?) RETURNING key";
    const key = this.#database.get<{ key: number }>(sql, head.id, lease, now, life)?.key ?? 0;
    this.#insertText(key, 0, 0, head);
    const latest = this.latestRun(head.chat);
    if (latest) this.#shortenLease(latest.run);
    return key;
  }

  /** Makes a run without an owner that of its next attempt. Returns its key; `undefined` when it may not. */
  takeOver(run: string, attempt: number): number | undefined {
    const row = this.row(run);
    if (!row || row.is_ended || this.isOwned(row) || attempt !== row.attempt + 1) return undefined;
    const { life, lease } = this.#times(row);
    const sql = "UPDATE cloudllm_runs SET attempt = ?, owned_until = ?, expires_at = ? WHERE key = ?";
    this.#database.run(sql, attempt, lease, life, row.key);
    return row.key;
  }

  release(key: number, attempt: number): void {
    const sql = "UPDATE cloudllm_runs SET owned_until = 0 WHERE key = ? AND attempt = ?";
    this.#database.run(sql, key, attempt);
  }

  /** Returns the entries behind `after`, at most `limit` of them; with the last ones, also the end. */
  page(row: RunRow, after: EntryId | undefined, limit: number): LogPage {
    const { attempt, number } = (after && positionOf(after)) ?? { attempt: 0, number: 0 };
    const rows = this.#database.all<{ number: number; entry: string }>(
      `SELECT number, entry FROM cloudllm_entries WHERE key = ? AND (attempt, number) > (?, ?)
       ORDER BY attempt, number LIMIT ?`,
      row.key,
      attempt,
      number,
      limit + 1, // one more shows whether these are all
    );
    const entries: LogEntry[] = [];
    for (const { number, entry } of rows) {
      if (number === END_NUMBER) continue;
      entries.push(...entriesIn(entry).filter(({ id }) => after === undefined || compareIds(id, after) > 0));
      if (entries.length > limit) break;
    }
    const page = { entries: entries.slice(0, limit), isOwned: this.isOwned(row) };
    return row.is_ended && entries.length <= limit ? { ...page, end: this.end(row) } : page;
  }

  /** Adds entries, and renews the lease. */
  append(key: number, attempt: number, entries: readonly LogEntry[]): WriterState {
    const row = this.rowOf(key);
    if (!row || row.is_ended || row.attempt !== attempt) return "lost";
    const last = this.#database.get<{ attempt: number; number: number }>(
      "SELECT attempt, number FROM cloudllm_entries WHERE key = ? ORDER BY attempt DESC, number DESC LIMIT 1",
      key,
    );
    const fresh = entries.filter(({ id }) => {
      const at = placeOf(id);
      return !last || (at.attempt - last.attempt || at.number - last.number) > 0; // others are there already
    });
    const from = fresh.findLastIndex(({ type }) => type === "snapshot");
    const kept = from > 0 ? fresh.slice(from) : fresh;
    const [first, end] = [kept[0], kept.at(-1)].map((entry) => entry && placeOf(entry.id));
    if (first && from >= 0) {
      const sql = "DELETE FROM cloudllm_entries WHERE key = ? AND attempt > 0 AND (attempt, number) < (?, ?)";
      this.#database.run(sql, key, first.attempt, first.number);
    }
    if (end) this.#insertText(key, end.attempt, end.number, kept);
    const { life, lease } = this.#times(row);
    const version = entries.length > 0 ? row.version + 1 : row.version;
    const sql = "UPDATE cloudllm_runs SET owned_until = ?, expires_at = ?, version = ? WHERE key = ?";
    this.#database.run(sql, lease, life, version, key);
    return row.is_to_stop ? "stopping" : "running";
  }

  /** Returns the end of a run that has one. */
  end({ key, attempt }: RunRow): RunEnd {
    return this.#text(key, attempt, END_NUMBER) as RunEnd;
  }

  /** Writes the end of a run that has none. */
  writeEnd({ key, attempt }: RunRow, end: RunEnd): RunEnd {
    const sql =
      "UPDATE cloudllm_runs SET is_ended = 1, owned_until = 0, expires_at = ?, version = version + 1 WHERE key = ?";
    this.#database.run(sql, this.#now() + this.#keepMs, key);
    this.#insertText(key, attempt, END_NUMBER, end);
    return end;
  }

  requestStop(run: string): void {
    this.#database.run("UPDATE cloudllm_runs SET is_to_stop = 1 WHERE run = ? AND is_ended = 0", run);
  }

  markViewed(run: string, forMs: number): void {
    const sql = "UPDATE cloudllm_runs SET viewed_until = max(viewed_until, ?) WHERE run = ?";
    this.#database.run(sql, Math.ceil(this.#now() + forMs), run);
    this.#shortenLease(run);
  }

  isViewed(run: string): boolean {
    const sql = "SELECT viewed_until FROM cloudllm_runs WHERE run = ?";
    const row = this.#database.get<{ viewed_until: number }>(sql, run);
    return row !== undefined && row.viewed_until > this.#passed();
  }

  latestRun(chat: string): ChatRun | undefined {
    const sql = "SELECT run, number FROM cloudllm_chats WHERE chat = ? AND expires_at > ?";
    const row = this.#database.get<ChatRun>(sql, textKey(chat), this.#passed());
    return row && { run: row.run, number: row.number };
  }

  /** Returns whether the run is the chat's latest now: its number must be above that of the last one. */
  setLatestRun(chat: string, { run, number }: ChatRun): boolean {
    const latest = this.latestRun(chat);
    if (latest && latest.number >= number) return false;
    const sql = "INSERT OR REPLACE INTO cloudllm_chats (chat, run, number, expires_at) VALUES (?, ?, ?, ?)";
    this.#database.run(sql, textKey(chat), run, number, this.#now() + this.#maxRunMs);
    return true;
  }

  delete(run: string): void {
    const row = this.#database.get<{ key: number }>("SELECT key FROM cloudllm_runs WHERE run = ?", run);
    if (row) this.#remove(row.key);
  }

  /** Deletes some of the runs and chats that have expired. */
  sweep(): void {
    const sql = "SELECT key FROM cloudllm_runs WHERE expires_at <= ? ORDER BY expires_at LIMIT ?";
    const now = this.#passed();
    const expired = this.#database.all<{ key: number }>(sql, now, MAX_SWEPT);
    for (const { key } of expired) this.#remove(key);
    const chats = "SELECT chat FROM cloudllm_chats WHERE expires_at <= ? ORDER BY expires_at LIMIT ?";
    for (const { chat } of this.#database.all<{ chat: string }>(chats, now, MAX_SWEPT)) {
      this.#database.run("DELETE FROM cloudllm_chats WHERE chat = ?", chat);
    }
  }

  #remove(key: number): void {
    this.#database.run("DELETE FROM cloudllm_entries WHERE key = ?", key);
    this.#database.run("DELETE FROM cloudllm_runs WHERE key = ?", key);
  }

  #text(key: number, attempt: number, number: number): unknown {
    const sql = "SELECT entry FROM cloudllm_entries WHERE key = ? AND attempt = ? AND number = ?";
    return JSON.parse(this.#database.get<{ entry: string }>(sql, key, attempt, number)?.entry ?? "null");
  }

  #insertText(key: number, attempt: number, number: number, text: object): void {
    const sql = "INSERT INTO cloudllm_entries (key, attempt, number, entry) VALUES (?, ?, ?, ?)";
    this.#database.run(sql, key, attempt, number, JSON.stringify(text));
  }

  #unexpired(row: RunRow | undefined): RunRow | undefined {
    return row && row.expires_at > this.#passed() ? row : undefined;
  }

  /**
   * Returns the time that has passed for certain: 0 in the moment after the clock was set forward. Until then all runs
   * that have a lease are owned, and nothing has expired.
   */
  #passed(): number {
    return this.#time?.wasSetForward(this.#leaseMs) ? 0 : this.#now();
  }

  /** Returns until when a running run is owned and kept. The latter is an index, and changes only now and then. */
  #times({ began_at, expires_at }: Pick<RunRow, "began_at" | "expires_at">): { lease: number; life: number } {
    const now = this.#now();
    const life = Math.min(now + this.#leaseMs + this.#keepMs, began_at + this.#maxRunMs);
    return { lease: now + this.#leaseMs, life: life - expires_at < this.#leaseMs / 3 ? expires_at : life };
  }

  /** A lease from before the clock was set back outlives its dead writer. A writer that lives renews. */
  #shortenLease(run: string): void {
    const sql = "UPDATE cloudllm_runs SET owned_until = ? WHERE run = ? AND owned_until > ?";
    const longest = this.#now() + this.#leaseMs;
    this.#database.run(sql, longest, run, longest);
  }
}

/** @throws {TypeError} when the id is malformed */
function placeOf(id: EntryId): EntryPosition {
  const place = positionOf(id);
  if (place) return place;
  throw new TypeError(`The entry has a malformed id, ${JSON.stringify(id)}.`);
}

/** Returns the entries of a row. */
function entriesIn(text: string): readonly LogEntry[] {
  const entries = JSON.parse(text) as LogEntry | readonly LogEntry[];
  return "id" in entries ? [entries] : entries; // a row of an earlier version has one
}

/** Returns a text without the characters that drivers cut off or replace. Two texts never become the same. */
function textKey(text: string): string {
  return JSON.stringify(text);
}
