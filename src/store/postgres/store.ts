/** Conversations in PostgreSQL. */

import { SendError } from "../../contract/errors.ts";
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
import { codeOf, type PostgresLike, type Query, queryOf } from "./client.ts";
import { POSTGRES_MIGRATION } from "./migration.ts";

/** The options of `new PostgresStore`. */
export type PostgresStoreOptions = LeaseOptions;

/**
 * Keeps sessions in PostgreSQL (11 or later), in two tables that `migrate` makes. Records are kept as the exact text of
 * their JSON. Each write is one statement, so that any pool serves, also in transaction mode and over HTTP.
 *
 * An open session has a lease in the database, by the database's clock. Another process that opens it gets kind `busy`.
 * A process that was killed loses its leases after `leaseMs`. The database refuses the writes of a holder that lost its
 * lease: its sends fail with kind `busy`.
 *
 * @example
 * ```ts
 * import { type ClientWrapper, LLMSession } from "cloudllm";
 * import { type PostgresLike, PostgresStore } from "cloudllm/store/postgres";
 *
 * export async function reply(client: ClientWrapper, pool: PostgresLike, id: string, text: string): Promise<string> {
 *   const store = new PostgresStore(pool); // such as `new Pool()` of pg, or `postgres(url)` of postgres.js
 *   await store.migrate(); // once, when the program starts
 *   await using session = await LLMSession.open({ client, store, id });
 *   return (await session.sendMessage(text)).content;
 * }
 * ```
 */
export class PostgresStore extends LeasedStore {
  readonly #query: Query;

  /**
   * @param client a driver with a connection to the database. The store does not close it.
   * @throws {TypeError} when the client or an option is invalid
   */
  constructor(client: PostgresLike, options: PostgresStoreOptions = {}) {
    const query = queryOf(client);
    super(new PostgresTable(query), options);
    this.#query = query;
  }

  /** Returns the SQL of `migrate`, for programs that may not change the schema: one statement, safe to repeat. */
  static migrationSql(): string {
    return POSTGRES_MIGRATION;
  }

  /**
   * Makes the tables, or brings those of an earlier version up to date. It does nothing when they are. Any number of
   * processes may call it at once.
   */
  async migrate(): Promise<void> {
    try {
      await this.#query(POSTGRES_MIGRATION);
    } catch (error) {
      // A `repeatable read` transaction that has waited for another process does not see its tables: the next one does.
      if (!MADE_MEANWHILE.includes(codeOf(error))) throw error;
      await this.#query(POSTGRES_MIGRATION);
    }
  }
}

/** `duplicate_table`, `duplicate_column`, `unique_violation`. */
const MADE_MEANWHILE: readonly unknown[] = ["42P07", "42701", "23505"];

/** The database's clock, in milliseconds since 1970. */
const NOW = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint";

/**
 * Raises the number before a write that follows a failed one. The statement waits for the failed one if that is still
 * carried out, and outdates it if that is yet to come.
 */
const OUTDATE = `
UPDATE cloudllm_sessions SET next = $3::bigint WHERE id = $1 AND holder = $2 AND next <= $3::bigint RETURNING id`;

const WRITE = `
WITH held AS (
  UPDATE cloudllm_sessions SET next = $3::bigint + 1, updated_at = ${NOW}, held_until = ${NOW} + $6::bigint,
    title = coalesce($7::text, CASE WHEN $4::bigint > 0 THEN title END)
  WHERE id = $1 AND holder = $2 AND next <= $3::bigint RETURNING id
), undone AS (
  DELETE FROM cloudllm_records USING held WHERE session = held.id AND number >= $4::bigint
), added AS (
  INSERT INTO cloudllm_records (session, number, records) SELECT id, $3::bigint, $5 FROM held
)
SELECT id FROM held`;

const TAKE = `
WITH taken AS (
  INSERT INTO cloudllm_sessions AS old (id, holder, held_until) VALUES ($1, $2, ${NOW} + $3::bigint)
  ON CONFLICT (id) DO UPDATE SET holder = excluded.holder, held_until = excluded.held_until
  WHERE old.holder IS NULL OR old.held_until <= ${NOW} OR old.holder = excluded.holder
  RETURNING next, updated_at IS NOT NULL AS is_kept
)
SELECT next::float8, is_kept, NULL::float8 AS for_ms FROM taken
UNION ALL
SELECT NULL, NULL, coalesce((SELECT held_until - ${NOW} FROM cloudllm_sessions WHERE id = $1), $3::bigint)::float8
WHERE NOT EXISTS (SELECT FROM taken)`;

