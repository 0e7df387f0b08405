/**
 * The leases and the records of sessions in Redis. Each session is a stream: Redis itself refuses an id below the last
 * one, and with it every write of a holder that has lost its lease.
 */

import type { StoredSession } from "../../session/store.ts";
import type { Batch, SessionTable, TableLease, Taken } from "../leased-store.ts";
import type { PageRequest } from "../listing.ts";
import type { RedisClient, RedisReply } from "./client.ts";
import { isIdTooSmall, replyValue, replyValues } from "./reply.ts";
import {
  batchFields,
  CountedBatches,
  deletionOfReplaced,
  fieldOf,
  lastIdOf,
  leaseOf,
  MISSING,
  type SessionEntry,
} from "./session-entry.ts";
import { SessionKeys } from "./session-keys.ts";
import { SessionListing } from "./session-listing.ts";

/** A stream without records goes after this time, if its session was never written to. */
const EMPTY_TTL_MS = 7 * 86_400_000;
const MAX_CLAIM_ATTEMPTS = 3;
const ENTRIES_A_READ = 200;

/** The sessions of one Redis under one prefix. */
export class RedisSessionTable implements SessionTable {
  readonly engine = "Redis";
  readonly #client: RedisClient;
  readonly #keys: SessionKeys;
  readonly #listing: SessionListing;
  readonly #ttlMs: number | undefined;

  /** @param ttlMs after its last write a session is deleted after so many milliseconds */
  constructor(client: RedisClient, prefix: string, ttlMs: number | undefined) {
    this.#client = client;
    this.#keys = new SessionKeys(prefix);
    this.#listing = new SessionListing(client, this.#keys, ttlMs);
    this.#ttlMs = ttlMs;
  }

