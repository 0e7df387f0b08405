/**
 * One face for the databases of SQLite that people have: `node:sqlite`, better-sqlite3 and `bun:sqlite`. They are
 * recognized by their methods. Several processes may use one file.
 */

import { sleep } from "../../platform/sleep.ts";
import { DatabaseFiles } from "./database-files.ts";

/** A value that is bound to a statement. */
export type SqliteValue = string | number | null;

/** An open database: a `DatabaseSync` of `node:sqlite`, or a `Database` of better-sqlite3 or `bun:sqlite`. */
export interface SqliteLike {
  exec(sql: string): unknown;
  prepare(sql: string): SqliteStatement;
}

/** The part of a prepared statement that is used. */
export interface SqliteStatement {
  run(...values: SqliteValue[]): unknown;
  get(...values: SqliteValue[]): unknown;
  all(...values: SqliteValue[]): unknown;
}

/** The tables of one part of the library. */
export interface SqliteSchema {
  readonly name: string;
  /** Each version's statements. A version that was published never changes. */
  readonly versions: readonly string[];
}

/** How long an operation waits for another process that writes, in milliseconds. */
const BUSY_TIMEOUT_MS = 5_000;
const MAX_BUSY_WAIT_MS = 20;

const VERSIONS_TABLE = `
CREATE TABLE IF NOT EXISTS cloudllm_migrations (
  name TEXT NOT NULL,
  version INTEGER NOT NULL,
  PRIMARY KEY (name, version)
) WITHOUT ROWID`;

/** Returns the SQL that makes the tables of a schema, for a database without them. */
export function schemaSql({ name, versions }: SqliteSchema): string {
  const steps = versions.map((sql, index) => `${sql.trim()}\n${versionSql(name, index + 1)};`);
  return `BEGIN IMMEDIATE;${VERSIONS_TABLE};\n${steps.join("\n")}\nCOMMIT;\n`;
}

function versionSql(name: string, version: number): string {
  return `INSERT INTO cloudllm_migrations (name, version) VALUES ('${name}', ${version})`;
}

/** A database with the tables of a schema. Its operations are synchronous; they run inside `read` and `write`. */
export class SqliteDatabase {
  readonly #database: SqliteLike;
  readonly #schema: SqliteSchema;
  readonly #statements = new Map<string, SqliteStatement>();
  /** Absent until the tables are there. */
  #files: DatabaseFiles | undefined;

  /** @throws {TypeError} when the database is of an unknown kind */
  constructor(database: SqliteLike, schema: SqliteSchema) {
    if (!isDatabase(database)) {
      throw new TypeError(
        "The database is of an unknown kind. Pass an open one: `new DatabaseSync(path)` of node:sqlite, or " +
          "`new Database(path)` of better-sqlite3 or bun:sqlite.",
      );
    }
    this.#database = database;
    this.#schema = schema;
  }

  /** Makes the tables, or brings those of an earlier version up to date. Each operation does that first. */
  async migrate(): Promise<void> {
    await this.read(() => undefined);
  }

  /**
   * Resolves with the result of `work`, whose changes are all made or none. It may run more than once.
   * @throws the error of `work`, that of a database which is busy for 5 seconds, or kind `storage` when its file is
   *   away
   */
  write<Result>(work: () => Result): Promise<Result> {
    return this.#whenFree(() => this.#inTransaction(work));
  }

  /** Resolves with the result of `work`, which only reads. */
  read<Result>(work: () => Result): Promise<Result> {
    return this.#whenFree(work);
  }

  /** Executes a statement and returns how many rows it has changed. */
  run(sql: string, ...values: SqliteValue[]): number {
    return Number((this.#statement(sql).run(...values) as { changes: number | bigint }).changes);
  }

  /** Returns the first row of a query. */
  get<Row>(sql: string, ...values: SqliteValue[]): Row | undefined {
    return (this.#statement(sql).get(...values) ?? undefined) as Row | undefined;
  }

  /** Returns all rows of a query. */
  all<Row>(sql: string, ...values: SqliteValue[]): readonly Row[] {
    return this.#statement(sql).all(...values) as readonly Row[];
  }

  /** The event loop runs meanwhile, unlike with SQLite's own `busy_timeout`. */
  async #whenFree<Result>(work: () => Result): Promise<Result> {
    const end = performance.now() + BUSY_TIMEOUT_MS;
    for (;;) {
      try {
        return this.#atOnce(() => {
          this.#migrate();
          return work();
        });
      } catch (error) {
        if (!isBusy(error) || performance.now() > end) throw error;
      }
      await sleep(1 + Math.random() * MAX_BUSY_WAIT_MS);
    }
  }

