/**
 * Sessions in a database that several processes share. Each session has one writer by a lease that the database itself
 * enforces. A batch of records has a number, so that a repeated append is not kept twice.
 */

import { SendError } from "../contract/errors.ts";
import { durationText } from "../contract/timeouts.ts";
import { allNames, checkNames } from "../contract/unknown-option.ts";
import { receivedText } from "../platform/received.ts";
import { within } from "../platform/within.ts";
import type { SessionRecord } from "../session/record.ts";
import type { ListOptions, SessionPage, SessionStore, StoredSession } from "../session/store.ts";
import { titleSetBy } from "../session/title.ts";
import { type PageRequest, pageOf, pageRequestOf, storedSession } from "./listing.ts";
import { renewEvery } from "./renewals.ts";
import { idOfKey, keyOfId } from "./session-key.ts";

/** The options of a store with leases. */
export interface LeaseOptions {
  /**
   * Time without a renewal after which another process may open a session, in milliseconds. The process renews its
   * leases three times in that time.
   * @default 15_000
   */
  readonly leaseMs?: number | undefined;
}

/** The lease of a session, for its holder. */
export interface TableLease {
  readonly key: string;
  /** Distinguishes this lease from every other lease of the session. */
  readonly token: string;
  /** Whether records are kept under the key. */
  isKept: boolean;
}

/** The answer to a request for a lease. */
export type Taken =
  | {
      readonly token: string;
      /** The number of the holder's first batch, at least 1. */
      readonly next: number;
      readonly isKept: boolean;
    }
  /** Another holder has it. `forMs`: the time until its lease expires, unless it is renewed. */
  | { readonly token?: undefined; readonly forMs: number };

/** Records that are appended together. */
export interface Batch {
  readonly number: number;
  /**
   * Batches with this number or a larger one, before this batch, do not count any longer: rejected attempts, or with 0
   * all that was kept.
   */
  readonly from: number;
  /** The number of a batch before this one, which the holder has written. Absent where none is known to count. */
  readonly behind: number | undefined;
  /** Whether the holder's write before was rejected, so that it may be carried out yet. */
  readonly isAfterFailure: boolean;
  /** A JSON array. */
  readonly records: string;
  /** The title that the records set. Without one, a title that is kept stays, unless `from` is 0. */
  readonly title: string | undefined;
}

/** The operations of a database. Each is atomic. A failure to reach the database rejects with the driver's error. */
export interface SessionTable {
  /** The name of the database in messages. */
  readonly engine: string;
  /**
   * Takes the lease of a session that is free, or whose lease has expired or was taken with the same `wish`: the answer
   * to the first request may have been lost.
   */
  take(key: string, wish: string, leaseMs: number): Promise<Taken>;
  /** Writes a batch and renews the lease. Resolves with false, and has written nothing, when the lease is lost. */
  write(lease: TableLease, batch: Batch, leaseMs: number): Promise<boolean>;
  /** Renews those of the leases that are not lost. */
  renew(leases: readonly TableLease[], leaseMs: number): Promise<void>;
  /** Ends a lease that is not lost. */
  giveBack(lease: TableLease): Promise<void>;
  /** Resolves with the batches in order. */
  read(key: string): Promise<readonly string[]>;
  /** Resolves with at most `limit` sessions behind `after`, in order; `id` is their key. */
  list(request: PageRequest): Promise<readonly StoredSession[]>;
  /**
   * Deletes a session that is free. Resolves with the time until its lease expires, when it is not; else with 0.
   * @param isAwaited whether the caller still waits: it may write again after a failure, which must stay
   */
  remove(key: string, leaseMs: number, isAwaited: () => boolean): Promise<number>;
  /** Returns a better error than that of the driver, where there is one. */
  explain?(error: unknown): SendError | undefined;
}

