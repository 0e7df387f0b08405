/** Stores by a name and a place that a process can hand to its child: a path, or the address of an engine. */

import { FileStore } from "cloudllm/store/file";
import { PostgresStore } from "cloudllm/store/postgres";
import { RedisStore } from "cloudllm/store/redis";
import { SQLiteStore } from "cloudllm/store/sqlite";
import { postgresDrivers, redisDrivers, sqliteDrivers } from "../interop/drivers.mjs";

const OPENERS = {
  async file(folder, options) {
    return { store: new FileStore(folder, options), close: async () => undefined };
  },
  async sqlite(path, options) {
    const database = await sqliteDrivers[0].open(path);
    return { store: new SQLiteStore(database, options), close: async () => database.close() };
  },
  async postgres(url, options) {
    const { client, close } = await postgresDrivers[0].connect(url);
    const store = new PostgresStore(client, options);
    await store.migrate();
    return { store, close };
  },
  async redis(url, options) {
    const { client, close } = await redisDrivers[0].connect(url);
    return { store: new RedisStore(client, options), close };
  },
};

export const openStore = (kind, place, leaseMs) => OPENERS[kind](place, { leaseMs });
