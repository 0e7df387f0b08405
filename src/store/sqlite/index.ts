/** Runs and conversations in SQLite: the subpath `cloudllm/store/sqlite`. */

export type { LeaseOptions } from "../leased-store.ts";
export type { LogOptions } from "../log-options.ts";
export type { SqliteLike, SqliteStatement, SqliteValue } from "./database.ts";
export { type SqliteLogOptions, sqliteLog } from "./log.ts";
export { SQLiteStore, type SQLiteStoreOptions } from "./store.ts";