/** A session that this store may write. */
interface Claim {
  readonly lease: TableLease;
  /** The number of the next batch. No number is used twice. */
  next: number;
  /** Batches with a smaller number count. */
  confirmed: number;
  /** The number of the last batch of this claim that is written. */
  written: number | undefined;
  isAfterFailure: boolean;
}

const DEFAULT_LEASE_MS = 15_000;

/**
 * A driver may wait without end for a connection that is gone: then the database may still carry the call out. Longer
 * than the wait of a session, which reports it. In milliseconds.
 */
const DEADLINE_MS = 15_000;

/** The same for conversations and lists that come over a slow network. */
const READ_DEADLINE_MS = 60_000;

/** A store whose database is a `SessionTable`. */
export abstract class LeasedStore implements SessionStore {
  readonly #table: SessionTable;
  readonly #leaseMs: number;
  readonly #claims = new Map<string, Claim>();
  readonly #claiming = new Set<string>();
  /** The wishes of claims that were rejected: the database may have granted them. */
  readonly #wishes = new Map<string, string>();
  #stopRenewing: (() => void) | undefined;
  #isRenewing = false;

  /**
   * @param others the names of the options that are validated elsewhere
   * @throws {TypeError} when an option is invalid
   */
  protected constructor(table: SessionTable, options: LeaseOptions, others: readonly string[] = []) {
    checkNames(options, [...allNames<LeaseOptions>({ leaseMs: true }), ...others]);
    const { leaseMs = DEFAULT_LEASE_MS } = options;
    if (typeof leaseMs !== "number" || !(leaseMs >= 1) || leaseMs > Number.MAX_SAFE_INTEGER)
      throw new TypeError(
        `\`leaseMs\` must be a number of milliseconds, at least 1. Received ${receivedText(leaseMs)}.`,
      );
    this.#table = table;
    this.#leaseMs = Math.ceil(leaseMs);
  }

  async claim(id: string): Promise<void> {
    const key = keyOfId(id);
    if (this.#claims.has(id) || this.#claiming.has(id)) throw busy(id, "this process");
    this.#claiming.add(id);
    const wish = this.#wishes.get(id) ?? crypto.randomUUID();
    this.#wishes.set(id, wish);
    try {
      const taken = await this.#run(() => this.#table.take(key, wish, this.#leaseMs));
      this.#wishes.delete(id);
      if (taken.token === undefined) throw busy(id, "another process", taken.forMs);
      const { token, next, isKept } = taken;
      const lease = { key, token, isKept };
      this.#claims.set(id, { lease, next, confirmed: next, written: undefined, isAfterFailure: false });
      this.#stopRenewing ??= renewEvery(this.#leaseMs, () => void this.#renew());
    } finally {
      this.#claiming.delete(id);
    }
  }

  async append(id: string, records: readonly SessionRecord[]): Promise<void> {
    if (records.length === 0) return;
    const claim = await this.#claimOf(id);
    await this.#write(id, claim, records, claim.confirmed);
  }

  async replace(id: string, records: readonly SessionRecord[]): Promise<void> {
    const claim = await this.#claimOf(id);
    claim.written = undefined;
    try {
      await this.#write(id, claim, records, 0);
    } finally {
      claim.confirmed = claim.next; // also after a failure: the old records count, or the new ones
    }
  }

  async load(id: string): Promise<readonly SessionRecord[]> {
    const batches = await this.#run(() => this.#table.read(keyOfId(id)), READ_DEADLINE_MS);
    return batches.flatMap((batch) => JSON.parse(batch) as SessionRecord[]);
  }

  async list(options?: ListOptions): Promise<SessionPage> {
    const { prefix, limit, after } = pageRequestOf(options);
    const request: PageRequest = {
      prefix: keyOfId(prefix),
      limit: Math.min(limit + 1, Number.MAX_SAFE_INTEGER),
      after: after && { ...after, id: keyOfId(after.id) },
    };
    const found = await this.#run(() => this.#table.list(request), READ_DEADLINE_MS);
    return pageOf(
      found.map(({ id, updatedAt, title }) => storedSession(idOfKey(id), updatedAt, title)),
      limit,
    );
  }

  async delete(id: string): Promise<void> {
    if (this.#claims.has(id) || this.#claiming.has(id)) throw busy(id, "this process");
    let isAwaited = true;
    try {
      const forMs = await this.#run(() => this.#table.remove(keyOfId(id), this.#leaseMs, () => isAwaited));
      if (forMs > 0) throw busy(id, "another process", forMs);
    } finally {
      isAwaited = false;
    }
  }

  async release(id: string): Promise<void> {
    const claim = this.#claims.get(id);
    if (!claim) return;
    this.#claims.delete(id);
    if (this.#claims.size === 0) {
      this.#stopRenewing?.();
      this.#stopRenewing = undefined;
    }
    await this.#run(() => this.#table.giveBack(claim.lease));
  }

  async #claimOf(id: string): Promise<Claim> {
    const claim = this.#claims.get(id);
    if (claim) return claim;
    await this.claim(id);
    return this.#claimOf(id);
  }

  async #write(id: string, claim: Claim, records: readonly SessionRecord[], from: number): Promise<void> {
    const { lease, isAfterFailure, written: behind } = claim;
    const title = titleSetBy(records);
    const number = claim.next++;
    const batch = { number, from, behind, isAfterFailure, records: JSON.stringify(records), title };
    claim.isAfterFailure = true;
    const isWritten = await this.#run(() => this.#table.write(lease, batch, this.#leaseMs));
    if (!isWritten) throw lost(id);
    claim.isAfterFailure = false;
    claim.written = number;
    claim.confirmed = claim.next;
    lease.isKept = true;
  }

