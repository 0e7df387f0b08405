/** Writes the records of a session to its store: in order, soon, and again after the store has failed. */

import type { MessageChunk } from "../contract/chunk.ts";
import { SendError } from "../contract/errors.ts";
import type { AssistantTurn } from "../contract/message.ts";
import { receivedText } from "../platform/received.ts";
import { messageOf } from "../platform/text-of.ts";
import { startLimit } from "../platform/within.ts";
import type { SessionRecord } from "./record.ts";
import { RecordKeys, withoutRepeated } from "./record-key.ts";
import { plainMessages } from "./saved-session.ts";
import type { SessionStore } from "./store.ts";
import { ABANDONED_MS, answerOf, LOAD_DEADLINE_MS, STORE_DEADLINE_MS, silence } from "./store-deadline.ts";
import { UnsavedReply } from "./unsaved-reply.ts";

/** Records on their way to the store. */
interface Pending {
  readonly way: "append" | "replace";
  readonly records: SessionRecord[];
}

/** The log of one session. */
export class SessionLog {
  readonly #store: SessionStore;
  readonly #id: string;
  readonly #flushIntervalMs: number;
  readonly #keys = new RecordKeys();
  /**
   * Records that the store does not have yet, and whether they replace all that it has. Each stays until the store has
   * it, so that the stored log never has gaps.
   */
  #pending: Pending = { way: "append", records: [] };
  /** The part of the current reply that is not a record yet; its text may be empty. */
  #reply: UnsavedReply | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #writing: Promise<void> | undefined;
  /** The store takes too long to answer. Its call is not made again: the records may still be written. */
  #isSilent = false;
  /** Reject the callers of `flush` when the store becomes silent. */
  readonly #waiting = new Set<(error: Error) => void>();
  /** False for a session without a turn: it is not stored. */
  #isWorthIt: boolean;

  /** @param isThere whether the store already has records under the id */
  constructor(store: SessionStore, id: string, flushIntervalMs: number, isThere: boolean) {
    this.#store = store;
    this.#id = id;
    this.#flushIntervalMs = flushIntervalMs;
    this.#isWorthIt = isThere;
  }

  /** Adds a record and begins to write it at once. The next `flush` reports a failure. */
  add(record: SessionRecord): void {
    if (record.type === "said" || record.type === "saved") this.#isWorthIt = true;
    if (record.type === "reply" || record.type === "end")
      this.#reply = undefined; // the record contains the text
    else this.#takeReply();
    this.#pending.records.push(this.#keys.keyed(plainRecord(record)));
    this.#writeSoon(0);
  }

  /**
   * Replaces all records by `record`. A store that cannot replace its records gets `instead`. Resolves when the store
   * has it.
   */
  replace(record: SessionRecord, instead: SessionRecord): Promise<void> {
    if (!this.#store.replace) this.add(instead);
    else {
      this.#reply = undefined;
      this.#pending = { way: "replace", records: [this.#keys.keyed(plainRecord(record))] };
    }
    return this.flush();
  }

  /** A chunk of a reply has arrived. The text so far is written once per `flushIntervalMs`. */
  arrived(chunk: MessageChunk): void {
    this.#reply ??= new UnsavedReply();
    this.#reply.add(chunk);
    this.#writeSoon(this.#flushIntervalMs);
  }

  /**
   * Resolves when the store has everything.
   * @throws {SendError} kind `storage` when the store fails or does not answer; the records that it does not have stay
   * pending
   */
  async flush(): Promise<void> {
    try {
      while (this.#hasMore()) await this.#written();
    } catch (error) {
      throw storageError(error);
    }
  }

  async close(): Promise<void> {
    try {
      await this.flush();
    } finally {
      clearTimeout(this.#timer);
      if (this.#isSilent) void this.#releaseLater(this.#writing);
      else await this.#release();
    }
  }

  /** No other session may write before the store has answered. One that never does must not keep the id for ever. */
  async #releaseLater(answer: Promise<void> | undefined): Promise<void> {
    try {
      await Promise.race([answer?.catch(() => undefined), idle(ABANDONED_MS)]);
      await this.#release();
    } catch {
      // `close` has reported the store
    }
  }

  async #release(): Promise<void> {
    try {
      const released = this.#store.release?.(this.#id);
      if (released) await answerOf(released);
    } catch (error) {
      throw storageError(error);
    }
  }

  #hasMore(): boolean {
    return this.#isWorthIt && (this.#pending.records.length > 0 || this.#reply !== undefined);
  }

  #writeSoon(afterMs: number): void {
    if (!this.#isWorthIt) return;
    if (afterMs === 0) void this.#write().catch(() => undefined);
    else this.#timer ??= setTimeout(() => void this.#write().catch(() => undefined), afterMs);
  }

  #write(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#writing ??= this.#writeAll();
    return this.#writing;
  }

