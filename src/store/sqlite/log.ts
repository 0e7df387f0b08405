/** Runs in SQLite: a log that survives a restart, and that the processes of one machine share. */

import { allNames } from "../../contract/unknown-option.ts";
import { compareIds, type EntryId, type EntryPosition, positionOf } from "../../server/log/entry-id.ts";
import type {
  ChatRun,
  LogEntry,
  LogPage,
  LogWriter,
  ReplyLog,
  RunEnd,
  RunHead,
  WriterState,
} from "../../server/log/log.ts";
import { DEFAULT_LIMIT, type LogOptions, type LogSettings, logSettingsOf } from "../log-options.ts";
import { SqliteDatabase, type SqliteLike } from "./database.ts";
import { END_NUMBER, LOG_SCHEMA } from "./log-schema.ts";
import { notifierOf, type SqliteNotifier } from "./notifier.ts";
import { SteadyTime } from "./steady-time.ts";

/** The options of `sqliteLog`. */
export interface SqliteLogOptions extends LogOptions {
  /**
   * Returns the time in milliseconds since 1970. All processes must agree on it.
   * @default Date.now
   */
  readonly now?: (() => number) | undefined;
}

const OWN_NAMES = /* @__PURE__ */ allNames<Omit<SqliteLogOptions, keyof LogOptions>>({ now: true });

/** A run's row. */
interface RunRow {
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

/**
 * Returns a log in SQLite: in a `DatabaseSync` of `node:sqlite` (Node 22.13 or later), or in a `Database` of
 * better-sqlite3 or `bun:sqlite`. The processes of one machine may share the file, each with a connection of its own;
 * `redisLog` is for several machines. Viewers in other processes see an entry within some milliseconds.
 *
 * It makes its tables, whose names begin with `cloudllm_`, and switches the database to `WAL` with
 * `synchronous = NORMAL`. The database is not closed.
 *
 * @throws {TypeError} when the database is of an unknown kind, or an option is unknown or malformed
 *
 * @example
 * ```ts
 * import { type SqliteLike, sqliteLog } from "cloudllm/store/sqlite";
 * import type { ReplyLog } from "cloudllm/server";
 *
 * export function logIn(database: SqliteLike): ReplyLog {
 *   return sqliteLog(database, { keepMs: 3_600_000 }); // such as `new DatabaseSync("runs.db")`
 * }
 * ```
 */
export function sqliteLog(database: SqliteLike, options: SqliteLogOptions = {}): ReplyLog {
  const settings = logSettingsOf(options, OWN_NAMES);
  const { now } = options;
  if (now !== undefined && typeof now !== "function")
    throw new TypeError("`now` must be a function that returns milliseconds.");
  return new SqliteLog(database, settings, now);
}

class SqliteLog implements ReplyLog {
  readonly leaseMs: number;
  readonly #keepMs: number;
  readonly #maxRunMs: number;
  readonly #now: () => number;
  /** Absent for a clock of the program. */
  readonly #time: SteadyTime | undefined;
  readonly #database: SqliteDatabase;
  readonly #notifier: SqliteNotifier;
  readonly #unwatch = new Set<() => void>();

  constructor(handle: SqliteLike, { leaseMs, keepMs, maxRunMs }: LogSettings, clock?: () => number) {
    this.leaseMs = leaseMs;
    this.#keepMs = keepMs;
    this.#maxRunMs = maxRunMs;
    const time = new SteadyTime();
    this.#time = clock ? undefined : time;
    this.#now = clock ?? (() => time.now());
    this.#database = new SqliteDatabase(handle, LOG_SCHEMA);
    this.#notifier = notifierOf(handle, this.#database);
  }

  async begin(head: RunHead): Promise<LogWriter | undefined> {
    const key = await this.#database.write(() => this.#insert(head));
    return key === undefined ? undefined : this.#writer(head.id, key, 1);
  }

  async takeOver(run: string, attempt: number): Promise<LogWriter | undefined> {
    const key = await this.#database.write(() => {
      const row = this.#row(run);
      if (!row || row.is_ended || this.#isOwned(row) || attempt !== row.attempt + 1) return undefined;
      const { life, lease } = this.#times(row);
      const sql = "UPDATE cloudllm_runs SET attempt = ?, owned_until = ?, expires_at = ? WHERE key = ?";
      this.#database.run(sql, attempt, lease, life, row.key);
      return row.key;
    });
    return key === undefined ? undefined : this.#writer(run, key, attempt);
  }

