/** Conversations in PostgreSQL: the subpath `cloudllm/store/postgres`. */

export type { LeaseOptions } from "./leased-store.ts";
export type { PgLike, PostgresJsLike, PostgresLike } from "./postgres-client.ts";
export { PostgresStore, type PostgresStoreOptions } from "./postgres-store.ts";