  /**
   * Works without the database's own `busy_timeout`, in which the process stands still: better-sqlite3 has one of 5
   * seconds. The statements of the program keep it.
   */
  #atOnce<Result>(work: () => Result): Result {
    // Prepared each time: SQLite reads and sets it when it prepares a statement.
    const row = (this.#database.prepare("PRAGMA busy_timeout").get() ?? {}) as Record<string, number | bigint>;
    const own = Number(Object.values(row)[0] ?? 0);
    if (own === 0) return work();
    this.#database.exec("PRAGMA busy_timeout = 0");
    try {
      return work();
    } finally {
      this.#database.exec(`PRAGMA busy_timeout = ${own}`);
    }
  }

  #inTransaction<Result>(work: () => Result): Result {
    this.#files?.check();
    this.#statement("BEGIN IMMEDIATE").run();
    try {
      const result = work();
      this.#statement("COMMIT").run();
      return result;
    } catch (error) {
      this.#rollBack();
      throw error;
    }
  }

  #rollBack(): void {
    try {
      this.#statement("ROLLBACK").run();
    } catch {
      // SQLite has rolled back by itself, as it does when the disk is full.
    }
  }

  #migrate(): void {
    if (this.#files) return;
    const { name, versions } = this.#schema;
    // Readers do not wait for the writer. A crash of the process loses nothing; a power cut may lose the last moment.
    this.#database.exec("PRAGMA journal_mode = WAL");
    this.#database.exec("PRAGMA synchronous = NORMAL");
    this.#inTransaction(() => {
      this.#database.exec(VERSIONS_TABLE);
      const applied = "SELECT coalesce(max(version), 0) AS version FROM cloudllm_migrations WHERE name = ?";
      const { version = 0 } = this.get<{ version: number }>(applied, name) ?? {};
      for (const [index, sql] of versions.entries()) {
        if (index < version) continue;
        this.#database.exec(sql);
        this.#database.exec(versionSql(name, index + 1));
      }
    });
    this.#files = new DatabaseFiles(pathOf(this.#database));
  }

  #statement(sql: string): SqliteStatement {
    const known = this.#statements.get(sql);
    if (known) return known;
    const statement = withNumbers(this.#database.prepare(sql));
    this.#statements.set(sql, statement);
    return statement;
  }
}

/** The methods of better-sqlite3 and bun:sqlite, and of `node:sqlite`, that choose between numbers and bigints. */
interface NumberChoice {
  safeIntegers?(isBigint: boolean): unknown;
  setReadBigInts?(isBigint: boolean): unknown;
}

/** A program may have set its database to read integers as bigints, for statements of its own. */
function withNumbers(statement: SqliteStatement & NumberChoice): SqliteStatement {
  statement.safeIntegers?.(false);
  statement.setReadBigInts?.(false);
  return statement;
}

/** Returns the path of the database's file; `""` for one in memory. */
function pathOf(database: SqliteLike): string {
  const rows = database.prepare("PRAGMA database_list").all() as readonly { name?: unknown; file?: unknown }[];
  const file = rows.find(({ name }) => name === "main")?.file;
  return typeof file === "string" ? file : "";
}

function isDatabase(value: unknown): value is SqliteLike {
  if (typeof value !== "object" || value === null) return false;
  const { exec, prepare } = value as Partial<SqliteLike>;
  return typeof exec === "function" && typeof prepare === "function";
}

/** Another process writes. The drivers have different codes for it, and the same text. */
function isBusy(error: unknown): boolean {
  return error instanceof Error && error.message.includes("database is locked");
}