  async #renew(): Promise<void> {
    if (this.#isRenewing) return;
    this.#isRenewing = true;
    try {
      const leases = [...this.#claims.values()].map(({ lease }) => lease);
      await this.#run(() => this.#table.renew(leases, this.#leaseMs));
    } catch {
      // The database may be away for a moment. The next renewal tries again; a write reports a lease that was lost.
    } finally {
      this.#isRenewing = false;
    }
  }

  async #run<T>(operation: () => Promise<T>, ms: number = DEADLINE_MS): Promise<T> {
    const { engine } = this.#table;
    try {
      return await within(operation(), ms, () => silence(engine, ms));
    } catch (error) {
      if (error instanceof SendError) throw error;
      throw this.#table.explain?.(error) ?? failure(this.#table.engine, error);
    }
  }
}

function busy(id: string, holder: string, forMs?: number): SendError {
  const until = forMs === undefined ? "" : `, or has not renewed its lease for ${Math.ceil(forMs / 1_000)} s`;
  const message = `The session ${JSON.stringify(id)} is open in ${holder}. It can be opened after that process has closed it${until}.`;
  return new SendError("busy", message, { retryAfterMs: forMs });
}

function lost(id: string): SendError {
  const what = `The session ${JSON.stringify(id)}`;
  return new SendError("busy", `${what} was taken over by another process, or deleted. Nothing more is written here.`);
}

function silence(engine: string, ms: number): SendError {
  return new SendError("storage", `${engine} has not answered for ${durationText(ms)}.`);
}

/** Returns the error of a driver without its message, which may name a host, a user or a statement. */
function failure(engine: string, cause: unknown): SendError {
  const code = codeIn(cause);
  const message = `${engine} could not be reached, or refused the request${code && ` (${code})`}. The \`cause\` has the details.`;
  return new SendError("storage", message, { cause });
}

/** Returns the code of a driver's error, such as `ECONNREFUSED` or `53300`; `""` without one. */
function codeIn(error: unknown): string {
  if (!(error instanceof Error)) return "";
  const code = "code" in error ? error.code : /^([A-Z]{2,20}) /.exec(error.message)?.[1];
  return typeof code === "string" && /^[A-Z\d_]{2,40}$/.test(code) ? code : "";
}
