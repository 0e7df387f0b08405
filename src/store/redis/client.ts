/**
 * One face for the Redis clients that people have: ioredis, node-redis, Upstash, and one's own. They are recognized by
 * their methods, so that none of them is a dependency.
 */

/**
 * A Redis client that stores and logs take:
 * - ioredis 5 and 6: `new Redis()`, `new Cluster()`
 * - node-redis 5 and 6: `createClient()` and `createCluster()`, connected
 * - Upstash: `{ url, token }`, or a client of `@upstash/redis`
 * - an object with a method `command`, for any other client
 */
export type RedisLike =
  | IoredisLike
  | NodeRedisLike
  | NodeRedisClusterLike
  | UpstashLike
  | UpstashAddress
  | RedisCommands;

/** The part of an ioredis client that is used. */
export interface IoredisLike {
  call(command: string, ...args: string[]): Promise<unknown>;
  defineCommand: unknown;
  pipeline(commands?: unknown[][]): { exec(): Promise<[error: Error | null, result: unknown][] | null> };
}

/** The part of a node-redis client that is used. */
export interface NodeRedisLike {
  sendCommand(args: string[]): Promise<unknown>;
  duplicate(): unknown;
}

/** The part of a node-redis client for a cluster that is used. */
export interface NodeRedisClusterLike {
  sendCommand(firstKey: string | undefined, isReadonly: boolean | undefined, args: string[]): Promise<unknown>;
  masters: unknown;
}

/** The part of an Upstash client that its types show. */
export interface UpstashLike {
  pipeline: unknown;
  createScript: unknown;
}

/** The address of an Upstash database: `UPSTASH_REDIS_REST_URL` and `UPSTASH_REDIS_REST_TOKEN`. */
export interface UpstashAddress {
  readonly url: string;
  readonly token: string;
}

/** The reply to one command of a pipeline. */
export type RedisReply =
  | { readonly value: unknown; readonly error?: undefined }
  | { readonly error: Error; readonly value?: undefined };

/** A client of your own. */
export interface RedisCommands {
  /**
   * Resolves with the reply to one command.
   * @throws the error of Redis, with its text as the message (`ERR …`); another one when the server cannot be reached
   */
  command(args: readonly string[]): Promise<unknown>;
  /**
   * Sends commands together and resolves with their replies, in order. It is not a transaction. Default: `command` for
   * each, without waiting for the one before.
   * @throws when the server cannot be reached; it is unknown which of the commands were carried out
   */
  pipeline?(commands: readonly (readonly string[])[]): Promise<readonly RedisReply[]>;
  /** Opens a second connection, for commands that block. Absent where there is none, as over HTTP and in a cluster. */
  duplicate?(): Promise<RedisConnection>;
}

/** A second connection to the same server. */
export interface RedisConnection {
  command(args: readonly string[]): Promise<unknown>;
  /** Closes the connection at once. Commands under way reject. */
  close(): void;
}

/** A client with everything that stores and logs use. */
export type RedisClient = RedisCommands & Required<Pick<RedisCommands, "pipeline">>;

const REQUEST_TIMEOUT_MS = 10_000;

/**
 * Returns a client of any kind behind one face.
 * @throws {TypeError} when the client is of an unknown kind
 */
export function redisClientOf(client: RedisLike): RedisClient {
  if (isIoredis(client)) return client.isCluster ? withPipeline(ofIoredis(client)) : ofIoredisNode(client);
  if (isNodeRedisCluster(client)) return withPipeline(ofNodeRedisCluster(client));
  if (isNodeRedis(client)) return withPipeline(ofNodeRedis(client));
  if (isOwn(client)) return withPipeline(client);
  if (isUpstash(client)) return ofUpstash((body) => client.client.request({ path: ["pipeline"], body }));
  if (isAddress(client)) return ofUpstash(upstashRequest(client));
  throw new TypeError(
    "The Redis client is of an unknown kind. Pass a client of ioredis or node-redis, `{ url, token }` or a client of " +
      "Upstash, or an object with a method `command(args)`.",
  );
}

/** Whether Redis itself has answered with an error, which begins with a code. A failed connection has other errors. */
export function isRedisError(error: unknown): error is Error {
  return error instanceof Error && /^[A-Z][A-Z\d]{2,} /.test(error.message);
}

type Args = readonly string[];

/** Members of ioredis that `Cluster` lacks or types in another way. */
interface IoredisNode extends IoredisLike {
  readonly isCluster?: boolean;
  duplicate(options: object): IoredisNode & EventTarget;
  disconnect(): void;
}

interface NodeRedisNode extends NodeRedisLike {
  duplicate(): NodeRedisNode & EventTarget;
  connect(): Promise<unknown>;
  destroy(): void;
}

interface EventTarget {
  on(event: "error", listener: () => void): unknown;
}

interface UpstashClient extends UpstashLike {
  readonly client: { request(request: { path: string[]; body: readonly Args[] }): Promise<unknown> };
}

function isIoredis(client: unknown): client is IoredisNode {
  return hasMethods(client, "call", "defineCommand", "pipeline");
}

