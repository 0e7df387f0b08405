/** Runs in Redis: a log that several processes and machines share. */

import { allNames } from "../../contract/unknown-option.ts";
import { compareIds, type EntryId, positionOf } from "../../server/log/entry-id.ts";
import type { ChatRun, LogPage, LogWriter, ReplyLog, RunEnd, RunHead } from "../../server/log/log.ts";
import { DEFAULT_LIMIT, type LogOptions, type LogSettings, logSettingsOf } from "../log-options.ts";
import { type RedisClient, type RedisLike, redisClientOf } from "./client.ts";
import { keyPart } from "./key.ts";
import { attemptBehind, closingId, endFields, itemPageOf, itemsOf } from "./log-item.ts";
import { RedisLogWriter, type RunKeys, type StoredHead, topOf, type WrittenLog } from "./log-writer.ts";
import { RedisNotifier } from "./notifier.ts";
import { isIdTooSmall, replyValue } from "./reply.ts";

/** The options of `redisLog`. */
export interface RedisLogOptions extends LogOptions {
  /**
   * The beginning of every key.
   * @default "cloudllm"
   */
  readonly prefix?: string | undefined;
}

const OWN_NAMES = /* @__PURE__ */ allNames<Omit<RedisLogOptions, keyof LogOptions>>({ prefix: true });

const DEFAULT_PREFIX = "cloudllm";
const MAX_ITEMS = 500;

/**
 * Returns a log in Redis 6.2 or later, or a server that speaks like it. The relays of several processes share it: a
 * viewer may come back to any of them, and a run continues when its process dies. It takes the clients of ioredis,
 * node-redis and Upstash, also those of a cluster, and uses no scripts. Every key has a time to live.
 *
 * Viewers in other processes see an entry within some milliseconds. The log opens one more connection for that, by the
 * client's `duplicate`. In a cluster and over HTTP it opens none, and such viewers wait for up to half a second.
 * Upstash limits the size of a request to 10 MB, and so that of a reply with large media.
 *
 * @throws {TypeError} when the client is of an unknown kind, or an option is unknown or malformed
 *
 * @example
 * ```ts
 * import { redisLog } from "cloudllm/store/redis";
 *
 * export const log = redisLog({ url: "https://example.upstash.io", token: "…" }); // or new Redis(), createClient()
 * ```
 */
export function redisLog(redis: RedisLike, options: RedisLogOptions = {}): ReplyLog {
  const settings = logSettingsOf(options, OWN_NAMES);
  const { prefix = DEFAULT_PREFIX } = options;
  if (typeof prefix !== "string") throw new TypeError(`\`prefix\` must be a string. Received ${String(prefix)}.`);
  return new RedisLog(redisClientOf(redis), prefix, settings);
}

class RedisLog implements ReplyLog, WrittenLog {
  readonly client: RedisClient;
  readonly notifier: RedisNotifier;
  readonly leaseMs: number;
  readonly keepMs: number;
  readonly #maxRunMs: number;
  readonly #prefix: string;

  constructor(client: RedisClient, prefix: string, { leaseMs, keepMs, maxRunMs }: LogSettings) {
    this.client = client;
    this.notifier = new RedisNotifier(client);
    this.leaseMs = leaseMs;
    this.keepMs = keepMs;
    this.#maxRunMs = maxRunMs;
    this.#prefix = prefix;
  }