  async #writeAll(): Promise<void> {
    try {
      await undefined; // records of the same tick go with it
      this.#takeReply();
      while (this.#pending.records.length > 0) {
        const pending = this.#pending;
        const records = [...pending.records];
        const endLimit = startLimit(STORE_DEADLINE_MS, () => this.#becomeSilent());
        try {
          if (pending.way === "replace") await this.#store.replace?.(this.#id, records);
          else await this.#store.append(this.#id, records);
        } finally {
          endLimit();
          this.#isSilent = false;
        }
        if (this.#pending !== pending) continue; // meanwhile they were replaced
        this.#pending = { way: "append", records: pending.records.slice(records.length) };
      }
    } finally {
      this.#writing = undefined;
    }
  }

  #becomeSilent(): void {
    this.#isSilent = true;
    for (const reject of this.#waiting) reject(silence());
  }

  /** Resolves when the store has what there is to write now. Rejects as the store does, or when it is silent. */
  #written(): Promise<void> {
    if (this.#isSilent) return Promise.reject(silence());
    return new Promise((resolve, reject) => {
      this.#waiting.add(reject);
      this.#write()
        .finally(() => this.#waiting.delete(reject))
        .then(resolve, reject);
    });
  }

  #takeReply(): void {
    if (!this.#reply) return;
    this.#pending.records.push(this.#keys.keyed(this.#reply.record()));
    this.#reply = undefined;
  }
}

/**
 * Returns the record as JSON keeps it. A reply's `output` is left out: it can be computed from the text, and JSON may
 * not be able to represent it.
 */
function plainRecord(record: SessionRecord): SessionRecord {
  switch (record.type) {
    case "said":
      return { ...record, messages: plainMessages(record.messages) };
    case "saved":
      return { ...record, session: { ...record.session, history: plainMessages(record.session.history) } };
    case "reply":
      return { ...record, message: withoutOutput(record.message) };
    case "end":
      return record.message ? { ...record, message: withoutOutput(record.message) } : record;
    default:
      return record;
  }
}

function withoutOutput(message: AssistantTurn & { readonly output?: unknown }): AssistantTurn {
  const { output: _output, ...turn } = message;
  return turn;
}

/**
 * Returns an error of a store as a `SendError`. Its message may be shown to users, so it names no folder; the `cause`
 * does.
 */
export function storageError(error: unknown): SendError {
  try {
    if (error instanceof SendError) return error;
  } catch {
    // a proxy
  }
  const reason = withoutFolders(messageOf(error));
  return new SendError("storage", `The store of the session failed: ${reason}`, { cause: error });
}

/**
 * Resolves with the records that a store keeps under an id, each once.
 * @throws {TypeError} when the store returns something else than an array
 */
export async function recordsIn(store: SessionStore, id: string): Promise<readonly SessionRecord[]> {
  const records: unknown = await answerOf(
    called(() => store.load(id)),
    LOAD_DEADLINE_MS,
  );
  if (Array.isArray(records)) return withoutRepeated(records as readonly SessionRecord[]); // replay validates each
  throw new TypeError(`\`load\` must return an array of records. Received ${receivedText(records)}.`);
}

/**
 * Resolves with the answer of a store.
 * @throws {SendError} kind `storage` when the store fails or does not answer
 */
export async function storeAnswer<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await answerOf(called(call));
  } catch (error) {
    throw storageError(error);
  }
}

/** Resolves after so many milliseconds. No program waits for that before it ends. */
function idle(ms: number): Promise<void> {
  return new Promise((resolve) => {
    const timer: { unref?: () => void } | number = setTimeout(resolve, ms);
    if (typeof timer !== "number") timer.unref?.();
  });
}

/** A store of another program may throw at once. */
async function called<T>(call: () => Promise<T>): Promise<T> {
  return call();
}

/** Absolute paths, of any system, up to their last name. */
const FOLDERS = /(?<![\w:./\\])(?:[A-Za-z]:[\\/]|\\\\|\/)(?:[^'"\n\\/]*[^'"\s\\/][\\/])*(?=[^\s'"\\/])/g;

function withoutFolders(text: string): string {
  return text.replace(FOLDERS, "");
}
