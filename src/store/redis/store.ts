/**
 * Conversations in Redis. Each session is a stream, whose ids are `<lease>-<batch>`: Redis itself refuses an id below
 * the last one, and with it every write of a holder that has lost its lease.
 */

import { receivedText } from "../../platform/received.ts";
import type { StoredSession } from "../../session/store.ts";
import {
  type Batch,
  LeasedStore,
  type LeaseOptions,
  type SessionTable,
  type TableLease,
  type Taken,
} from "../leased-store.ts";
import { type PageRequest, storedSession, wantedAmong } from "../listing.ts";
import { type RedisClient, type RedisLike, type RedisReply, redisClientOf } from "./client.ts";
import { keyPart } from "./key.ts";

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
  constructor(redis: RedisLike, { prefix = "cloudllm", ttlMs, ...options }: RedisStoreOptions = {}) {
    if (typeof prefix !== "string")
      throw new TypeError(`\`prefix\` must be a string. Received ${receivedText(prefix)}.`);
    if (ttlMs !== undefined && !(Number.isSafeInteger(ttlMs) && ttlMs > 0)) {
      const expected = "an integer number of milliseconds, at least 1";
      throw new TypeError(`\`ttlMs\` must be ${expected}. Received ${receivedText(ttlMs)}.`);
    }
    super(new RedisTable(redisClientOf(redis), prefix, ttlMs), options);
  }
}

/** A stream without records goes after this time, if its session was never written to. */
const EMPTY_TTL_MS = 7 * 86_400_000;
const MAX_CLAIM_ATTEMPTS = 3;
const ENTRIES_A_READ = 200;
const KEYS_A_COMMAND = 1_000;

/** The fields of an entry that was added in the place of a batch, which the stream has lost. */
const MISSING = ["missing", ""] as const;

/** The highest number that Redis knows. */
const MAX_NUMBER = "18446744073709551615";

/** An entry of a stream: its id, and its fields in turn with their values. */
type Entry = readonly [id: string, fields: readonly string[]];

class RedisTable implements SessionTable {
  readonly engine = "Redis";
  readonly #client: RedisClient;
  readonly #prefix: string;
  readonly #ttlMs: number | undefined;
  /** Sorted sets of the keys of all sessions: by the time of the last write, and by name. */
  readonly #latest: string;
  readonly #names: string;

  constructor(client: RedisClient, prefix: string, ttlMs: number | undefined) {
    this.#client = client;
    this.#prefix = prefix;
    this.#ttlMs = ttlMs;
    this.#latest = `${prefix}:sessions:latest`;
    this.#names = `${prefix}:sessions:names`;
  }

