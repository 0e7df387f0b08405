/** Databases of the user's installation. Their drivers are loaded when they are asked for; none is a dependency. */

import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { PostgresLike } from "../../store/postgres/index.ts";
import type { RedisLike } from "../../store/redis/index.ts";
import type { SqliteLike } from "../../store/sqlite/index.ts";
import { CommandError } from "../command-error.ts";

/** An open connection, and how to close it. */
export interface Connection<Client> {
  readonly client: Client;
  close(): Promise<void>;
}

/** A driver's class or function that makes a client. */
type Maker = (new (...args: readonly unknown[]) => unknown) & ((...args: readonly unknown[]) => unknown);

/** A module, as far as it is known before it is loaded. */
type Module = Readonly<Record<string, unknown>>;

/**
 * Opens a database of SQLite: with `node:sqlite`, else with better-sqlite3.
 * @throws {CommandError} when there is neither, or the file cannot be opened
 */
export async function openSqlite(file: string): Promise<Connection<SqliteLike>> {
  const builtIn = process.getBuiltinModule?.("node:sqlite") as Module | undefined;
  const made = builtIn?.DatabaseSync ?? defaultOf(await installed("better-sqlite3"));
  if (!isMaker(made)) {
    throw new CommandError(
      "SQLite needs Node 22.13 or later, or a package that is not installed here: npm install better-sqlite3",
      1,
    );
  }
  try {
    const client = new made(file) as SqliteLike & { close(): void };
    return { client, close: async () => client.close() };
  } catch (error) {
    throw new CommandError(`The database ${file} cannot be opened: ${messageOf(error)}`, 1, error);
  }
}

/**
 * Connects to PostgreSQL: with `pg`, else with `postgres`.
 * @throws {CommandError} when neither is installed
 */
export async function openPostgres(url: string): Promise<Connection<PostgresLike>> {
  const pg = await installed("pg");
  const Pool = pg?.Pool ?? (defaultOf(pg) as Module | undefined)?.Pool;
  if (isMaker(Pool)) {
    const client = new Pool({ connectionString: url, connectionTimeoutMillis: CONNECT_MS }) as PostgresLike & Closing;
    client.on("error", () => undefined); // an idle connection that breaks is made again
    return { client, close: () => client.end() };
  }
  const postgres = defaultOf(await installed("postgres"));
  if (isMaker(postgres)) {
    const options = { connect_timeout: CONNECT_MS / 1_000, onnotice: () => undefined };
    const client = postgres(url, options) as PostgresLike & Closing;
    return { client, close: () => client.end() };
  }
  throw new CommandError("PostgreSQL needs a package that is not installed here: npm install pg (or postgres)", 1);
}

/**
 * Connects to Redis: with `ioredis`, else with `redis`.
 * @throws {CommandError} when neither is installed, or nothing answers
 */
export async function openRedis(url: string): Promise<Connection<RedisLike>> {
  const Redis = defaultOf(await installed("ioredis"));
  if (isMaker(Redis)) {
    const client = new Redis(url, { lazyConnect: true, connectTimeout: CONNECT_MS }) as RedisLike & RedisClient;
    return connected(client, async () => void client.disconnect?.());
  }
  const createClient = (await installed("redis"))?.createClient;
  if (isMaker(createClient)) {
    const socket = { connectTimeout: CONNECT_MS };
    const client = createClient({ url, socket }) as RedisLike & RedisClient;
    return connected(client, async () => void client.destroy?.());
  }
  throw new CommandError("Redis needs a package that is not installed here: npm install ioredis (or redis)", 1);
}

/** A server that is there answers sooner, in milliseconds. */
const CONNECT_MS = 5_000;

interface Closing {
  on(event: "error", listener: () => void): unknown;
  end(): Promise<void>;
}

interface RedisClient {
  on(event: "error", listener: (error: unknown) => void): unknown;
  connect(): Promise<unknown>;
  disconnect?(): unknown;
  destroy?(): unknown;
}

async function connected(client: RedisLike & RedisClient, close: () => Promise<void>): Promise<Connection<RedisLike>> {
  let last: unknown;
  client.on("error", (error) => {
    last = error;
  }); // without a listener, a broken connection would end the process
  const late = new Promise<never>((_resolve, reject) => {
    setTimeout(() => reject(last ?? new Error("no answer")), CONNECT_MS).unref();
  });
  try {
    await Promise.race([client.connect(), late]);
    return { client, close };
  } catch (error) {
    await close();
    throw new CommandError(`Redis cannot be reached: ${messageOf(last ?? error)}`, 1, error);
  }
}

/** Loads a package from the folder of the user, else from the place of this one; `undefined` where it is in neither. */
async function installed(name: string): Promise<Module | undefined> {
  for (const from of [join(process.cwd(), "package.json"), import.meta.url]) {
    const path = resolved(name, from);
    if (path !== undefined) return (await import(pathToFileURL(path).href)) as Module;
  }
  return undefined;
}

function resolved(name: string, from: string): string | undefined {
  try {
    return createRequire(from).resolve(name);
  } catch {
    return undefined;
  }
}

/** A package that is not an ES module may carry its own `default`. */
function defaultOf(module: Module | undefined): unknown {
  const outer = module?.default;
  return typeof outer === "object" && outer !== null && "default" in outer ? outer.default : outer;
}

function isMaker(value: unknown): value is Maker {
  return typeof value === "function";
}

function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return messageOf(error.errors[0]);
  return error instanceof Error ? error.message : String(error);
}
