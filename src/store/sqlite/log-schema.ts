/** The tables of the log in SQLite, by version. */

import type { SqliteSchema } from "./database.ts";

/** The number of an entry that is the end of its run. */
export const END_NUMBER = 9_007_199_254_740_991;

/**
 * The texts are in a table of their own: a run's row is written with each append, and stays small. There, attempt 0 is
 * the head of a run, and the end has the largest number. The entries of one append are one text, an array, with the
 * number of the last one. Times are in milliseconds since 1970. `version` counts the changes that a viewer sees.
 */
export const LOG_SCHEMA: SqliteSchema = {
  name: "runs",
  versions: [
    `CREATE TABLE cloudllm_runs (
  key INTEGER PRIMARY KEY AUTOINCREMENT,
  run TEXT NOT NULL UNIQUE,
  attempt INTEGER NOT NULL DEFAULT 1,
  version INTEGER NOT NULL DEFAULT 1,
  is_ended INTEGER NOT NULL DEFAULT 0,
  is_to_stop INTEGER NOT NULL DEFAULT 0,
  owned_until INTEGER NOT NULL,
  viewed_until INTEGER NOT NULL DEFAULT 0,
  began_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
);
CREATE INDEX cloudllm_runs_expiry ON cloudllm_runs (expires_at);
CREATE TABLE cloudllm_entries (
  key INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  number INTEGER NOT NULL,
  entry TEXT NOT NULL,
  PRIMARY KEY (key, attempt, number)
) WITHOUT ROWID;
CREATE TABLE cloudllm_chats (
  chat TEXT NOT NULL PRIMARY KEY,
  run TEXT NOT NULL,
  number INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX cloudllm_chats_expiry ON cloudllm_chats (expires_at);`,
  ],
};
