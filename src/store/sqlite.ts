/** Runs and conversations in SQLite: the subpath `cloudllm/store/sqlite`. */

export type { LeaseOptions } from "./leased-store.ts";
export type { LogOptions } from "./log-options.ts";
export type { SqliteLike, SqliteStatement, SqliteValue } from "./sqlite-database.ts";
export { type SqliteLogOptions, sqliteLog } from "./sqlite-log.ts";
export { SQLiteStore, type SQLiteStoreOptions } from "./sqlite-store.ts";
