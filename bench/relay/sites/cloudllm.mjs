/** This library's relay, without a log and on each of them. */
import { join } from "node:path";
import { CompatibleClient } from "cloudllm";
import { createRelay, memoryLog } from "cloudllm/server";
import { model } from "../../request.mjs";

const LOGS = {
  off: async () => undefined,
  memory: async () => memoryLog(),
  sqlite: async ({ folder }) => {
    const [Database, { sqliteLog }] = await Promise.all([sqlite(), import("cloudllm/store/sqlite")]);
    return sqliteLog(new Database(join(folder, "runs.db")));
  },
  redis: async ({ redis }) => {
    const [{ Redis }, { redisLog }] = await Promise.all([import("ioredis"), import("cloudllm/store/redis")]);
    return redisLog(new Redis(redis));
  },
};

/** SQLite of Node itself, else better-sqlite3: a native package is built for one version of Node. */
async function sqlite() {
  return process.getBuiltinModule("node:sqlite")?.DatabaseSync ?? (await import("better-sqlite3")).default;
}

/** @type {import("../sites.mjs").Open} */
export async function open(provider, log, place) {
  const relay = createRelay({
    client: new CompatibleClient({ model, baseUrl: provider, apiKey: "sk-none" }),
    authorize: "public",
    log: await LOGS[log](place),
    limits: { runsPerUser: 10_000 },
    onError: (error) => console.error(error),
  });
  return relay.handle;
}
