/** Conversations in SQLite. */

import type { StoredSession } from "../../session/store.ts";
import {
  type Batch,
  LeasedStore,
  type LeaseOptions,
  type SessionTable,
  type TableLease,
  type Taken,
} from "../leased-store.ts";
import { type PageRequest, storedSession } from "../listing.ts";
import { SqliteDatabase, type SqliteLike, type SqliteSchema, schemaSql } from "./database.ts";
import { SteadyTime } from "./steady-time.ts";

/** The options of `new SQLiteStore`. */
export type SQLiteStoreOptions = LeaseOptions;

const SCHEMA: SqliteSchema = {
  name: "sessions",
  versions: [
    `
CREATE TABLE cloudllm_sessions (
  id TEXT PRIMARY KEY,
  next INTEGER NOT NULL DEFAULT 1, -- number of the next batch of records
  updated_at INTEGER, -- milliseconds since 1970; null without records
  holder TEXT, -- token of the lease of the one writer
  held_until INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX cloudllm_sessions_latest ON cloudllm_sessions (updated_at DESC, id) WHERE updated_at IS NOT NULL;
CREATE TABLE cloudllm_records (
  session TEXT NOT NULL,
  number INTEGER NOT NULL,
  records TEXT NOT NULL, -- JSON array
  PRIMARY KEY (session, number)
);`,
    `
ALTER TABLE cloudllm_sessions ADD COLUMN title TEXT;`,
  ],
};

/**
 * Keeps sessions in a database of SQLite: `node:sqlite`, better-sqlite3 or `bun:sqlite`. Several processes of one
 * machine may use its file. The first call makes the tables.
 *
 * An open session has a lease in the database, which its process renews. Another process that opens it gets kind
 * `busy`. A process that was killed loses its leases after `leaseMs`. The database refuses the writes of a holder that
 * lost its lease: its sends fail with kind `busy`.
 *
 * SQLite itself does not report that its file was deleted, moved or replaced while it is open. The store does: each
 * write fails with kind `storage` until the file is back, or the program opens the database again.
 *
 * @example
 * ```ts
 * import { type ClientWrapper, LLMSession } from "cloudllm";
 * import { type SqliteLike, SQLiteStore } from "cloudllm/store/sqlite";
 *
 * export async function reply(client: ClientWrapper, database: SqliteLike, id: string, text: string): Promise<string> {
 *   const store = new SQLiteStore(database); // such as `new DatabaseSync("chats.db")` of node:sqlite
 *   await using session = await LLMSession.open({ client, store, id });
 *   return (await session.sendMessage(text)).content;
 * }
 * ```
 */
export class SQLiteStore extends LeasedStore {
  readonly #database: SqliteDatabase;

  /**
   * @param database an open database. The store does not close it.
   * @throws {TypeError} when the database or an option is invalid
   */
  constructor(database: SqliteLike, options: SQLiteStoreOptions = {}) {
    const opened = new SqliteDatabase(database, SCHEMA);
    super(new SqliteTable(opened), options);
    this.#database = opened;
  }

  /** Returns the SQL that makes the tables, for those who run it themselves in a database without them. */
  static migrationSql(): string {
    return schemaSql(SCHEMA);
  }

  /**
   * Makes the tables, or brings those of an earlier version up to date. Any number of processes may call it at once.
   * Each other call does that first.
   */
  migrate(): Promise<void> {
    return this.#database.migrate();
  }
}

interface SessionRow {
  readonly next: number;
  readonly updated_at: number | null;
  readonly holder: string | null;
  readonly held_until: number;
}

const FIND = "SELECT next, updated_at, holder, held_until FROM cloudllm_sessions WHERE id = ?";

const TAKE = `
INSERT INTO cloudllm_sessions (id, holder, held_until) VALUES (?, ?, ?)
ON CONFLICT (id) DO UPDATE SET holder = excluded.holder, held_until = excluded.held_until`;

const HOLD = `
UPDATE cloudllm_sessions SET next = ?, updated_at = ?, held_until = ?, title = coalesce(?, CASE WHEN ? > 0 THEN title END)
WHERE id = ? AND holder = ? AND next <= ?`;