  async begin(head: RunHead): Promise<LogWriter | undefined> {
    const keys = this.#keysOf(head.id);
    const life = `${this.#lifeMs}`;
    const stored: StoredHead = { token: crypto.randomUUID(), head };
    const stream = [
      ["XADD", keys.log, "1-0", "begin", stored.token],
      ["PEXPIRE", keys.log, life],
    ];
    // One round trip: the provider is asked after it. For a caller that comes second, the others change nothing.
    const [taken, begun, ...expiry] = await this.client.pipeline([
      ["SET", keys.head, JSON.stringify(stored), "PX", life, "NX"],
      ...stream,
    ]);
    if (replyValue(taken) === null && (await this.#storedHead(keys))?.token !== stored.token) return undefined;
    expiry.forEach(replyValue);
    if (!isIdTooSmall(begun)) replyValue(begun);
    else if (!(await this.#hasToken(keys, "1-0", stored.token))) {
      // A stream whose head has expired before it, or was evicted. The run of the latter may continue.
      if ((await topOf(this.client, keys.log))?.type !== "end") {
        await this.client.command(["DEL", keys.head]); // its writer brings back that of its owner
        return undefined;
      }
      (await this.client.pipeline([["DEL", keys.log], ...stream])).forEach(replyValue);
    }
    const writer = new RedisLogWriter(this, keys, 1, stored, this.#maxRunMs);
    void this.client.command(writer.leaseCommand()).catch(() => undefined); // the next append sends it again
    return writer;
  }

  async takeOver(run: string, attempt: number): Promise<LogWriter | undefined> {
    const keys = this.#keysOf(run);
    const stored = await this.#storedHead(keys);
    const top = await topOf(this.client, keys.log);
    if (!stored || !top || top.type === "end" || attemptBehind(top) !== attempt - 1) return undefined;
    if (await this.#exists(keys.own(attempt - 1))) return undefined;
    const age = Math.max(0, Date.now() - stored.head.startedAt);
    const writer = new RedisLogWriter(this, keys, attempt, stored, this.#maxRunMs - Math.min(age, this.#maxRunMs));
    // The token distinguishes two callers, one of which may have lost the answer.
    const token = crypto.randomUUID();
    const closing = closingId(attempt - 1);
    const [closed] = await this.client.pipeline([
      ["XADD", keys.log, "NOMKSTREAM", closing, "over", token],
      writer.leaseCommand(), // when another caller was faster, his lease is longer by a moment
    ]);
    const isOurs = isIdTooSmall(closed) ? await this.#hasToken(keys, closing, token) : replyValue(closed) !== null;
    return isOurs ? writer : undefined;
  }

  /** @throws when Redis has evicted the head of a run that continues: its writer brings it back */
  async head(run: string): Promise<RunHead | undefined> {
    const keys = this.#keysOf(run);
    const stored = await this.#storedHead(keys);
    if (stored) return stored.head;
    const top = await topOf(this.client, keys.log);
    if (top && top.type !== "end" && (await this.#exists(keys.own(attemptBehind(top))))) {
      throw new Error("Redis has lost the head of a run that continues. Its writer brings it back.");
    }
    return undefined;
  }

  async read(run: string, after?: EntryId, limit: number = DEFAULT_LIMIT): Promise<LogPage | undefined> {
    return this.#readFrom(after, run, after, limit);
  }

  /** @param from the item behind which the reading begins: none before it has an entry for the page */
  async #readFrom(
    from: EntryId | undefined,
    run: string,
    after: EntryId | undefined,
    limit: number,
  ): Promise<LogPage | undefined> {
    const keys = this.#keysOf(run);
    const attempt = (after && positionOf(after)?.attempt) ?? 1;
    const count = Math.min(limit, MAX_ITEMS);
    const replies = await this.client.pipeline([
      ["EXISTS", keys.head],
      ["XRANGE", keys.log, from ? `(${from}` : "-", "+", "COUNT", `${count}`],
      ["EXISTS", keys.own(attempt)],
      ["EXISTS", keys.own(attempt + 1)],
    ]);
    const [exists, range, isOwned, isNextOwned] = replies.map(replyValue);
    // The writer brings back a head that was evicted.
    if (Number(exists) === 0 && !(await topOf(this.client, keys.log))) return undefined;
    const items = itemsOf(range);
    const { entries, end, isCut } = itemPageOf(items, after, limit);
    const last = items.at(-1);
    // Only items without entries, such as the first one of the stream, or behind a gap: the next ones are read.
    if (last && entries.length === 0 && !end && items.length === count) {
      return this.#readFrom(last.id, run, after, limit);
    }
    if (last) this.notifier.saw(keys.log, last.id);
    if (end) return { entries, end, isOwned: false };
    const current = last && !isCut && items.length < count ? attemptBehind(last) : attempt;
    const isHeld = current === attempt ? isOwned : current === attempt + 1 ? isNextOwned : 0;
    if (Number(isHeld) === 1) return { entries, isOwned: true };
    const top = await topOf(this.client, keys.log);
    if (top?.type !== "end") return { entries, isOwned: await this.#exists(keys.own(top ? attemptBehind(top) : 1)) };
    if (entries.length > 0) return { entries, isOwned: false };
    const isBehindAll = after !== undefined && compareIds(after, top.id) > 0;
    return isBehindAll ? { entries, end: top.end, isOwned: false } : this.read(run, after, limit); // it ended just now
  }

  async seal(run: string, end: RunEnd): Promise<RunEnd | undefined> {
    const keys = this.#keysOf(run);
    for (;;) {
      const stored = await this.#storedHead(keys);
      if (!stored) return undefined;
      const top = await topOf(this.client, keys.log);
      if (top?.type === "end") return top.end;
      const attempt = top ? attemptBehind(top) : 1;
      if (await this.#exists(keys.own(attempt))) return undefined;
      const [added] = await this.client.pipeline([
        // Without a stream, the process died while it began the run.
        ["XADD", keys.log, ...(top ? ["NOMKSTREAM"] : []), closingId(attempt), ...endFields(end)],
        ["PEXPIRE", keys.log, `${this.keepMs}`],
        ["PEXPIRE", keys.head, `${this.keepMs}`],
      ]);
      if (isIdTooSmall(added) || replyValue(added) === null) continue; // sealed, taken over or deleted meanwhile
      await this.renewLatestRun(stored.head.chat);
      this.notifier.notify(keys.log);
      return end;
    }
  }

  async requestStop(run: string): Promise<void> {
    const keys = this.#keysOf(run);
    if (await this.#exists(keys.head)) await this.client.command(["SET", keys.stop, "1", "PX", `${this.#lifeMs}`]);
  }

  async markViewed(run: string, forMs: number): Promise<void> {
    await this.client.command(["SET", this.#keysOf(run).seen, "1", "PX", `${Math.max(1, Math.ceil(forMs))}`]);
  }

  async isViewed(run: string): Promise<boolean> {
    return this.#exists(this.#keysOf(run).seen);
  }

  async latestRun(chat: string): Promise<ChatRun | undefined> {
    return chatRunOf(await this.client.command(["XREVRANGE", this.#chatKey(chat), "+", "-", "COUNT", "1"]));
  }

  /**
   * The number is the id of the only item of a stream: Redis refuses one that is not above the last. The item lives as
   * long as a run may last, until the writer of a run renews it.
   */
  async setLatestRun(chat: string, next: ChatRun): Promise<boolean> {
    const key = this.#chatKey(chat);
    const [added, expiry] = await this.client.pipeline([
      ["XADD", key, "MAXLEN", "1", `${next.number}-1`, "run", next.run],
      ["PEXPIRE", key, `${this.#maxRunMs}`],
    ]);
    replyValue(expiry);
    if (!isIdTooSmall(added)) return replyValue(added) !== null;
    const latest = await this.latestRun(chat); // after a lost answer it may be this one
    return latest?.number === next.number && latest.run === next.run;
  }

  async renewLatestRun(chat: string): Promise<void> {
    // A newer run of the chat renews it in time. Apart from the keys of the run: a cluster has it on another node.
    await this.client.command(["PEXPIRE", this.#chatKey(chat), `${this.#lifeMs}`]).catch(() => undefined);
  }

  watch(run: string, notify: () => void): () => void {
    return this.notifier.watch(this.#keysOf(run).log, notify);
  }

  async delete(run: string): Promise<void> {
    const { head, log, stop, seen, own } = this.#keysOf(run);
    const top = await topOf(this.client, log);
    const leases = top ? [own(top.attempt), own(top.attempt + 1)] : [own(1)];
    await this.client.command(["DEL", head, log, stop, seen, ...leases]);
    this.notifier.notify(log);
  }

  async close(): Promise<void> {
    this.notifier.close();
  }

  /** A run without a renewal is kept for so long, in milliseconds. */
  get #lifeMs(): number {
    return Math.min(this.leaseMs + this.keepMs, this.#maxRunMs);
  }

  async #exists(key: string): Promise<boolean> {
    return Number(await this.client.command(["EXISTS", key])) === 1;
  }

  /** Whether the item with this id is that of the caller with this token. */
  async #hasToken(keys: RunKeys, id: string, token: string): Promise<boolean> {
    const reply = (await this.client.command(["XRANGE", keys.log, id, id])) as readonly [unknown, unknown[]][];
    return String(reply[0]?.[1][1]) === token;
  }

  async #storedHead({ head }: RunKeys): Promise<StoredHead | undefined> {
    const stored = await this.client.command(["GET", head]);
    return stored === null ? undefined : (JSON.parse(String(stored)) as StoredHead);
  }

  #keysOf(run: string): RunKeys {
    const start = `${this.#prefix}:{${keyPart(run)}}:`;
    return {
      head: `${start}head`,
      log: `${start}log`,
      stop: `${start}stop`,
      seen: `${start}seen`,
      own: (attempt) => `${start}own:${attempt}`,
    };
  }

  #chatKey(chat: string): string {
    return `${this.#prefix}:chat:{${keyPart(chat)}}`;
  }
}

function chatRunOf(reply: unknown): ChatRun | undefined {
  const [item] = reply as readonly [unknown, readonly unknown[]][];
  return item && { run: String(item[1][1]), number: Number.parseInt(String(item[0]), 10) };
}
