/** Writes one attempt of a run into its stream. */

import type { LogEntry, LogWriter, RunEnd, WriterState } from "../../server/log/log.ts";
import { isRedisError, type RedisClient, type RedisReply } from "./client.ts";
import { closingId, endFields, entryFields, itemsOf, type LogItem } from "./log-item.ts";
import type { RedisNotifier } from "./notifier.ts";

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
}

export class RedisLogWriter implements LogWriter {
  readonly attempt: number;
  readonly #log: WrittenLog;
  readonly #keys: RunKeys;
  /** The time at which the run expires in any case, by `performance.now()`. */
  readonly #expiresAt: number;
  #renewedAt: number = Number.NEGATIVE_INFINITY;

  /** @param remainingMs after which the run expires in any case */
  constructor(log: WrittenLog, keys: RunKeys, attempt: number, remainingMs: number) {
    this.#log = log;
    this.#keys = keys;
    this.attempt = attempt;
    this.#expiresAt = performance.now() + remainingMs;
  }

  async append(entries: readonly LogEntry[]): Promise<WriterState> {
    const { client, notifier } = this.#log;
    const { log, stop } = this.#keys;
    const last = entries.at(-1);
    const written = last
      ? ["XADD", log, "NOMKSTREAM", last.id, ...entryFields(entries)]
      : ["XRANGE", log, closingId(this.attempt), "+", "COUNT", "1"];
    const replies = await client.pipeline([
      written,
      ["EXISTS", log],
      ["EXISTS", stop],
      this.leaseCommand(),
      ...this.#expiryCommands(),
    ]);
    const [first, exists, stopping] = replies;
    const isWritten = last ? await this.#isWritten(first) : itemsOf(replyValue(first)).length === 0;
    if (!isWritten || replyValue(exists) === 0) return "lost";
    if (last) notifier.notify(log);
    // Not in the same pipeline: an entry that Redis refused must not cost the ones before it.
    if (last && entries.some(({ type }) => type === "snapshot")) await client.command(["XTRIM", log, "MINID", last.id]);
    return replyValue(stopping) === 0 ? "running" : "stopping";
  }

  async end(end: RunEnd): Promise<RunEnd | undefined> {
    const { client, notifier, keepMs } = this.#log;
    const { head, log, own } = this.#keys;
    const [added] = await client.pipeline([
      ["XADD", log, "NOMKSTREAM", closingId(this.attempt), ...endFields(end)],
      ["PEXPIRE", log, `${keepMs}`],
      ["PEXPIRE", head, `${keepMs}`],
      ["DEL", own(this.attempt)],
    ]);
    if (!isIdTooSmall(added)) {
      if (replyValue(added) === null) return undefined;
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

  /** A run that is not renewed expires as an ended one does. */
  #expiryCommands(): readonly (readonly string[])[] {
    const { leaseMs, keepMs } = this.#log;
    const now = performance.now();
    if (now - this.#renewedAt < leaseMs / 3) return [];
    this.#renewedAt = now;
    const ms = `${Math.max(1, Math.round(Math.min(leaseMs + keepMs, this.#expiresAt - now)))}`;
    return [
      ["PEXPIRE", this.#keys.log, ms],
      ["PEXPIRE", this.#keys.head, ms],
    ];
  }
}

/** Whether Redis has refused an id because it is not above the last one. */
export function isIdTooSmall(reply: RedisReply | undefined): boolean {
  return isRedisError(reply?.error) && reply.error.message.includes("equal or smaller");
}

/** Returns the value of a reply. @throws its error */
export function replyValue(reply: RedisReply | undefined): unknown {
  if (reply?.error) throw reply.error;
  return reply?.value;
}

/** Resolves with the last item of a stream. */
export async function topOf(client: RedisClient, log: string): Promise<LogItem | undefined> {
  return itemsOf(await client.command(["XREVRANGE", log, "+", "-", "COUNT", "1"]))[0];
}
