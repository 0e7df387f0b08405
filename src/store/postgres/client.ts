/** One face for the drivers of PostgreSQL. Their methods identify them, so that none of them is a dependency. */

import { SendError } from "../../contract/errors.ts";
import { durationText } from "../../contract/timeouts.ts";
import { sleep } from "../../platform/sleep.ts";
import { startLimit } from "../../platform/within.ts";

/** The part of `pg`, of Neon's driver and of PGlite that is used. */
export interface PgLike {
  query(text: string, values?: unknown[]): Promise<unknown>;
}

/** The part of `postgres` (postgres.js) that is used. */
export interface PostgresJsLike {
  unsafe(text: string, values?: never[]): PromiseLike<unknown>;
  begin: unknown;
}

/**
 * A driver of PostgreSQL:
 * - `pg`: a `Pool` or a connected `Client`. A `Client` does not connect again after a failure.
 * - postgres.js: `postgres(url)`
 * - Neon's serverless driver: `neon(url)`, a `Pool` or a `Client`
 * - PGlite, and any other object with a method `query(text, values)`
 */
export type PostgresLike = PgLike | PostgresJsLike;

/** A row: its columns by name. */
type Row = Readonly<Record<string, unknown>>;

/** Runs one statement, and resolves with its rows. All parameters are text; statements convert them. */
export type Query = (statement: string, parameters?: readonly (string | null)[]) => Promise<readonly Row[]>;

/**
 * Returns a driver of any kind as one function.
 * @throws {TypeError} when the driver is of an unknown kind
 */
export function queryOf(client: PostgresLike): Query {
  return repeated(driverQuery(client));
}

function driverQuery(client: PostgresLike): Query {
  if (isPg(client)) {
    const query: Query = async (text, values) => rowsOf(await client.query(text, values && [...values]));
    return isConnection(client) ? oneByOne(query) : query;
  }
  // Its types take parameters that fit the statement, which only the database knows.
  if (isPostgresJs(client)) return async (text, values) => rowsOf(await client.unsafe(text, values as never[]));
  throw new TypeError(
    "The PostgreSQL client is of an unknown kind. Pass a `Pool` or `Client` of `pg`, a client of `postgres` " +
      "(postgres.js) or of Neon, or an object with a method `query(text, values)`.",
  );
}

/** Whether it is a `Client` of pg, which is one connection. Its own queue of statements is deprecated. */
function isConnection(client: PgLike): boolean {
  return "connect" in client && !("totalCount" in client);
}

/** So many statements wait for the only connection. */
const MAX_WAITING = 1_000;

/** A statement that has waited for so long is not sent any more: its caller has given it up. In milliseconds. */
const MAX_WAIT_MS = 15_000;

/**
 * Returns a function that starts each query when the one before has ended. It rejects with kind `storage` for one that
 * waits for too long, or for one too many.
 */
function oneByOne(query: Query): Query {
  const waiting = new Set<() => void>();
  let isBusy = false;
  const run: Query = async (...args) => {
    isBusy = true;
    try {
      return await query(...args);
    } finally {
      isBusy = false;
      const [next] = waiting;
      next?.();
    }
  };
  return (...args) => {
    if (!isBusy) return run(...args);
    if (waiting.size >= MAX_WAITING) return Promise.reject(crowded(`${MAX_WAITING} statements wait already`));
    return new Promise((resolve, reject) => {
      const begin = (): void => {
        endLimit();
        waiting.delete(begin);
        resolve(run(...args));
      };
      const endLimit = startLimit(MAX_WAIT_MS, () => {
        waiting.delete(begin);
        reject(crowded(`a statement has waited for ${durationText(MAX_WAIT_MS)}, and was not sent`));
      });
      waiting.add(begin);
    });
  };
}

function crowded(why: string): SendError {
  return new SendError("storage", `The only connection to PostgreSQL is busy: ${why}. Pass a \`Pool\`.`);
}

/**
 * Failures of a statement that has lost against one at the same time, and has changed nothing: `serialization_failure`
 * and `deadlock_detected`. A database whose transactions are `repeatable read` by default reports them.
 * @see https://www.postgresql.org/docs/current/mvcc-serialization-failure-handling.html
 */
const LOST_RACES: readonly unknown[] = ["40001", "40P01"];
const MAX_RACES = 20;
const MAX_PAUSE_MS = 20;

/** Returns a function that repeats a query which has lost against another one. */
function repeated(query: Query): Query {
  return async (...args) => {
    for (let races = 1; ; races++) {
      try {
        return await query(...args);
      } catch (error) {
        if (!LOST_RACES.includes(codeOf(error)) || races === MAX_RACES) throw error;
      }
      await sleep(Math.random() * MAX_PAUSE_MS);
    }
  };
}

/** Returns the code of a database's error. @see https://www.postgresql.org/docs/current/errcodes-appendix.html */
export function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}

function rowsOf(result: unknown): readonly Row[] {
  if (Array.isArray(result)) return result;
  if (typeof result === "object" && result !== null && "rows" in result && Array.isArray(result.rows))
    return result.rows;
  throw new TypeError("The PostgreSQL client returned neither an array of rows nor an object with `rows`.");
}

function isPg(client: unknown): client is PgLike {
  return hasMethod(client, "query");
}

function isPostgresJs(client: unknown): client is PostgresJsLike {
  return hasMethod(client, "unsafe") && hasMethod(client, "begin");
}

function hasMethod<Name extends string>(value: unknown, name: Name): value is Record<Name, () => unknown> {
  if ((typeof value !== "object" && typeof value !== "function") || value === null) return false;
  return typeof Reflect.get(value, name) === "function";
}