const RENEW = `
UPDATE cloudllm_sessions SET held_until = ${NOW} + $2::bigint
WHERE holder IN (SELECT json_array_elements_text($1::text::json))`;

/** A session without records leaves nothing. */
const GIVE_BACK = `
WITH gone AS (
  DELETE FROM cloudllm_sessions WHERE id = $1 AND holder = $2 AND updated_at IS NULL
)
UPDATE cloudllm_sessions SET holder = NULL WHERE id = $1 AND holder = $2 AND updated_at IS NOT NULL`;

const FIND = `
SELECT next::text, updated_at::text,
  CASE WHEN holder IS NULL OR held_until <= ${NOW} THEN 0 ELSE held_until - ${NOW} END::float8 AS for_ms
FROM cloudllm_sessions WHERE id = $1`;

/**
 * Deletes a session as it was found: a statement that comes late must not delete what was written since. The foreign
 * key deletes the records with their session.
 */
const REMOVE = `
DELETE FROM cloudllm_sessions
WHERE id = $1 AND next = $2::bigint AND updated_at IS NOT DISTINCT FROM $3::bigint
  AND (holder IS NULL OR held_until <= ${NOW}) RETURNING id`;

const LIST = `
SELECT id, updated_at::float8, title FROM cloudllm_sessions
WHERE updated_at IS NOT NULL
  AND ($1 = '' OR (id >= $1 AND id < $1 || chr(1114111)))
  AND ($2::bigint IS NULL OR updated_at < $2::bigint OR (updated_at = $2::bigint AND id > $3))
ORDER BY updated_at DESC, id LIMIT $4::bigint`;

const READ = "SELECT records FROM cloudllm_records WHERE session = $1 ORDER BY number";

class PostgresTable implements SessionTable {
  readonly engine = "PostgreSQL";
  readonly #query: Query;

  constructor(query: Query) {
    this.#query = query;
  }

  async take(key: string, wish: string, leaseMs: number): Promise<Taken> {
    const [row] = await this.#query(TAKE, [key, wish, String(leaseMs)]);
    if (typeof row?.next === "number") return { token: wish, next: row.next, isKept: row.is_kept === true };
    return { forMs: Math.max(1, Number(row?.for_ms)) };
  }

  async write({ key, token }: TableLease, batch: Batch, leaseMs: number): Promise<boolean> {
    const number = String(batch.number);
    if (batch.isAfterFailure && (await this.#query(OUTDATE, [key, token, number])).length === 0) return false;
    const title = batch.title ?? null;
    const values = [key, token, number, String(batch.from), batch.records, String(leaseMs), title];
    return (await this.#query(WRITE, values)).length > 0;
  }

  async renew(leases: readonly TableLease[], leaseMs: number): Promise<void> {
    await this.#query(RENEW, [JSON.stringify(leases.map(({ token }) => token)), String(leaseMs)]);
  }

  async giveBack({ key, token }: TableLease): Promise<void> {
    await this.#query(GIVE_BACK, [key, token]);
  }

  async read(key: string): Promise<readonly string[]> {
    return (await this.#query(READ, [key])).map(({ records }) => String(records));
  }

  async list({ prefix, limit, after }: PageRequest): Promise<readonly StoredSession[]> {
    const updatedAt = after === undefined ? null : String(Math.floor(after.updatedAt));
    const rows = await this.#query(LIST, [prefix, updatedAt, after?.id ?? "", String(limit)]);
    return rows.map((row) => storedSession(String(row.id), Number(row.updated_at), row.title));
  }

  async remove(key: string, _leaseMs: number, isAwaited: () => boolean): Promise<number> {
    for (;;) {
      const [row] = await this.#query(FIND, [key]);
      const forMs = Number(row?.for_ms ?? 0);
      if (!row || forMs > 0 || !isAwaited()) return Math.ceil(forMs);
      const updatedAt = row.updated_at === null ? null : String(row.updated_at);
      if ((await this.#query(REMOVE, [key, String(row.next), updatedAt])).length > 0) return 0;
    }
  }

  explain(cause: unknown): SendError | undefined {
    const code = codeOf(cause);
    if (code !== "42P01" && code !== "42703") return undefined; // undefined_table, undefined_column
    const message =
      "The tables of the session store are missing, or of an earlier version. Call `await store.migrate()` once, or run " +
      "the SQL of `PostgresStore.migrationSql()`.";
    return new SendError("storage", message, { cause });
  }
}
