/** The listing of the sessions in Redis: two sorted sets, by the time of the last write and by name, and the titles. */

import type { StoredSession } from "../../session/store.ts";
import type { Batch } from "../leased-store.ts";
import { type PageRequest, storedSession, wantedAmong } from "../listing.ts";
import type { RedisClient } from "./client.ts";
import { replyValues } from "./reply.ts";
import type { SessionKeys } from "./session-keys.ts";

const KEYS_A_COMMAND = 1_000;

/** The commands that keep the listing, and its pages. */
export class SessionListing {
  readonly #client: RedisClient;
  readonly #keys: SessionKeys;
  readonly #ttlMs: number | undefined;

  constructor(client: RedisClient, keys: SessionKeys, ttlMs: number | undefined) {
    this.#client = client;
    this.#keys = keys;
    this.#ttlMs = ttlMs;
  }

  /** Returns the commands that note a write, where the session is listed. */
  touching(key: string, now: string): string[][] {
    const title = this.#keys.title(key);
    return [
      ["ZADD", this.#keys.latest, "XX", now, key],
      ...(this.#ttlMs === undefined ? [] : [["PEXPIRE", title, `${this.#ttlMs}`]]),
    ];
  }

  /** Returns the commands that list a session. */
  adding(key: string, now: string): string[][] {
    return [
      ["ZADD", this.#keys.latest, now, key],
      ["ZADD", this.#keys.names, "0", key],
    ];
  }

  /** Returns the commands that keep the title which a batch sets, and delete that of the records which it replaces. */
  titling(key: string, { title, from }: Batch): string[][] {
    const place = this.#keys.title(key);
    if (title !== undefined)
      return [["SET", place, title, ...(this.#ttlMs === undefined ? [] : ["PX", `${this.#ttlMs}`])]];
    return from === 0 ? [["DEL", place]] : [];
  }

  /** Returns the commands that take a session off the list. */
  removing(key: string): string[][] {
    return [
      ["ZREM", this.#keys.latest, key],
      ["ZREM", this.#keys.names, key],
    ];
  }

  /** Resolves with at most `limit` sessions behind `after`, in order. */
  async page(request: PageRequest): Promise<readonly StoredSession[]> {
    await this.#removeExpired();
    const { prefix, limit } = request;
    const found = prefix === "" ? await this.#latest(request) : wantedAmong(await this.#named(prefix), request);
    return this.#titled(found.slice(0, limit));
  }

  /** An expired session leaves the set of times here, and that of names when it is read by name. */
  async #removeExpired(): Promise<void> {
    if (this.#ttlMs === undefined) return;
    const oldest = Date.now() - this.#ttlMs;
    await this.#all([["ZREMRANGEBYSCORE", this.#keys.latest, "-inf", `(${oldest}`]]);
  }

  /** Resolves with sessions behind `after`, the one that was written last first. */
  async #latest({ limit, after }: PageRequest): Promise<readonly StoredSession[]> {
    const { latest } = this.#keys;
    // Those of the same moment as the last one are read again.
    const at = `${after?.updatedAt ?? 0}`;
    const [again] = after ? await this.#all([["ZCOUNT", latest, at, at]]) : [0];
    const count = `${Math.min(limit + Number(again), Number.MAX_SAFE_INTEGER)}`;
    const range = ["ZREVRANGEBYSCORE", latest, after ? at : "+inf", "-inf", "WITHSCORES", "LIMIT", "0", count];
    const [reply] = await this.#all([range]);
    // A pair is an array of its own in version 3 of the protocol.
    const flat = (reply as readonly unknown[]).flat().map(String);
    const found = flat.flatMap((id, index) => (index % 2 === 0 ? [{ id, updatedAt: Number(flat[index + 1]) }] : []));
    return found.filter(({ id, updatedAt }) => !after || updatedAt < after.updatedAt || isBelow(id, after.id));
  }

  /** Resolves with the sessions whose key begins so. Those that have expired are removed from the names. */
  async #named(prefix: string): Promise<readonly StoredSession[]> {
    const { latest, names } = this.#keys;
    const [reply] = await this.#all([["ZRANGEBYLEX", names, `[${prefix}`, `(${prefix}\u{10ffff}`]]);
    const keys = (reply as readonly unknown[]).map(String);
    const sessions: StoredSession[] = [];
    for (let start = 0; start < keys.length; start += KEYS_A_COMMAND) {
      const some = keys.slice(start, start + KEYS_A_COMMAND);
      const [scores] = await this.#all([["ZMSCORE", latest, ...some]]);
      const times = scores as readonly unknown[];
      const isGone = (index: number): boolean => times[index] === null || times[index] === undefined;
      const gone = some.filter((_key, index) => isGone(index));
      for (const [index, id] of some.entries())
        if (!isGone(index)) sessions.push({ id, updatedAt: Number(times[index]) });
      if (gone.length > 0) await this.#all([["ZREM", names, ...gone]]);
    }
    return sessions;
  }

  /** Returns the sessions with their titles. */
  async #titled(sessions: readonly StoredSession[]): Promise<readonly StoredSession[]> {
    if (sessions.length === 0) return sessions;
    const titles = await this.#all(sessions.map(({ id }) => ["GET", this.#keys.title(id)]));
    return sessions.map(({ id, updatedAt }, index) => storedSession(id, updatedAt, titles[index]));
  }

  #all(commands: readonly (readonly string[])[]): Promise<readonly unknown[]> {
    return replyValues(this.#client, commands);
  }
}

/** Whether a key comes behind another of the same moment: Redis compares the bytes, the largest first. */
function isBelow(key: string, other: string): boolean {
  const [bytes, others] = [key, other].map((text) => [...new TextEncoder().encode(text)]) as [number[], number[]];
  const index = bytes.findIndex((byte, at) => byte !== others[at]);
  if (index < 0) return bytes.length < others.length;
  return (bytes[index] ?? 0) < (others[index] ?? -1);
}