  /** A lease begins with an entry of its own: of several callers with the same id, Redis lets one in. */
  async take(key: string, wish: string, leaseMs: number): Promise<Taken> {
    for (let attempt = 1; ; attempt++) {
      const [last, [seconds, micros]] = await this.#last(key);
      const lease = last ? leaseOf(last[0]) : 0;
      const isKept = last !== undefined && fieldOf(last, "kept") !== "0";
      if (last && fieldOf(last, "by") === wish) {
        await this.#all([["SET", this.#own(key, lease), wish, "PX", `${leaseMs}`]]);
        return { token: `${lease}`, next: 1, isKept };
      }
      const [forMs] = last ? await this.#all([["PTTL", this.#own(key, lease)]]) : [0];
      if (Number(forMs) > 0) return { forMs: Number(forMs) };
      if (attempt > MAX_CLAIM_ATTEMPTS) return { forMs: leaseMs };
      // A session that was deleted and begun again needs a number above all that it ever had: the server's clock is.
      const next = Math.max(lease + 1, Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000));
      const entry = [`${next}-0`, "kept", isKept ? "1" : "0", "by", wish];
      // A stream whose entries another program has deleted is there, and has no last entry.
      const isThere = last !== undefined || attempt > 1;
      const begun = isThere ? await this.#begin(key, entry, leaseMs) : await this.#create(key, entry, leaseMs);
      if (begun) return { token: `${next}`, next: 1, isKept };
    }
  }

  async write(lease: TableLease, batch: Batch, leaseMs: number): Promise<boolean> {
    const { key, token, isKept } = lease;
    const log = this.#log(key);
    const id = `${token}-${batch.number}`;
    const isFirst = batch.number === 1;
    const replaced = batch.from < batch.number ? ["from", batch.from === 0 ? "0-0" : `${token}-${batch.from}`] : [];
    const now = `${Date.now()}`;
    const behind = batch.behind === undefined ? undefined : `${token}-${batch.behind}`;
    const [marked, lived, added, ...others] = await this.#client.pipeline([
      // Refused where the stream has the batch with this id. To read that would cost all of its bytes.
      behind === undefined ? ["EXISTS", log] : ["XADD", log, "NOMKSTREAM", behind, ...MISSING],
      // Before the records: a stream that was never written to has a time to live.
      this.#ttlMs === undefined ? ["PERSIST", log] : ["PEXPIRE", log, `${this.#ttlMs}`],
      ["XADD", log, "NOMKSTREAM", id, "records", batch.records, ...replaced],
      ["SET", this.#own(key, token), "", "PX", `${leaseMs}`],
      ["ZADD", this.#latest, "XX", now, key],
      ...(this.#ttlMs === undefined ? [] : [["PEXPIRE", this.#title(key), `${this.#ttlMs}`]]),
    ]);
    if (!(await this.#isAdded(added, log, id))) return false;
    valuesOf([lived, ...others]);
    if (behind !== undefined && (await this.#isMissing(marked, added, log, behind))) {
      // A Redis that came back with the data of a moment ago: rather the conversation until then than one with a hole.
      // The highest id of the lease ends it: Redis refuses every other one.
      const last = `${token}-${MAX_NUMBER}`;
      await this.#all([
        ["XADD", log, "NOMKSTREAM", last, ...MISSING],
        ["XDEL", log, behind, id, last],
      ]);
      return false;
    }
    // A write that was refused must not reach these: they would list a session that was deleted.
    const then = [
      ...(isFirst || !isKept
        ? [
            ["ZADD", this.#latest, now, key],
            ["ZADD", this.#names, "0", key],
          ]
        : []),
      ...(isFirst ? [["XDEL", log, `${token}-0`]] : []),
      ...this.#titling(key, batch),
      ...(replaced.length === 0 ? [] : [batch.from === 0 ? ["XTRIM", log, "MINID", id] : undone(log, token, batch)]),
    ];
    if (then.length > 0) await this.#all(then);
    return true;
  }

  async renew(leases: readonly TableLease[], leaseMs: number): Promise<void> {
    // Not by `SET`, which Redis refuses while it has no memory.
    const lives = await this.#all(leases.map(({ key, token }) => ["PEXPIRE", this.#own(key, token), `${leaseMs}`]));
    const lost = leases.filter((_lease, index) => Number(lives[index]) === 0);
    if (lost.length > 0)
      await this.#all(lost.map(({ key, token }) => ["SET", this.#own(key, token), "", "PX", `${leaseMs}`]));
  }

  async giveBack({ key, token }: TableLease): Promise<void> {
    await this.#all([["DEL", this.#own(key, token)]]);
  }

  async read(key: string): Promise<readonly string[]> {
    const batches: { readonly id: string; readonly records: string }[] = [];
    let start = "-";
    for (;;) {
      const [reply] = await this.#all([["XRANGE", this.#log(key), start, "+", "COUNT", `${ENTRIES_A_READ}`]]);
      const entries = (reply ?? []) as readonly Entry[];
      for (const entry of entries) {
        const records = fieldOf(entry, "records");
        if (records === undefined) continue;
        const from = fieldOf(entry, "from");
        if (from !== undefined) while (isAtOrBehind(batches.at(-1)?.id, from)) batches.pop();
        batches.push({ id: entry[0], records });
      }
      const last = entries.at(-1);
      if (!last || entries.length < ENTRIES_A_READ) return batches.map(({ records }) => records);
      start = `(${last[0]}`;
    }
  }

  async list(request: PageRequest): Promise<readonly StoredSession[]> {
    if (this.#ttlMs !== undefined)
      await this.#all([["ZREMRANGEBYSCORE", this.#latest, "-inf", `(${Date.now() - this.#ttlMs}`]]);
    const { prefix, limit, after } = request;
    if (prefix !== "") return this.#titled(wantedAmong(await this.#named(prefix), request).slice(0, limit));
    // Those of the same moment as the last one are read again.
    const at = `${after?.updatedAt ?? 0}`;
    const [again] = after ? await this.#all([["ZCOUNT", this.#latest, at, at]]) : [0];
    const count = `${Math.min(limit + Number(again), Number.MAX_SAFE_INTEGER)}`;
    const range = ["ZREVRANGEBYSCORE", this.#latest, after ? at : "+inf", "-inf", "WITHSCORES", "LIMIT", "0", count];
    const [reply] = await this.#all([range]);
    // A pair is an array of its own in version 3 of the protocol.
    const flat = (reply as readonly unknown[]).flat().map(String);
    const found = flat.flatMap((id, index) => (index % 2 === 0 ? [{ id, updatedAt: Number(flat[index + 1]) }] : []));
    const behind = found.filter(({ id, updatedAt }) => !after || updatedAt < after.updatedAt || isBelow(id, after.id));
    return this.#titled(behind.slice(0, limit));
  }

  async remove(key: string, leaseMs: number): Promise<number> {
    const [last] = await this.#last(key);
    const taken: Taken = last
      ? await this.take(key, crypto.randomUUID(), leaseMs)
      : { token: "0", next: 1, isKept: false };
    if (taken.token === undefined) return taken.forMs;
    await this.#all([
      ["DEL", this.#log(key), this.#own(key, taken.token), this.#title(key)],
      ["ZREM", this.#latest, key],
      ["ZREM", this.#names, key],
    ]);
    return 0;
  }

  /** Resolves with the last entry of a session, and the time of the server. */
  async #last(key: string): Promise<readonly [last: Entry | undefined, time: readonly unknown[]]> {
    const [entries, time] = await this.#all([["XREVRANGE", this.#log(key), "+", "-", "COUNT", "1"], ["TIME"]]);
    return [((entries ?? []) as readonly Entry[])[0], time as readonly unknown[]];
  }

  /** Begins a lease of a session that is there. Resolves with false when another process was faster. */
  async #begin(key: string, [id = "", ...fields]: readonly string[], leaseMs: number): Promise<boolean> {
    const log = this.#log(key);
    const [owned, added] = await this.#client.pipeline([
      ["SET", this.#own(key, leaseOf(id)), "", "PX", `${leaseMs}`],
      ["XADD", log, "NOMKSTREAM", id, ...fields],
    ]);
    valuesOf([owned]);
    return added?.error === undefined ? added?.value === id : refusedAsTooSmall(added.error);
  }

  /** Begins a new session. Its stream comes under its name at once with its time to live. */
  async #create(key: string, [id = "", ...fields]: readonly string[], leaseMs: number): Promise<boolean> {
    const fresh = this.#key(key, `new:${crypto.randomUUID()}`);
    const replies = await this.#all([
      ["SET", this.#own(key, leaseOf(id)), "", "PX", `${leaseMs}`],
      ["XADD", fresh, id, ...fields],
      ["PEXPIRE", fresh, `${EMPTY_TTL_MS}`],
      ["RENAMENX", fresh, this.#log(key)],
      ["DEL", fresh],
    ]);
    return Number(replies[3]) === 1;
  }

  /** Whether an entry is there. A client that connects again repeats its commands: the second time Redis refuses it. */
  async #isAdded(reply: RedisReply | undefined, log: string, id: string): Promise<boolean> {
    if (reply?.error === undefined) return reply?.value === id;
    refusedAsTooSmall(reply.error);
    const [found] = await this.#all([["XRANGE", log, id, id]]);
    return Array.isArray(found) && found.length > 0;
  }

  /** Whether the mark is in the place of a batch. When the commands were repeated, it was refused as well. */
  async #isMissing(
    marked: RedisReply | undefined,
    added: RedisReply | undefined,
    log: string,
    id: string,
  ): Promise<boolean> {
    if (marked?.error === undefined) return true;
    refusedAsTooSmall(marked.error);
    if (added?.error === undefined) return false;
    const [found] = await this.#all([["XRANGE", log, id, id]]);
    const [entry] = found as readonly Entry[];
    return entry !== undefined && fieldOf(entry, MISSING[0]) !== undefined;
  }

  /** Resolves with the sessions whose key begins so. Those that have expired are removed from the names. */
  async #named(prefix: string): Promise<readonly StoredSession[]> {
    const range = ["ZRANGEBYLEX", this.#names, `[${prefix}`, `(${prefix}\u{10ffff}`];
    const [reply] = await this.#all([range]);
    const keys = (reply as readonly unknown[]).map(String);
    const sessions: StoredSession[] = [];
    for (let start = 0; start < keys.length; start += KEYS_A_COMMAND) {
      const some = keys.slice(start, start + KEYS_A_COMMAND);
      const [scores] = await this.#all([["ZMSCORE", this.#latest, ...some]]);
      const times = scores as readonly unknown[];
      const isGone = (index: number): boolean => times[index] === null || times[index] === undefined;
      const gone = some.filter((_key, index) => isGone(index));
      for (const [index, id] of some.entries())
        if (!isGone(index)) sessions.push({ id, updatedAt: Number(times[index]) });
      if (gone.length > 0) await this.#all([["ZREM", this.#names, ...gone]]);
    }
    return sessions;
  }

  async #all(commands: readonly (readonly string[])[]): Promise<readonly unknown[]> {
    return valuesOf(await this.#client.pipeline(commands));
  }

  /** Returns the sessions with their titles. */
  async #titled(sessions: readonly StoredSession[]): Promise<readonly StoredSession[]> {
    if (sessions.length === 0) return sessions;
    const titles = await this.#all(sessions.map(({ id }) => ["GET", this.#title(id)]));
    return sessions.map(({ id, updatedAt }, index) => storedSession(id, updatedAt, titles[index]));
  }

  /** Returns the commands that keep the title which a batch sets, and delete that of the records which it replaces. */
  #titling(key: string, { title, from }: Batch): string[][] {
    const place = this.#title(key);
    if (title !== undefined)
      return [["SET", place, title, ...(this.#ttlMs === undefined ? [] : ["PX", `${this.#ttlMs}`])]];
    return from === 0 ? [["DEL", place]] : [];
  }

  #title(key: string): string {
    return this.#key(key, "title");
  }

  #log(key: string): string {
    return this.#key(key, "log");
  }

  #own(key: string, lease: string | number): string {
    return this.#key(key, `own:${lease}`);
  }

  /** The keys of a session have a hash tag, so that a cluster has them on one node. */
  #key(key: string, name: string): string {
    return `${this.#prefix}:session:{${keyPart(key)}}:${name}`;
  }
}

