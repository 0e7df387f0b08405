/** Writes one attempt of a run into its stream. */

import type { LogEntry, LogWriter, RunEnd, RunHead, WriterState } from "../../server/log/log.ts";
import type { RedisClient, RedisReply } from "./client.ts";
import { attemptBehind, closingId, endFields, entryFields, itemsOf, type LogItem } from "./log-item.ts";
import type { RedisNotifier } from "./notifier.ts";
import { isIdTooSmall, replyNumber, replyValue } from "./reply.ts";

/** The keys of a run. They share a hash tag, so that a cluster keeps them on one node. */
export interface RunKeys {
  readonly head: string;
  readonly log: string;
  readonly stop: string;
  readonly seen: string;
  /** The lease of an attempt. */
  own(attempt: number): string;
}

/** The surroundings of a writer. */
export interface WrittenLog {
  readonly client: RedisClient;
  readonly notifier: RedisNotifier;
  readonly leaseMs: number;
  /** How long an ended run is kept, in milliseconds. */
  readonly keepMs: number;
  /** Has the last run of a chat be known no longer than a run that is not renewed. Never rejects. */
  renewLatestRun(chat: string): Promise<void>;
}

/** The head of a run with a word of the process that began it: it recognizes its own after a lost answer. */
export interface StoredHead {
  readonly token: string;
  readonly head: RunHead;
}

/**
 * A Redis that comes back with the data of a moment ago, or that evicts keys, has lost a part of the run. The writer
 * notices it by the number of items, and rejects: the run then appends a snapshot, which takes the place of all.
 */
export class RedisLogWriter implements LogWriter {
  readonly attempt: number;
  readonly #log: WrittenLog;
  readonly #keys: RunKeys;
  /** The time at which the run expires in any case, by `performance.now()`. */
  readonly #expiresAt: number;
  readonly #head: StoredHead;
  #renewedAt: number = Number.NEGATIVE_INFINITY;
  /** No other process may have the run before then, by `performance.now()`. */
  #heldUntil: number;
  /** The number of items in the stream; `undefined` while it is unknown. */
  #length: number | undefined;

  /** @param remainingMs after which the run expires in any case */
  constructor(log: WrittenLog, keys: RunKeys, attempt: number, head: StoredHead, remainingMs: number) {
    this.#log = log;
    this.#keys = keys;
    this.attempt = attempt;
    this.#head = head;
    this.#expiresAt = performance.now() + remainingMs;
    this.#heldUntil = performance.now() + log.leaseMs;
    this.#length = attempt === 1 ? 1 : undefined;
  }