  /** A lease begins with an entry of its own: of several callers with the same id, Redis lets one in. */
  async take(key: string, wish: string, leaseMs: number): Promise<Taken> {
    for (let attempt = 1; ; attempt++) {
      const [last, [seconds, micros]] = await this.#last(key);
      const lease = last ? leaseOf(last[0]) : 0;
      const isKept = last !== undefined && fieldOf(last, "kept") !== "0";
      if (last && fieldOf(last, "by") === wish) {
        await this.#all([["SET", this.#keys.own(key, lease), wish, "PX", `${leaseMs}`]]);
        return { token: `${lease}`, next: 1, isKept };
      }
      const [forMs] = last ? await this.#all([["PTTL", this.#keys.own(key, lease)]]) : [0];
      if (Number(forMs) > 0) return { forMs: Number(forMs) };
      if (attempt > MAX_CLAIM_ATTEMPTS) return { forMs: leaseMs };
      // A session that was deleted and begun again needs a number above all that it ever had: the server's clock is.
      const next = Math.max(lease + 1, Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000));
      const entry: SessionEntry = [`${next}-0`, ["kept", isKept ? "1" : "0", "by", wish]];
      // A stream whose entries another program has deleted is there, and has no last entry.
      const isThere = last !== undefined || attempt > 1;
      const begun = isThere ? await this.#begin(key, entry, leaseMs) : await this.#create(key, entry, leaseMs);
      if (begun) return { token: `${next}`, next: 1, isKept };
    }
  }

  async write({ key, token, isKept }: TableLease, batch: Batch, leaseMs: number): Promise<boolean> {
    const log = this.#keys.log(key);
    const id = `${token}-${batch.number}`;
    const now = `${Date.now()}`;
    const behind = batch.behind === undefined ? undefined : `${token}-${batch.behind}`;
    const [marked, expiry, added, ...others] = await this.#client.pipeline([
      // Refused where the stream has the batch with this id. To read that would cost all of its bytes.
      behind === undefined ? ["EXISTS", log] : ["XADD", log, "NOMKSTREAM", behind, ...MISSING],
      // Before the records: a stream that was never written to has a time to live.
      this.#ttlMs === undefined ? ["PERSIST", log] : ["PEXPIRE", log, `${this.#ttlMs}`],
      ["XADD", log, "NOMKSTREAM", id, ...batchFields(token, batch)],
      ["SET", this.#keys.own(key, token), "", "PX", `${leaseMs}`],
      ...this.#listing.touching(key, now),
    ]);
    if (!(await this.#isAdded(added, log, id))) return false;
    [expiry, ...others].forEach(replyValue);
    if (behind !== undefined && (await this.#isMissing(marked, added, log, behind))) {
      // A Redis that came back with the data of a moment ago: rather the conversation until then than one with a hole.
      const last = lastIdOf(token);
      await this.#all([
        ["XADD", log, "NOMKSTREAM", last, ...MISSING],
        ["XDEL", log, behind, id, last],
      ]);
      return false;
    }
    // A write that was refused must not reach these: they would list a session that was deleted.
    const isFirst = batch.number === 1;
    const then = [
      ...(isFirst || !isKept ? this.#listing.adding(key, now) : []),
      ...(isFirst ? [["XDEL", log, `${token}-0`]] : []),
      ...this.#listing.titling(key, batch),
      ...deletionOfReplaced(log, token, batch),
    ];
    if (then.length > 0) await this.#all(then);
    return true;
  }

  async renew(leases: readonly TableLease[], leaseMs: number): Promise<void> {
    const owns = leases.map(({ key, token }) => this.#keys.own(key, token));
    // Not by `SET`, which Redis refuses while it has no memory.
    const renewed = await this.#all(owns.map((own) => ["PEXPIRE", own, `${leaseMs}`]));
    const lost = owns.filter((_own, index) => Number(renewed[index]) === 0);
    if (lost.length > 0) await this.#all(lost.map((own) => ["SET", own, "", "PX", `${leaseMs}`]));
  }

  async giveBack({ key, token }: TableLease): Promise<void> {
    await this.#all([["DEL", this.#keys.own(key, token)]]);
  }

  async read(key: string): Promise<readonly string[]> {
    const counted = new CountedBatches();
    let start = "-";
    for (;;) {
      const [reply] = await this.#all([["XRANGE", this.#keys.log(key), start, "+", "COUNT", `${ENTRIES_A_READ}`]]);
      const entries = (reply ?? []) as readonly SessionEntry[];
      for (const entry of entries) counted.add(entry);
      const last = entries.at(-1);
      if (!last || entries.length < ENTRIES_A_READ) return counted.records;
      start = `(${last[0]}`;
    }
  }

  list(request: PageRequest): Promise<readonly StoredSession[]> {
    return this.#listing.page(request);
  }

  async remove(key: string, leaseMs: number, isAwaited: () => boolean): Promise<number> {
    const [last] = await this.#last(key);
    if (!isAwaited()) return 0;
    const taken: Taken = last
      ? await this.take(key, crypto.randomUUID(), leaseMs)
      : { token: "0", next: 1, isKept: false };
    if (taken.token === undefined) return taken.forMs;
    if (!isAwaited()) {
      await this.giveBack({ key, token: taken.token, isKept: taken.isKept });
      return 0;
    }
    await this.#all([
      ["DEL", this.#keys.log(key), this.#keys.own(key, taken.token), this.#keys.title(key)],
      ...this.#listing.removing(key),
    ]);
    return 0;
  }

  /** Resolves with the last entry of a session, and the time of the server. */
  async #last(key: string): Promise<readonly [last: SessionEntry | undefined, time: readonly unknown[]]> {
    const [entries, time] = await this.#all([["XREVRANGE", this.#keys.log(key), "+", "-", "COUNT", "1"], ["TIME"]]);
    return [((entries ?? []) as readonly SessionEntry[])[0], time as readonly unknown[]];
  }

  /** Begins a lease of a session that is there. Resolves with false when another process was faster. */
  async #begin(key: string, [id, fields]: SessionEntry, leaseMs: number): Promise<boolean> {
    const [owned, added] = await this.#client.pipeline([
      ["SET", this.#keys.own(key, leaseOf(id)), "", "PX", `${leaseMs}`],
      ["XADD", this.#keys.log(key), "NOMKSTREAM", id, ...fields],
    ]);
    replyValue(owned);
    return !isIdTooSmall(added) && replyValue(added) === id;
  }

  /** Begins a new session. Its stream comes under its name at once with its time to live. */
  async #create(key: string, [id, fields]: SessionEntry, leaseMs: number): Promise<boolean> {
    const draft = this.#keys.draft(key);
    const replies = await this.#all([
      ["SET", this.#keys.own(key, leaseOf(id)), "", "PX", `${leaseMs}`],
      ["XADD", draft, id, ...fields],
      ["PEXPIRE", draft, `${EMPTY_TTL_MS}`],
      ["RENAMENX", draft, this.#keys.log(key)],
      ["DEL", draft],
    ]);
    return Number(replies[3]) === 1;
  }

  /** Whether an entry is there. A client that connects again repeats its commands: the second time Redis refuses it. */
  async #isAdded(added: RedisReply | undefined, log: string, id: string): Promise<boolean> {
    if (!isIdTooSmall(added)) return replyValue(added) === id;
    return (await this.#entry(log, id)) !== undefined;
  }

  /** Whether the mark is in the place of a batch. When the commands were repeated, it was refused as well. */
  async #isMissing(
    marked: RedisReply | undefined,
    added: RedisReply | undefined,
    log: string,
    id: string,
  ): Promise<boolean> {
    if (!isIdTooSmall(marked)) {
      replyValue(marked);
      return true;
    }
    if (!isIdTooSmall(added)) return false;
    const entry = await this.#entry(log, id);
    return entry !== undefined && fieldOf(entry, MISSING[0]) !== undefined;
  }

  async #entry(log: string, id: string): Promise<SessionEntry | undefined> {
    const [found] = await this.#all([["XRANGE", log, id, id]]);
    return ((found ?? []) as readonly SessionEntry[])[0];
  }

  #all(commands: readonly (readonly string[])[]): Promise<readonly unknown[]> {
    return replyValues(this.#client, commands);
  }
}
