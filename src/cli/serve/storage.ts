/** Opens the places where conversations and running replies are kept. */

import { join, resolve } from "node:path";
import type { SessionStore } from "../../index.ts";
import { memoryLog, type ReplyLog } from "../../server/index.ts";
import { FileStore } from "../../store/file/index.ts";
import { PostgresStore } from "../../store/postgres/index.ts";
import { RedisStore, redisLog } from "../../store/redis/index.ts";
import { SQLiteStore, sqliteLog } from "../../store/sqlite/index.ts";
import { CommandError } from "../command-error.ts";
import { sessionsFolder } from "../commands/sessions.ts";
import { openPostgres, openRedis, openSqlite } from "./drivers.ts";
import type { LogPlace, StorePlace } from "./settings.ts";

/** A store or a log, what it is called in a line for people, and how to close it. */
export interface Place<Kept> {
  readonly kept: Kept;
  /** Without a password. */
  readonly label: string;
  close(): Promise<void>;
}

/**
 * Opens the store of conversations, and looks whether it answers.
 * @throws {CommandError} when a driver is missing, or the store cannot be read
 */
export async function openStore(place: StorePlace, env: NodeJS.ProcessEnv): Promise<Place<SessionStore>> {
  const opened = await storeAt(place, env);
  try {
    await opened.prepare?.();
    await opened.kept.list({ limit: 1 });
    return opened;
  } catch (error) {
    await opened.close();
    const reason = error instanceof Error ? error.message : String(error);
    throw new CommandError(`The conversations in ${opened.label} cannot be read: ${reason}`, 1, error);
  }
}

interface StoreAt extends Place<SessionStore> {
  /** Makes the tables, or brings them up to date. */
  readonly prepare?: () => Promise<void>;
}

async function storeAt(place: StorePlace, env: NodeJS.ProcessEnv): Promise<StoreAt> {
  switch (place.type) {
    case "default":
      return folderAt(chatsFolder(env));
    case "folder":
      return folderAt(resolve(place.path));
    case "sqlite": {
      const { client, close } = await openSqlite(resolve(place.file));
      return { kept: new SQLiteStore(client), label: `SQLite, ${resolve(place.file)}`, close };
    }
    case "postgres": {
      const { client, close } = await openPostgres(place.url);
      const kept = new PostgresStore(client);
      return { kept, label: `PostgreSQL, ${addressOf(place.url)}`, close, prepare: () => kept.migrate() };
    }
    case "redis": {
      const { client, close } = await openRedis(place.url);
      return { kept: new RedisStore(client), label: `Redis, ${addressOf(place.url)}`, close };
    }
  }
}

function folderAt(path: string): Place<SessionStore> {
  return { kept: new FileStore(path), label: path, close: async () => undefined };
}

/** Below the folder of the terminal's chats, whose names people choose. */
function chatsFolder(env: NodeJS.ProcessEnv): string {
  return join(sessionsFolder(env), "served");
}

/**
 * Opens the log of running replies.
 * @throws {CommandError} when a driver is missing, or the database cannot be reached
 */
export async function openLog(place: LogPlace): Promise<Place<ReplyLog>> {
  switch (place.type) {
    case "memory":
      return closing(memoryLog(), "memory", async () => undefined);
    case "sqlite": {
      const { client, close } = await openSqlite(resolve(place.file));
      return closing(sqliteLog(client), `SQLite, ${resolve(place.file)}`, close);
    }
    case "redis": {
      const { client, close } = await openRedis(place.url);
      return closing(redisLog(client), `Redis, ${addressOf(place.url)}`, close);
    }
  }
}

function closing(log: ReplyLog, label: string, close: () => Promise<void>): Place<ReplyLog> {
  return {
    kept: log,
    label,
    close: async () => {
      await log.close();
      await close();
    },
  };
}

/** The host and the path alone: an address may hold a name and a password. */
function addressOf(url: string): string {
  const { host, pathname } = new URL(url);
  return `${host}${pathname === "/" ? "" : pathname}`;
}