  async append(entries: readonly LogEntry[]): Promise<WriterState> {
    const { client, notifier, leaseMs } = this.#log;
    const { log, stop } = this.#keys;
    const last = entries.at(-1);
    const written = last
      ? ["XADD", log, "NOMKSTREAM", last.id, ...entryFields(entries)]
      : ["XRANGE", log, closingId(this.attempt), "+", "COUNT", "1"];
    const [before, now] = [this.#length, performance.now()];
    this.#length = undefined;
    const replies = await client.pipeline([
      written,
      ...this.#expiryCommands(now), // before the length: both are gone once the run was deleted
      ["XLEN", log],
      ["EXISTS", stop],
      this.leaseCommand(),
    ]);
    const [first] = replies;
    const [length = 0, stopping] = replies.slice(-3, -1).map(replyNumber);
    const isHeld = now < this.#heldUntil;
    if (length === 0) {
      if (!isHeld || !(await this.#isKept())) return "lost";
      if (!(await this.#beginAgain(entries))) return "lost";
    } else {
      const isWritten = last ? await this.#isWritten(first) : itemsOf(replyValue(first)).length === 0;
      if (!isWritten) return "lost";
      const added = last && !isIdTooSmall(first) ? 1 : 0;
      if (!hasSnapshot(entries) && length < (before ?? 0) + added) return this.#stateWithFewerItems();
      if (replies.length > 4 && replyNumber(replies[2]) === 0) await this.#bringHeadBack();
      // Not in the same pipeline: an entry that Redis refused must not cost the ones before it.
      if (last && hasSnapshot(entries)) await client.command(["XTRIM", log, "MINID", last.id]);
    }
    this.#length = hasSnapshot(entries) ? 1 : length;
    this.#heldUntil = now + leaseMs;
    if (last) notifier.notify(log);
    return stopping === 0 ? "running" : "stopping";
  }

  async end(end: RunEnd): Promise<RunEnd | undefined> {
    const { client, notifier, keepMs } = this.#log;
    const { head, log, own } = this.#keys;
    const isHeld = performance.now() < this.#heldUntil;
    const fields = [closingId(this.attempt), ...endFields(end)];
    const renewed = this.#log.renewLatestRun(this.#head.head.chat); // at the same time
    let [added] = await client.pipeline([
      ["XADD", log, "NOMKSTREAM", ...fields],
      ["PEXPIRE", log, `${keepMs}`],
      ["PEXPIRE", head, `${keepMs}`],
      ["DEL", own(this.attempt)],
    ]);
    await renewed;
    if (!isIdTooSmall(added) && replyValue(added) === null) {
      if (!isHeld || !(await this.#isKept())) return undefined;
      [added] = await client.pipeline([
        ["XADD", log, ...fields],
        ["PEXPIRE", log, `${keepMs}`],
      ]);
    }
    if (!isIdTooSmall(added)) {
      replyValue(added);
      notifier.notify(log);
      return end;
    }
    const top = await topOf(client, log);
    return top?.type === "end" && top.attempt === this.attempt ? top.end : undefined;
  }

  async release(): Promise<void> {
    await this.#log.client.command(["DEL", this.#keys.own(this.attempt)]);
  }

  /** Each attempt has a lease of its own: a writer whose run was taken over does not renew that of the next one. */
  leaseCommand(): readonly string[] {
    return ["SET", this.#keys.own(this.attempt), "1", "PX", `${this.#log.leaseMs}`];
  }

  async #isWritten(added: RedisReply | undefined): Promise<boolean> {
    if (!isIdTooSmall(added)) return replyValue(added) !== null;
    // Ours alone writes this attempt: the entries are there already, unless the attempt is closed.
    const top = await topOf(this.#log.client, this.#keys.log);
    return top?.type === "entries" && top.attempt === this.attempt;
  }

  /**
   * Resolves with `"lost"` where the snapshot of the next attempt has taken the place of all items.
   * @throws when Redis has lost them
   */
  async #stateWithFewerItems(): Promise<"lost"> {
    const top = await topOf(this.#log.client, this.#keys.log);
    if (top && (top.type === "end" || attemptBehind(top) !== this.attempt)) return "lost";
    throw new Error("Redis has lost entries of the run, as after a failover. A snapshot follows.");
  }

  /** Whether the run was not deleted: its head is there. */
  async #isKept(): Promise<boolean> {
    return Number(await this.#log.client.command(["EXISTS", this.#keys.head])) === 1;
  }

  /**
   * Makes a stream that was evicted again. Resolves with whether the run is still that of this writer.
   * @throws when the entries need others before them
   */
  async #beginAgain(entries: readonly LogEntry[]): Promise<boolean> {
    const { log } = this.#keys;
    const last = entries.at(-1);
    if (!last || !hasSnapshot(entries)) throw new Error("Redis has lost the stream of the run. A snapshot follows.");
    const [added, expiry] = await this.#log.client.pipeline([
      ["XADD", log, last.id, ...entryFields(entries)],
      ["PEXPIRE", log, this.#lifeMs],
    ]);
    replyValue(expiry);
    return this.#isWritten(added);
  }

  async #bringHeadBack(): Promise<void> {
    const head = JSON.stringify(this.#head);
    await this.#log.client.command(["SET", this.#keys.head, head, "PX", this.#lifeMs, "NX"]);
  }

  /** The lease once more: Redis lengthens a life also while it has no memory for `SET`. */
  #expiryCommands(now: number): readonly (readonly string[])[] {
    const { leaseMs } = this.#log;
    if (now - this.#renewedAt < leaseMs / 3) return [];
    this.#renewedAt = now;
    void this.#log.renewLatestRun(this.#head.head.chat);
    const ms = this.#lifeMs;
    return [
      ["PEXPIRE", this.#keys.log, ms],
      ["PEXPIRE", this.#keys.head, ms],
      ["PEXPIRE", this.#keys.own(this.attempt), `${leaseMs}`],
    ];
  }

  /** A run that is not renewed expires as an ended one does. */
  get #lifeMs(): string {
    const { leaseMs, keepMs } = this.#log;
    return `${Math.max(1, Math.round(Math.min(leaseMs + keepMs, this.#expiresAt - performance.now())))}`;
  }
}

function hasSnapshot(entries: readonly LogEntry[]): boolean {
  return entries.some(({ type }) => type === "snapshot");
}

/** Resolves with the last item of a stream. */
export async function topOf(client: RedisClient, log: string): Promise<LogItem | undefined> {
  return itemsOf(await client.command(["XREVRANGE", log, "+", "-", "COUNT", "1"]))[0];
}