function isNodeRedis(client: unknown): client is NodeRedisNode {
  return hasMethods(client, "sendCommand", "duplicate");
}

function isNodeRedisCluster(client: unknown): client is NodeRedisClusterLike {
  return hasMethods(client, "sendCommand") && "masters" in client;
}

function isOwn(client: unknown): client is RedisCommands {
  return hasMethods(client, "command");
}

function isUpstash(client: unknown): client is UpstashClient {
  return hasMethods(client, "createScript") && "client" in client && hasMethods(client.client, "request");
}

function isAddress(client: unknown): client is UpstashAddress {
  return isObjectOrFunction(client) && typeof client.url === "string" && typeof client.token === "string";
}

function hasMethods<Name extends string>(value: unknown, ...names: Name[]): value is Record<Name, () => unknown> {
  return isObjectOrFunction(value) && names.every((name) => typeof value[name] === "function");
}

function isObjectOrFunction(value: unknown): value is Readonly<Record<string, unknown>> {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}

function ofIoredis(client: IoredisLike): RedisCommands {
  return { command: ([name = "", ...args]) => client.call(name, ...args) };
}

function ofIoredisNode(client: IoredisNode): RedisClient {
  return {
    ...ofIoredis(client),
    async pipeline(commands) {
      if (commands.length === 0) return [];
      const replies = await client.pipeline(commands.map((args) => ["call", ...args])).exec();
      return (replies ?? []).map(([error, value]) => (error ? replyOf(error) : { value }));
    },
    async duplicate() {
      // The one who waits opens the next connection: a command that was sent again after a break is awaited for longer.
      const connection = client.duplicate({ retryStrategy: () => null, autoResendUnfulfilledCommands: false });
      connection.on("error", () => undefined);
      return { ...ofIoredis(connection), close: () => connection.disconnect() };
    },
  };
}

function ofNodeRedis(client: NodeRedisNode): RedisCommands {
  return {
    command: (args) => client.sendCommand([...args]),
    async duplicate() {
      const connection = client.duplicate();
      connection.on("error", () => undefined); // without a listener, a dropped socket ends the process
      // It is not awaited: while the server is away it would wait for ever. Commands wait for it.
      connection.connect().catch(() => undefined);
      return { command: (args) => connection.sendCommand([...args]), close: () => destroy(connection) };
    },
  };
}

function destroy(connection: NodeRedisNode): void {
  try {
    connection.destroy();
  } catch {
    // It is closed.
  }
}

function ofNodeRedisCluster(client: NodeRedisClusterLike): RedisCommands {
  return { command: (args) => client.sendCommand(firstKeyOf(args), false, [...args]) };
}

/** The key that chooses the node. A script is sent with the number of its keys before them. */
function firstKeyOf(args: Args): string | undefined {
  return /^(eval|evalsha|fcall)$/i.test(args[0] ?? "") ? args[3] : args[1];
}

function ofUpstash(request: (commands: readonly Args[]) => Promise<unknown>): RedisClient {
  const pipeline = async (commands: readonly Args[]): Promise<readonly RedisReply[]> => {
    if (commands.length === 0) return [];
    const replies = await request(commands);
    if (!Array.isArray(replies) || replies.length !== commands.length)
      throw new Error(`Upstash has not answered with ${commands.length} replies.`);
    return replies.map((reply: { result?: unknown; error?: string }) =>
      reply.error === undefined ? { value: reply.result } : { error: new Error(reply.error) },
    );
  };
  return {
    pipeline,
    async command(args) {
      const [reply] = await pipeline([args]);
      if (reply?.error) throw reply.error;
      return reply?.value;
    },
  };
}

/** @see https://upstash.com/docs/redis/features/restapi#pipelining */
function upstashRequest({ url, token }: UpstashAddress): (commands: readonly Args[]) => Promise<unknown> {
  const address = `${url.replace(/\/+$/, "")}/pipeline`;
  let syncToken = ""; // a replica that answers has seen the writes before it
  return async (commands) => {
    const response = await fetch(address, {
      method: "POST",
      headers: {
        authorization: `Bearer ${token}`,
        "content-type": "application/json",
        "upstash-sync-token": syncToken,
      },
      body: JSON.stringify(commands),
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    });
    if (!response.ok) throw new Error(`Upstash has answered with status ${response.status}: ${await response.text()}`);
    syncToken = response.headers.get("upstash-sync-token") ?? "";
    return response.json();
  };
}

function withPipeline(client: RedisCommands): RedisClient {
  const { pipeline, duplicate } = client;
  return {
    command: (args) => client.command(args),
    pipeline:
      pipeline?.bind(client) ?? (async (commands) => Promise.all(commands.map((args) => replyTo(client, args)))),
    ...(duplicate && { duplicate: duplicate.bind(client) }),
  };
}

function replyTo(client: RedisCommands, args: Args): Promise<RedisReply> {
  return client.command(args).then((value) => ({ value }), replyOf);
}

/** Returns the error of Redis as a reply, and throws that of a connection. */
function replyOf(error: unknown): RedisReply {
  if (isRedisError(error)) return { error };
  throw error;
}