const UNDO = "DELETE FROM cloudllm_records WHERE session = ? AND number >= ?";
const ADD = "INSERT INTO cloudllm_records (session, number, records) VALUES (?, ?, ?)";
const RENEW = "UPDATE cloudllm_sessions SET held_until = ? WHERE id = ? AND holder = ?";
const SHORTEN = "UPDATE cloudllm_sessions SET held_until = ? WHERE id = ?";
const GIVE_BACK = "UPDATE cloudllm_sessions SET holder = NULL WHERE id = ? AND holder = ?";
/** A session without records leaves nothing. */
const DROP_EMPTY = "DELETE FROM cloudllm_sessions WHERE id = ? AND holder IS NULL AND updated_at IS NULL";
const READ = "SELECT records FROM cloudllm_records WHERE session = ? ORDER BY number";

const LIST = `
SELECT id, updated_at, title FROM cloudllm_sessions
WHERE updated_at IS NOT NULL
  AND (? = '' OR (id >= ? AND id < ? || char(1114111)))
  AND (updated_at < ? OR (updated_at = ? AND id > ?))
ORDER BY updated_at DESC, id LIMIT ?`;

class SqliteTable implements SessionTable {
  readonly engine = "SQLite";
  readonly #time = new SteadyTime();
  readonly #database: SqliteDatabase;

  constructor(database: SqliteDatabase) {
    this.#database = database;
  }

  take(key: string, wish: string, leaseMs: number): Promise<Taken> {
    return this.#database.write((): Taken => {
      const row = this.#database.get<SessionRow>(FIND, key);
      const forMs = row?.holder === wish ? 0 : this.#remainingMs(key, row, leaseMs);
      if (forMs > 0) return { forMs };
      this.#database.run(TAKE, key, wish, this.#time.now() + leaseMs);
      return { token: wish, next: row?.next ?? 1, isKept: typeof row?.updated_at === "number" };
    });
  }

  write({ key, token }: TableLease, batch: Batch, leaseMs: number): Promise<boolean> {
    const { number, from, records, title = null } = batch;
    return this.#database.write(() => {
      const now = this.#time.now();
      const values = [number + 1, now, now + leaseMs, title, from, key, token, number];
      if (this.#database.run(HOLD, ...values) === 0) return false;
      this.#database.run(UNDO, key, from);
      this.#database.run(ADD, key, number, records);
      return true;
    });
  }

  renew(leases: readonly TableLease[], leaseMs: number): Promise<void> {
    return this.#database.write(() => {
      for (const { key, token } of leases) this.#database.run(RENEW, this.#time.now() + leaseMs, key, token);
    });
  }

  giveBack({ key, token }: TableLease): Promise<void> {
    return this.#database.write(() => {
      this.#database.run(GIVE_BACK, key, token);
      this.#database.run(DROP_EMPTY, key);
    });
  }

  read(key: string): Promise<readonly string[]> {
    return this.#database.read(() => this.#database.all<{ records: string }>(READ, key).map(({ records }) => records));
  }

  list({ prefix, limit, after }: PageRequest): Promise<readonly StoredSession[]> {
    const { updatedAt, id } = after ?? { updatedAt: Number.MAX_SAFE_INTEGER, id: "" };
    return this.#database.read(() =>
      this.#database
        .all<{ id: string; updated_at: number; title: string | null }>(
          LIST,
          prefix,
          prefix,
          prefix,
          updatedAt,
          updatedAt,
          id,
          limit,
        )
        .map((row) => storedSession(row.id, row.updated_at, row.title)),
    );
  }

  remove(key: string, leaseMs: number): Promise<number> {
    return this.#database.write(() => {
      const forMs = this.#remainingMs(key, this.#database.get<SessionRow>(FIND, key), leaseMs);
      if (forMs > 0) return forMs;
      this.#database.run(UNDO, key, 0);
      this.#database.run("DELETE FROM cloudllm_sessions WHERE id = ?", key);
      return 0;
    });
  }

  /**
   * Returns the time until a session is free, in milliseconds; 0 when it is. A lease from before the clock was set back
   * is shortened: it would outlive its dead holder by as much. One that has expired since the clock was set forward has
   * a holder that may live, and renews it.
   */
  #remainingMs(key: string, row: SessionRow | undefined, leaseMs: number): number {
    if (!row || row.holder === null) return 0;
    const forMs = row.held_until - this.#time.now();
    if (forMs <= 0 && this.#time.wasSetForward(leaseMs)) return leaseMs;
    if (forMs <= leaseMs) return Math.max(0, forMs);
    this.#database.run(SHORTEN, this.#time.now() + leaseMs, key);
    return leaseMs;
  }
}
