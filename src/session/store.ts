/** Where conversations are kept, and the store that keeps them in memory. */

import { SendError } from "../contract/errors.ts";
import type { SessionRecord } from "./record.ts";

/** One conversation of a store. */
export interface StoredSession {
  readonly id: string;
  /** When it was last written to, in milliseconds since 1970. */
  readonly updatedAt: number;
}

/**
 * Keeps the records of conversations, each under an id, for `LLMSession.open`. Records are plain data that JSON keeps, to be
 * added at the end and never changed. `MemoryStore` and `FileStore` (of `cloudllm/store/file`) are stores.
 */
export interface SessionStore {
  /**
   * Adds records, in order; resolves when they are as safe as this store makes them. When it rejects, none of them counts as
   * added, and the session tries again. One call at a time for an id.
   */
  append(id: string, records: readonly SessionRecord[]): Promise<void>;
  /** All records in order; none when nothing is kept under this id. */
  load(id: string): Promise<readonly SessionRecord[]>;
  /** What is kept, in any order. */
  list(): Promise<readonly StoredSession[]>;
  /**
   * Puts these records in the place of all that is kept under the id, at once: a crash leaves the old ones or the new ones. Resolves
   * when the old ones are gone. A store without it keeps what `LLMSession.clear` forgets, and adds a record that says so.
   */
  replace?(id: string, records: readonly SessionRecord[]): Promise<void>;
  /**
   * Forgets a conversation; resolves when nothing of it is kept, also when nothing was.
   * @throws {SendError} kind `busy` when it is open
   */
  delete?(id: string): Promise<void>;
  /**
   * Nobody else may append until `release`. A session calls it before it loads.
   * @throws {SendError} kind `busy` when somebody else may
   */
  claim?(id: string): Promise<void>;
  /** Lets others append. */
  release?(id: string): Promise<void>;
}

/** Keeps conversations as long as the process runs. */
export class MemoryStore implements SessionStore {
  /** As text: what is kept is not changed by whoever holds the objects. */
  readonly #sessions = new Map<string, { readonly lines: string[]; updatedAt: number }>();
  readonly #claimed = new Set<string>();

  async append(id: string, records: readonly SessionRecord[]): Promise<void> {
    const session = this.#sessions.get(id) ?? { lines: [], updatedAt: 0 };
    session.lines.push(...records.map((record) => JSON.stringify(record)));
    session.updatedAt = Date.now();
    this.#sessions.set(id, session);
  }

  async load(id: string): Promise<readonly SessionRecord[]> {
    return (this.#sessions.get(id)?.lines ?? []).map((line) => JSON.parse(line) as SessionRecord);
  }

  async replace(id: string, records: readonly SessionRecord[]): Promise<void> {
    this.#sessions.delete(id);
    await this.append(id, records);
  }

  async delete(id: string): Promise<void> {
    this.#mustBeFree(id);
    this.#sessions.delete(id);
  }

  async list(): Promise<readonly StoredSession[]> {
    return [...this.#sessions].map(([id, { updatedAt }]) => ({ id, updatedAt }));
  }

  async claim(id: string): Promise<void> {
    this.#mustBeFree(id);
    this.#claimed.add(id);
  }

  #mustBeFree(id: string): void {
    if (this.#claimed.has(id)) throw new SendError("busy", `The session ${JSON.stringify(id)} is open already.`);
  }

  async release(id: string): Promise<void> {
    this.#claimed.delete(id);
  }
}