/** Returns the values of replies. @throws the first error among them */
function valuesOf(replies: readonly (RedisReply | undefined)[]): readonly unknown[] {
  return replies.map((reply) => {
    if (reply?.error) throw reply.error;
    return reply?.value;
  });
}

/** Returns false for the refusal of an id below the last one. @throws any other error */
function refusedAsTooSmall(error: Error): false {
  if (error.message.includes("equal or smaller")) return false;
  throw error;
}

/** The command that deletes the attempts that do not count. */
function undone(log: string, token: string, { from, number }: Batch): string[] {
  return ["XDEL", log, ...Array.from({ length: number - from }, (_, index) => `${token}-${from + index}`)];
}

function fieldOf([, fields]: Entry, name: string): string | undefined {
  const index = fields.findIndex((field, at) => at % 2 === 0 && field === name);
  return index < 0 ? undefined : fields[index + 1];
}

function leaseOf(id: string): number {
  return Number(id.split("-")[0]);
}

function isAtOrBehind(id: string | undefined, from: string): boolean {
  if (id === undefined) return false;
  const [[lease = 0, batch = 0], [fromLease = 0, fromBatch = 0]] = [
    id.split("-").map(Number),
    from.split("-").map(Number),
  ];
  return lease > fromLease || (lease === fromLease && batch >= fromBatch);
}

/** Whether a key comes behind another of the same moment: Redis compares the bytes, the largest first. */
function isBelow(key: string, other: string): boolean {
  const [bytes, others] = [key, other].map((text) => [...new TextEncoder().encode(text)]) as [number[], number[]];
  const index = bytes.findIndex((byte, at) => byte !== others[at]);
  if (index < 0) return bytes.length < others.length;
  return (bytes[index] ?? 0) < (others[index] ?? -1);
}
