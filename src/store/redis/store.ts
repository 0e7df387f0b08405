/** Conversations in Redis. */

import { allNames } from "../../contract/unknown-option.ts";
import { receivedText } from "../../platform/received.ts";
import { LeasedStore, type LeaseOptions } from "../leased-store.ts";
import { type RedisLike, redisClientOf } from "./client.ts";
import { RedisSessionTable } from "./session-table.ts";

/** The options of `new RedisStore`. */
export interface RedisStoreOptions extends LeaseOptions {
  /**
   * The beginning of every key.
   * @default "cloudllm"
   */
  readonly prefix?: string | undefined;
  /**
   * Time after its last write after which a session is deleted, in milliseconds. Without it, sessions stay until
   * `delete`.
   */
  readonly ttlMs?: number | undefined;
}

const OWN_NAMES = /* @__PURE__ */ allNames<Omit<RedisStoreOptions, keyof LeaseOptions>>({ prefix: true, ttlMs: true });

/**
 * Keeps sessions in Redis (6.2 or later). They are as safe as this Redis is: without `appendonly`, a crash of the
 * server loses the last ones, and with an eviction policy it may delete any of them.
 *
 * An open session has a lease in Redis, which its process renews. Another process that opens it gets kind `busy`. A
 * process that was killed loses its leases after `leaseMs`. Redis refuses the writes of a holder that lost its lease:
 * its sends fail with kind `busy`.
 *
 * @example
 * ```ts
 * import { type ClientWrapper, LLMSession } from "cloudllm";
 * import { type RedisLike, RedisStore } from "cloudllm/store/redis";
 *
 * export async function reply(client: ClientWrapper, redis: RedisLike, id: string, text: string): Promise<string> {
 *   const store = new RedisStore(redis); // such as `new Redis()` of ioredis, or a connected client of node-redis
 *   await using session = await LLMSession.open({ client, store, id });
 *   return (await session.sendMessage(text)).content;
 * }
 * ```
 */
export class RedisStore extends LeasedStore {
  /**
   * @param redis a connected client. The store does not close it.
   * @throws {TypeError} when the client or an option is invalid
   */
  constructor(redis: RedisLike, options: RedisStoreOptions = {}) {
    const { prefix = "cloudllm", ttlMs } = options ?? {};
    if (typeof prefix !== "string")
      throw new TypeError(`\`prefix\` must be a string. Received ${receivedText(prefix)}.`);
    if (ttlMs !== undefined && !(Number.isSafeInteger(ttlMs) && ttlMs > 0)) {
      const expected = "an integer number of milliseconds, at least 1";
      throw new TypeError(`\`ttlMs\` must be ${expected}. Received ${receivedText(ttlMs)}.`);
    }
    super(new RedisSessionTable(redisClientOf(redis), prefix, ttlMs), options, OWN_NAMES);
  }
}
