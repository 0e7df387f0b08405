/** The contract of a store: where conversations are kept. */

import type { SessionRecord } from "./record.ts";

/** One conversation of a store. */
export interface StoredSession {
  readonly id: string;
  /** The time of the last write, in milliseconds since 1970. */
  readonly updatedAt: number;
  /** Its title, where a record has set one and the store keeps it. */
  readonly title?: string | undefined;
}

/** The sessions that `SessionStore.list` is asked for. */
export interface ListOptions {
  /** Lists only ids that begin with this text, such as `"ann/"` for the conversations of one user. */
  readonly prefix?: string | undefined;
  /**
   * Maximum number of sessions on the page, at least 1.
   * @default 100
   */
  readonly limit?: number | undefined;
  /** The `next` of the page before. Absent for the first page. */
  readonly cursor?: string | undefined;
}

/** A page of the sessions that a store keeps. */
export interface SessionPage {
  /** The session that was written last comes first. */
  readonly sessions: readonly StoredSession[];
  /** The `cursor` of the next page. Absent on the last page. */
  readonly next?: string | undefined;
}

/**
 * Keeps the records of conversations for `LLMSession.open`, each conversation under an id. Records are plain JSON data,
 * are only ever appended, and never change. Stores are `MemoryStore`, `FileStore` (from `cloudllm/store/file`),
 * `SQLiteStore` (`cloudllm/store/sqlite`), `PostgresStore` (`cloudllm/store/postgres`) and `RedisStore`
 * (`cloudllm/store/redis`). `storeSuite` of `cloudllm/testing` checks one of your own. The example shows the form only:
 * its `list` knows no pages. `docs/extending.md` has a store that keeps every law.
 *
 * @example
 * ```ts
 * import type { SessionRecord, SessionStore } from "cloudllm";
 *
 * interface Lists {
 *   push(key: string, values: readonly string[]): Promise<void>;
 *   read(key: string): Promise<readonly string[]>;
 *   keys(): Promise<readonly string[]>;
 * }
 *
 * export function storeOf(lists: Lists): SessionStore {
 *   return {
 *     append: (id, records) => lists.push(id, records.map((record) => JSON.stringify(record))),
 *     load: async (id) => (await lists.read(id)).map((line) => JSON.parse(line) as SessionRecord),
 *     list: async () => ({ sessions: (await lists.keys()).map((id) => ({ id, updatedAt: Date.now() })) }),
 *   };
 * }
 * ```
 */
export interface SessionStore {
  /**
   * Appends records, in order, all or none of them. Resolves when they are as safe as this store makes them. If it
   * rejects, the session tries again with the same records, and more behind them. A store that had written them, and
   * whose answer was lost, may then keep them twice: a session reads each `key` once. A session makes one call at a
   * time for its id, and reports one that has no answer for ten seconds; it makes no other before that is there. A
   * session that has closed waits a minute for it, and then gives its reservation back: the store writes nothing of the
   * append any more.
   * @throws {SendError} kind `busy` when another holder has taken the reservation over; then nothing was written
   */
  append(id: string, records: readonly SessionRecord[]): Promise<void>;
  /**
   * Resolves with all records in order; with an empty array when nothing is kept under this id. It needs no
   * reservation, and it does not disturb the holder of one. It may take a minute.
   */
  load(id: string): Promise<readonly SessionRecord[]>;
  /**
   * Resolves with a page of the sessions that have records. The pages of one listing contain no session twice. A
   * session that is written to between two pages moves to the front: it may be missing from the later page. The title
   * of a session is that of the last record with a `title`, until `replace`. A store that keeps no titles leaves them
   * out: then a list of conversations reads each of them.
   * @throws {SendError} kind `invalidRequest` when the cursor is not one of this store, or `limit` is not an integer
   * above 0
   */
  list(options?: ListOptions): Promise<SessionPage>;
  /**
   * Replaces all that is kept under the id by these records, atomically: after a crash the old ones or the new ones are
   * there. Resolves when the old ones are gone. When the session gives its reservation back before the answer is there,
   * the store writes nothing of it any more, as for `append`: it would undo what the next session has appended. Without
   * this method, `LLMSession.clear` appends a record instead, and the store keeps what was said.
   * @throws {SendError} as `append`
   */
  replace?(id: string, records: readonly SessionRecord[]): Promise<void>;
  /**
   * Deletes a conversation. Resolves when nothing of it is kept, also when nothing was.
   * @throws {SendError} kind `busy` when a session has it open
   */
  delete?(id: string): Promise<void>;
  /**
   * Reserves the id: only the caller may append until `release`. A session calls it before it loads. A store that
   * several processes share lends the id: it renews the lease while its process lives, and another process may claim
   * the id when the lease has expired. From then on the store refuses every write of the former holder.
   * @throws {SendError} kind `busy` when another session has the id
   */
  claim?(id: string): Promise<void>;
  /** Ends the reservation. Does nothing when there is none, or when another holder has taken it over. */
  release?(id: string): Promise<void>;
}
