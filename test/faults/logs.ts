/** The logs that the relays of the table keep their runs in. Engines are real, and start when the first case needs them. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { memoryLog, type ReplyLog } from "cloudllm/server";
import { type RedisLike, redisLog } from "cloudllm/store/redis";
import { type SqliteLike, sqliteLog } from "cloudllm/store/sqlite";
import { driversMissing, redisDrivers, sqliteDrivers, sqliteMissing } from "../interop/drivers.mjs";
import { type RedisServer, redisMissing, startRedis } from "../support/redis-server.ts";

export type LogName = "no log" | "memory" | "SQLite" | "Redis";

export const LOGS: readonly LogName[] = ["no log", "memory", "SQLite", "Redis"];
/** Those that keep a run for viewers that come back. */
export const KEEPING: readonly LogName[] = ["memory", "SQLite", "Redis"];
/** Those that outlive a process. */
export const SHARED: readonly LogName[] = ["SQLite", "Redis"];

/** Why a log cannot be tried on this machine. */
export const logMissing: Readonly<Partial<Record<LogName, string | undefined>>> = {
  SQLite: sqliteMissing,
  Redis: redisMissing ?? driversMissing,
};

/** One log, as the processes of one case see it. */
export interface LogPlace extends AsyncDisposable {
  readonly name: LogName;
  /** For a process of its own: the file, or the URL. */
  readonly address: string;
  /** Resolves with the log of one more process, over a connection of its own. */
  open(): Promise<ReplyLog | undefined>;
}

let folder: string | undefined;
let redis: Promise<RedisServer> | undefined;

/**
 * @param leaseMs the time after which a silent writer counts as dead
 * @param driver which of Redis's drivers is used: a number, which may be larger than there are
 */
export async function logPlace(name: LogName, leaseMs: number, driver: number): Promise<LogPlace> {
  const closing: (() => unknown)[] = [];
  const shared = name === "memory" ? memoryLog({ leaseMs }) : undefined;
  const address = await addressOf(name);
  return {
    name,
    address,
    async open() {
      if (name === "no log" || name === "memory") return shared;
      const { log, close } = await openedLog(name, address, { leaseMs, driver });
      closing.push(close);
      return log;
    },
    async [Symbol.asyncDispose]() {
      for (const close of closing) await close();
    },
  };
}

/** Stops the engines. Test files that share a process start them again. */
export async function closeLogs(): Promise<void> {
  const [server, files] = [redis, folder];
  redis = folder = undefined;
  await (await server)?.[Symbol.asyncDispose]();
  if (files) rmSync(files, { recursive: true, force: true });
}

async function addressOf(name: LogName): Promise<string> {
  folder ??= mkdtempSync(join(tmpdir(), "cloudllm-faults-"));
  if (name === "SQLite") return join(folder, "runs.db");
  if (name !== "Redis") return "";
  redis ??= startRedis();
  return (await redis).url;
}

async function openedLog(
  name: "SQLite" | "Redis",
  address: string,
  { leaseMs, driver }: { readonly leaseMs: number; readonly driver: number },
): Promise<{ log: ReplyLog; close(): unknown }> {
  if (name === "SQLite") {
    const database = await sqliteDrivers[0]?.open(address);
    const log = sqliteLog(database as unknown as SqliteLike, { leaseMs });
    return { log, close: () => log.close().then(() => database?.close()) };
  }
  const connection = await redisDrivers[driver % redisDrivers.length]?.connect(address);
  const log = redisLog(connection?.client as RedisLike, { leaseMs });
  return { log, close: () => log.close().then(() => connection?.close()) };
}