  async head(run: string): Promise<RunHead | undefined> {
    return this.#database.read(() => {
      const row = this.#row(run);
      return row && (this.#text(row.key, 0, 0) as RunHead);
    });
  }

  async read(run: string, after?: EntryId, limit: number = DEFAULT_LIMIT): Promise<LogPage | undefined> {
    return this.#database.read(() => {
      const row = this.#row(run); // first: when it has ended, all entries are there
      if (!row) return undefined;
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
      this.#notifier.saw(run, row.version);
      const page = { entries: entries.slice(0, limit), isOwned: this.#isOwned(row) };
      return row.is_ended && entries.length <= limit ? { ...page, end: this.#end(row) } : page;
    });
  }

  async seal(run: string, end: RunEnd): Promise<RunEnd | undefined> {
    return this.#ended(run, () => {
      const row = this.#row(run);
      if (row?.is_ended) return this.#end(row);
      return row && !this.#isOwned(row) ? this.#write(row, end) : undefined;
    });
  }

  async requestStop(run: string): Promise<void> {
    const sql = "UPDATE cloudllm_runs SET is_to_stop = 1 WHERE run = ? AND is_ended = 0";
    await this.#database.write(() => this.#database.run(sql, run));
  }

  async markViewed(run: string, forMs: number): Promise<void> {
    const sql = "UPDATE cloudllm_runs SET viewed_until = max(viewed_until, ?) WHERE run = ?";
    await this.#database.write(() => {
      this.#database.run(sql, Math.ceil(this.#now() + forMs), run);
      this.#shortenLease(run);
    });
  }

  async isViewed(run: string): Promise<boolean> {
    const sql = "SELECT viewed_until FROM cloudllm_runs WHERE run = ?";
    const row = await this.#database.read(() => this.#database.get<{ viewed_until: number }>(sql, run));
    return row !== undefined && row.viewed_until > this.#passed();
  }

  async latestRun(chat: string): Promise<ChatRun | undefined> {
    return this.#database.read(() => this.#latestRun(chat));
  }

  async setLatestRun(chat: string, { run, number }: ChatRun): Promise<boolean> {
    return this.#database.write(() => {
      const latest = this.#latestRun(chat);
      if (latest && latest.number >= number) return false;
      const sql = "INSERT OR REPLACE INTO cloudllm_chats (chat, run, number, expires_at) VALUES (?, ?, ?, ?)";
      this.#database.run(sql, textKey(chat), run, number, this.#now() + this.#maxRunMs);
      return true;
    });
  }

  watch(run: string, notify: () => void): () => void {
    const unwatch = this.#notifier.watch(run, notify);
    this.#unwatch.add(unwatch);
    return () => {
      this.#unwatch.delete(unwatch);
      unwatch();
    };
  }

  async delete(run: string): Promise<void> {
    await this.#database.write(() => this.#delete(run));
    this.#notifier.notify(run);
  }

  async close(): Promise<void> {
    for (const unwatch of this.#unwatch) unwatch();
    this.#unwatch.clear();
  }

  #writer(run: string, key: number, attempt: number): LogWriter {
    let hasSwept = false;
    return {
      attempt,
      append: async (entries): Promise<WriterState> => {
        const state = await this.#database.write(() => {
          if (!hasSwept) this.#sweep();
          return this.#append(key, attempt, entries);
        });
        hasSwept = true;
        if (entries.length > 0 && state !== "lost") this.#notifier.notify(run);
        return state;
      },
      end: (end) =>
        this.#ended(run, () => {
          const row = this.#rowOf(key);
          if (row?.attempt !== attempt) return undefined;
          return row.is_ended ? this.#end(row) : this.#write(row, end);
        }),
      release: async () => {
        const sql = "UPDATE cloudllm_runs SET owned_until = 0 WHERE key = ? AND attempt = ?";
        await this.#database.write(() => this.#database.run(sql, key, attempt));
      },
    };
  }

  /** Inserts a run. Returns its key; `undefined` when its id is taken. */
  #insert(head: RunHead): number | undefined {
    const now = this.#now();
    const { life, lease } = this.#times({ began_at: now, expires_at: 0 });
    const before = this.#database.get<RunRow>("SELECT * FROM cloudllm_runs WHERE run = ?", head.id);
    if (this.#unexpired(before)) return undefined;
    if (before) this.#remove(before.key);
    const sql = "INSERT INTO cloudllm_runs (run, owned_until, began_at, expires_at) VALUES (?, ?, ?, ?) RETURNING key";
    const key = this.#database.get<{ key: number }>(sql, head.id, lease, now, life)?.key ?? 0;
    this.#insertText(key, 0, 0, head);
    const latest = this.#latestRun(head.chat);
    if (latest) this.#shortenLease(latest.run);
    return key;
  }

  /** A lease from before the clock was set back outlives its dead writer. A writer that lives renews. */
  #shortenLease(run: string): void {
    const sql = "UPDATE cloudllm_runs SET owned_until = ? WHERE run = ? AND owned_until > ?";
    const longest = this.#now() + this.leaseMs;
    this.#database.run(sql, longest, run, longest);
  }

  #append(key: number, attempt: number, entries: readonly LogEntry[]): WriterState {
    const row = this.#rowOf(key);
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

  /** Writes the end of a run that has none. */
  #write({ key, attempt }: RunRow, end: RunEnd): RunEnd {
    const sql =
      "UPDATE cloudllm_runs SET is_ended = 1, owned_until = 0, expires_at = ?, version = version + 1 WHERE key = ?";
    this.#database.run(sql, this.#now() + this.#keepMs, key);
    this.#insertText(key, attempt, END_NUMBER, end);
    return end;
  }

  async #ended(run: string, work: () => RunEnd | undefined): Promise<RunEnd | undefined> {
    const end = await this.#database.write(work);
    if (end) this.#notifier.notify(run);
    return end;
  }

  #end({ key, attempt }: RunRow): RunEnd {
    return this.#text(key, attempt, END_NUMBER) as RunEnd;
  }

  #text(key: number, attempt: number, number: number): unknown {
    const sql = "SELECT entry FROM cloudllm_entries WHERE key = ? AND attempt = ? AND number = ?";
    return JSON.parse(this.#database.get<{ entry: string }>(sql, key, attempt, number)?.entry ?? "null");
  }

  #insertText(key: number, attempt: number, number: number, text: object): void {
    const sql = "INSERT INTO cloudllm_entries (key, attempt, number, entry) VALUES (?, ?, ?, ?)";
    this.#database.run(sql, key, attempt, number, JSON.stringify(text));
  }

  /** Returns the row of a run that has not expired. */
  #row(run: string): RunRow | undefined {
    return this.#unexpired(this.#database.get<RunRow>("SELECT * FROM cloudllm_runs WHERE run = ?", run));
  }

  #rowOf(key: number): RunRow | undefined {
    return this.#unexpired(this.#database.get<RunRow>("SELECT * FROM cloudllm_runs WHERE key = ?", key));
  }

  #unexpired(row: RunRow | undefined): RunRow | undefined {
    return row && row.expires_at > this.#passed() ? row : undefined;
  }

  #latestRun(chat: string): ChatRun | undefined {
    const sql = "SELECT run, number FROM cloudllm_chats WHERE chat = ? AND expires_at > ?";
    const row = this.#database.get<ChatRun>(sql, textKey(chat), this.#passed());
    return row && { run: row.run, number: row.number };
  }

  #isOwned({ is_ended, owned_until }: RunRow): boolean {
    return !is_ended && owned_until > this.#passed();
  }

  /**
   * Returns the time that has passed for certain: 0 in the moment after the clock was set forward. Until then all runs
   * that have a lease are owned, and nothing has expired.
   */
  #passed(): number {
    return this.#time?.wasSetForward(this.leaseMs) ? 0 : this.#now();
  }

  /** Returns until when a running run is owned and kept. The latter is an index, and changes only now and then. */
  #times({ began_at, expires_at }: Pick<RunRow, "began_at" | "expires_at">): { lease: number; life: number } {
    const now = this.#now();
    const life = Math.min(now + this.leaseMs + this.#keepMs, began_at + this.#maxRunMs);
    return { lease: now + this.leaseMs, life: life - expires_at < this.leaseMs / 3 ? expires_at : life };
  }

  #sweep(): void {
    const sql = "SELECT key FROM cloudllm_runs WHERE expires_at <= ? ORDER BY expires_at LIMIT ?";
    const now = this.#passed();
    const expired = this.#database.all<{ key: number }>(sql, now, MAX_SWEPT);
    for (const { key } of expired) this.#remove(key);
    const chats = "SELECT chat FROM cloudllm_chats WHERE expires_at <= ? ORDER BY expires_at LIMIT ?";
    for (const { chat } of this.#database.all<{ chat: string }>(chats, now, MAX_SWEPT)) {
      this.#database.run("DELETE FROM cloudllm_chats WHERE chat = ?", chat);
    }
  }

  #delete(run: string): void {
    const row = this.#database.get<{ key: number }>("SELECT key FROM cloudllm_runs WHERE run = ?", run);
    if (row) this.#remove(row.key);
  }

  #remove(key: number): void {
    this.#database.run("DELETE FROM cloudllm_entries WHERE key = ?", key);
    this.#database.run("DELETE FROM cloudllm_runs WHERE key = ?", key);
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
