/** Conversations in PostgreSQL: the subpath `cloudllm/store/postgres`. */

export type { LeaseOptions } from "../leased-store.ts";
export type { PgLike, PostgresJsLike, PostgresLike } from "./client.ts";
export { PostgresStore, type PostgresStoreOptions } from "./store.ts";
