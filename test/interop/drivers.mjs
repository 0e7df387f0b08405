/** The databases' own drivers behind one face. They are loaded when they are used: this module can be imported without them. */

import { existsSync } from "node:fs";
import { createRequire, isBuiltin } from "node:module";

const has = (name) => existsSync(new URL(`node_modules/${name}`, import.meta.url));
const isHere = { betterSqlite: loadsBetterSqlite(), nodeSqlite: isBuiltin("node:sqlite") };

/** It is compiled for one version of Node; another cannot load it. */
function loadsBetterSqlite() {
  try {
    const Database = createRequire(import.meta.url)("better-sqlite3");
    new Database(":memory:").close();
    return true;
  } catch {
    return false;
  }
}

export const driversMissing = ["ioredis6", "redis6", "pg", "postgres"].every(has)
  ? undefined
  : "the databases' drivers are not installed: npm ci --prefix test/interop";
export const upstashMissing = has("@upstash/redis") ? undefined : "@upstash/redis is not installed";
export const sqliteMissing =
  isHere.betterSqlite || isHere.nodeSqlite ? undefined : "there is neither better-sqlite3 nor node:sqlite";

const ioredis = (name, load) => ({
  name,
  async connect(url) {
    const { Redis } = await load();
    const client = new Redis(url, { retryStrategy: () => 20 });
    client.on("error", () => undefined);
    return { client, close: async () => client.disconnect() };
  },
});

const nodeRedis = (name, load) => ({
  name,
  async connect(url) {
    const { createClient } = await load();
    const client = createClient({ url, socket: { reconnectStrategy: 20 } });
    client.on("error", () => undefined);
    await client.connect();
    return { client, close: async () => client.destroy() };
  },
});

export const redisDrivers = [
  ioredis("ioredis 5", () => import("ioredis")),
  ioredis("ioredis 6", () => import("ioredis6")),
  nodeRedis("node-redis 5", () => import("redis")),
  nodeRedis("node-redis 6", () => import("redis6")),
];

export const redisClusterDrivers = [
  {
    name: "a cluster of ioredis 5",
    async connect(url) {
      const { Cluster } = await import("ioredis");
      const client = new Cluster([url]);
      client.on("error", () => undefined);
      return { client, close: async () => client.disconnect() };
    },
  },
  {
    name: "a cluster of node-redis 6",
    async connect(url) {
      const { createCluster } = await import("redis6");
      const client = createCluster({ rootNodes: [{ url }] });
      client.on("error", () => undefined);
      await client.connect();
      return { client, close: async () => client.destroy() };
    },
  },
];

/** Returns a client of `@upstash/redis`. */
export async function upstashClient(url, token) {
  const { Redis } = await import("@upstash/redis");
  return new Redis({ url, token });
}

export const postgresDrivers = [
  {
    name: "a Pool of pg",
    async connect(url) {
      const { default: pg } = await import("pg");
      const client = new pg.Pool({ connectionString: url, max: 4 });
      client.on("error", () => undefined);
      return { client, close: () => client.end() };
    },
  },
  {
    name: "a Client of pg",
    async connect(url) {
      const { default: pg } = await import("pg");
      const client = new pg.Client({ connectionString: url });
      client.on("error", () => undefined);
      await client.connect();
      return { client, close: () => client.end() };
    },
  },
  {
    name: "postgres.js",
    async connect(url) {
      const { default: postgres } = await import("postgres");
      // Without `fetch_types: false`, a connection that breaks in its first query leaves an unhandled rejection of the driver.
      // A connection that breaks while it begins may hang until `connect_timeout`, in seconds.
      const options = {
        max: 4,
        onnotice: () => undefined,
        backoff: () => 0.02,
        fetch_types: false,
        connect_timeout: 3,
      };
      const client = postgres(url, options);
      return { client, close: () => client.end({ timeout: 1 }) };
    },
  },
];

export const sqliteDrivers = [
  isHere.betterSqlite && {
    name: "better-sqlite3",
    async open(path) {
      const { default: Database } = await import("better-sqlite3");
      return new Database(path);
    },
  },
  isHere.nodeSqlite && {
    name: "node:sqlite",
    async open(path) {
      const { DatabaseSync } = await import("node:sqlite");
      return new DatabaseSync(path);
    },
  },
].filter(Boolean);
