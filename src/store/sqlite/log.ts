/**
 * Runs in SQLite: a log that survives a restart, and that the processes of one machine share. Its rows are in
 * `run-rows.ts`.
 */

import { allNames } from "../../contract/unknown-option.ts";
import type { EntryId } from "../../server/log/entry-id.ts";
import type { ChatRun, LogPage, LogWriter, ReplyLog, RunEnd, RunHead, WriterState } from "../../server/log/log.ts";
import { DEFAULT_LIMIT, type LogOptions, type LogSettings, logSettingsOf } from "../log-options.ts";
import { SqliteDatabase, type SqliteLike } from "./database.ts";
import { LOG_SCHEMA } from "./log-schema.ts";
import { notifierOf, type SqliteNotifier } from "./notifier.ts";
import { RunRows } from "./run-rows.ts";

/** The options of `sqliteLog`. */
export interface SqliteLogOptions extends LogOptions {
  /**
   * Returns the time in milliseconds since 1970. All processes must agree on it.
   * @default Date.now
   */
  readonly now?: (() => number) | undefined;
}

const OWN_NAMES = /* @__PURE__ */ allNames<Omit<SqliteLogOptions, keyof LogOptions>>({ now: true });

/**
 * Returns a log in SQLite: in a `DatabaseSync` of `node:sqlite` (Node 22.13 or later), or in a `Database` of
 * better-sqlite3 or `bun:sqlite`. The processes of one machine may share the file, each with a connection of its own;
 * `redisLog` is for several machines. Viewers in other processes see an entry within some milliseconds.
 *
 * It makes its tables, whose names begin with `cloudllm_`, and switches the database to `WAL` with
 * `synchronous = NORMAL`. The database is not closed. It refuses writes while its file is deleted, moved or replaced:
 * running replies go on for their viewers, and cannot be resumed.
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
  readonly #database: SqliteDatabase;
  readonly #rows: RunRows;
  readonly #notifier: SqliteNotifier;
  readonly #unwatch = new Set<() => void>();

  constructor(handle: SqliteLike, settings: LogSettings, clock?: () => number) {
    this.leaseMs = settings.leaseMs;
    this.#database = new SqliteDatabase(handle, LOG_SCHEMA);
    this.#rows = new RunRows(this.#database, settings, clock);
    this.#notifier = notifierOf(handle, this.#database);
  }

  async begin(head: RunHead): Promise<LogWriter | undefined> {
    const key = await this.#database.write(() => this.#rows.insert(head));
    return key === undefined ? undefined : this.#writer(head.id, key, 1);
  }

  async takeOver(run: string, attempt: number): Promise<LogWriter | undefined> {
    const key = await this.#database.write(() => this.#rows.takeOver(run, attempt));
    return key === undefined ? undefined : this.#writer(run, key, attempt);
  }

  async head(run: string): Promise<RunHead | undefined> {
    return this.#database.read(() => {
      const row = this.#rows.row(run);
      return row && this.#rows.head(row);
    });
  }

  async read(run: string, after?: EntryId, limit: number = DEFAULT_LIMIT): Promise<LogPage | undefined> {
    return this.#database.read(() => {
      const row = this.#rows.row(run); // first: when it has ended, all entries are there
      if (!row) return undefined;
      const page = this.#rows.page(row, after, limit);
      this.#notifier.saw(run, row.version);
      return page;
    });
  }

  async seal(run: string, end: RunEnd): Promise<RunEnd | undefined> {
    return this.#ended(run, () => {
      const row = this.#rows.row(run);
      if (row?.is_ended) return this.#rows.end(row);
      return row && !this.#rows.isOwned(row) ? this.#rows.writeEnd(row, end) : undefined;
    });
  }

  async requestStop(run: string): Promise<void> {
    await this.#database.write(() => this.#rows.requestStop(run));
  }

  async markViewed(run: string, forMs: number): Promise<void> {
    await this.#database.write(() => this.#rows.markViewed(run, forMs));
  }

  async isViewed(run: string): Promise<boolean> {
    return this.#database.read(() => this.#rows.isViewed(run));
  }

  async latestRun(chat: string): Promise<ChatRun | undefined> {
    return this.#database.read(() => this.#rows.latestRun(chat));
  }

  async setLatestRun(chat: string, latest: ChatRun): Promise<boolean> {
    return this.#database.write(() => this.#rows.setLatestRun(chat, latest));
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
    await this.#database.write(() => this.#rows.delete(run));
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
          if (!hasSwept) this.#rows.sweep();
          return this.#rows.append(key, attempt, entries);
        });
        hasSwept = true;
        if (entries.length > 0 && state !== "lost") this.#notifier.notify(run);
        return state;
      },
      end: (end) =>
        this.#ended(run, () => {
          const row = this.#rows.rowOf(key);
          if (row?.attempt !== attempt) return undefined;
          return row.is_ended ? this.#rows.end(row) : this.#rows.writeEnd(row, end);
        }),
      release: () => this.#database.write(() => this.#rows.release(key, attempt)),
    };
  }

  async #ended(run: string, work: () => RunEnd | undefined): Promise<RunEnd | undefined> {
    const end = await this.#database.write(work);
    if (end) this.#notifier.notify(run);
    return end;
  }
}
