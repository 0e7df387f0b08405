/** Types of `drivers.mjs`, which is JavaScript because the drivers in it may not be installed. */

/** Why there are no drivers; `undefined` when there are. */
export const driversMissing: string | undefined;
/** Why there is no client of Upstash; `undefined` when there is one. */
export const upstashMissing: string | undefined;
/** Why there is no driver of SQLite; `undefined` when there is one. */
export const sqliteMissing: string | undefined;

/** A client of an engine, as its own library makes it. */
export interface Driver {
  readonly name: string;
  /** Resolves with a connected client. Its `client` is what a store is given. */
  connect(url: string): Promise<{ readonly client: object; close(): Promise<void> }>;
}

/** Libraries of Redis: each major version that is in use. */
export const redisDrivers: readonly Driver[];
/** Clients of a Redis cluster. */
export const redisClusterDrivers: readonly Driver[];
/** Returns a client of `@upstash/redis`. */
export function upstashClient(url: string, token: string): Promise<object>;
/** Libraries of PostgreSQL. */
export const postgresDrivers: readonly Driver[];

/** A database of SQLite, as far as tests use it. */
export interface SqliteDatabase {
  exec(sql: string): unknown;
  prepare(sql: string): Record<"run" | "get" | "all", (...values: (string | number | null)[]) => unknown>;
  close(): unknown;
}

/** Drivers of SQLite that run here; `connect` gets a path. */
export const sqliteDrivers: readonly (Omit<Driver, "connect"> & { open(path: string): Promise<SqliteDatabase> })[];
