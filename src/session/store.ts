/** The contract of a store: where conversations are kept. */

import type { SessionRecord } from "./record.ts";

/** One conversation of a store. */
export interface StoredSession {
  readonly id: string;
  /** The time of the last write, in milliseconds since 1970. */
  readonly updatedAt: number;
}

/**
 * Keeps the records of conversations for `LLMSession.open`, each conversation under an id. Records are plain JSON data,
 * are only ever appended, and never change. `MemoryStore` and `FileStore` (from `cloudllm/store/file`) are stores.
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
 *     list: async () => (await lists.keys()).map((id) => ({ id, updatedAt: Date.now() })),
 *   };
 * }
 * ```
 */
export interface SessionStore {
  /**
   * Appends records, in order. Resolves when they are as safe as this store makes them. If it rejects, none of them
   * counts as appended, and the session tries again. A session makes one call at a time for its id.
   */
  append(id: string, records: readonly SessionRecord[]): Promise<void>;
  /** Resolves with all records in order; with an empty array when nothing is kept under this id. */
  load(id: string): Promise<readonly SessionRecord[]>;
  /** Resolves with the conversations that are kept, in any order. */
  list(): Promise<readonly StoredSession[]>;
  /**
   * Replaces all that is kept under the id by these records, atomically: after a crash the old ones or the new ones are
   * there. Resolves when the old ones are gone. Without this method, `LLMSession.clear` appends a record instead, and
   * the store keeps what was said.
   */
  replace?(id: string, records: readonly SessionRecord[]): Promise<void>;
  /**
   * Deletes a conversation. Resolves when nothing of it is kept, also when nothing was.
   * @throws {SendError} kind `busy` when a session has it open
   */
  delete?(id: string): Promise<void>;
  /**
   * Reserves the id: only the caller may append until `release`. A session calls it before it loads.
   * @throws {SendError} kind `busy` when another session has the id
   */
  claim?(id: string): Promise<void>;
  /** Ends the reservation. */
  release?(id: string): Promise<void>;
}
