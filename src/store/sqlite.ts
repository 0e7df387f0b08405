/** Conversations in SQLite: the subpath `cloudllm/store/sqlite`. */

export type { LeaseOptions } from "./leased-store.ts";
export type { SqliteLike, SqliteStatement, SqliteValue } from "./sqlite-database.ts";
export { SQLiteStore, type SQLiteStoreOptions } from "./sqlite-store.ts";
