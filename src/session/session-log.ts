/** Writes the records of a session to its store: in order, soon, and again after the store has failed. */

import type { MessageChunk } from "../contract/chunk.ts";
import { SendError } from "../contract/errors.ts";
import type { AssistantTurn, Media } from "../contract/message.ts";
import { receivedText } from "../platform/received.ts";
import { messageOf } from "../platform/text-of.ts";
import { completeMedium, estimateMediaTokens } from "../stream/media-collector.ts";
import { estimateTokens } from "../tokens/estimate.ts";
import type { SessionRecord } from "./record.ts";
import { plainMessages } from "./saved-session.ts";
import type { SessionStore } from "./store.ts";

/** The log of one session. */
export class SessionLog {
  readonly #store: SessionStore;
  readonly #id: string;
  readonly #flushIntervalMs: number;
  /**
   * Records that the store does not have yet. Each stays until the store has it, so that the stored log never has gaps.
   */
  #pending: SessionRecord[] = [];
  /** Whether the pending records replace all that the store has. */
  #replaces = false;
  /**
   * The part of a reply that is not a record yet: its text, how much earlier text was removed, and text that is not
   * visible.
   */
  #text = "";
  #rewind = 0;
  #unseen = "";
  #mediaTokens = 0;
  #media: Media[] = [];
  /** Whether there is such a reply; its text may be empty. */
  #hasReply = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #writing: Promise<void> | undefined;
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
    if (record.type === "reply" || record.type === "end") this.#dropText();
    else this.#takeText();
    this.#pending.push(plainRecord(record));
    this.#writeSoon(0);
  }

  /**
   * Replaces all records by `record`. A store that cannot replace its records gets `instead`. Resolves when the store
   * has it.
   */
  replace(record: SessionRecord, instead: SessionRecord): Promise<void> {
    if (!this.#store.replace) this.add(instead);
    else {
      this.#dropText();
      this.#pending = [plainRecord(record)];
      this.#replaces = true;
    }
    return this.flush();
  }

  /** A chunk of a reply has arrived. The text so far is written once per `flushIntervalMs`. */
  arrived(chunk: MessageChunk): void {
    switch (chunk.type) {
      case "text":
        this.#text += chunk.content;
        break;
      case "reasoning":
        this.#unseen += chunk.reasoning;
        break;
      case "toolCallDelta":
        this.#unseen += chunk.argumentsDelta;
        break;
      case "media": {
        const medium = completeMedium(chunk);
        if (medium) this.#media.push(medium);
        this.#mediaTokens += estimateMediaTokens(chunk);
        break;
      }
      case "rewind": {
        const kept = Math.max(0, this.#text.length - chunk.length);
        this.#rewind += Math.max(0, chunk.length - this.#text.length);
        this.#unseen += this.#text.slice(kept);
        this.#text = this.#text.slice(0, kept);
      }
    }
    this.#hasReply = true;
    this.#writeSoon(this.#flushIntervalMs);
  }

  /**
   * Resolves when the store has everything.
   * @throws {SendError} kind `storage`; the records that it does not have stay pending
   */
  async flush(): Promise<void> {
    try {
      while (this.#hasMore()) await this.#write();
    } catch (error) {
      throw storageError(error);
    }
  }

  async close(): Promise<void> {
    try {
      await this.flush();
    } finally {
      clearTimeout(this.#timer);
      await this.#release();
    }
  }

  async #release(): Promise<void> {
    try {
      await this.#store.release?.(this.#id);
    } catch (error) {
      throw storageError(error);
    }
  }

  #hasMore(): boolean {
    return this.#isWorthIt && (this.#pending.length > 0 || this.#hasReply);
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
      this.#takeText();
      while (this.#pending.length > 0) {
        const pending = this.#pending;
        const records = [...pending];
        if (this.#replaces) await this.#store.replace?.(this.#id, records);
        else await this.#store.append(this.#id, records);
        if (this.#pending !== pending) continue; // meanwhile they were replaced
        pending.splice(0, records.length);
        this.#replaces = false;
      }
    } finally {
      this.#writing = undefined;
    }
  }

  #takeText(): void {
    if (!this.#hasReply) return;
    const rewind = this.#rewind;
    const unseenTokens = (this.#unseen === "" ? 0 : estimateTokens(this.#unseen)) + Math.ceil(this.#mediaTokens);
    this.#pending.push({
      type: "text",
      text: this.#text,
      ...(rewind > 0 && { rewind }),
      ...(unseenTokens > 0 && { unseenTokens }),
      ...(this.#media.length > 0 && { media: this.#media }),
    });
    this.#dropText();
  }

  /** Removes the partial text: the record of the reply contains it. */
  #dropText(): void {
    this.#text = "";
    this.#rewind = 0;
    this.#unseen = "";
    this.#mediaTokens = 0;
    this.#media = [];
    this.#hasReply = false;
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
 * Resolves with the records that a store keeps under an id.
 * @throws {TypeError} when the store returns something else than an array
 */
export async function recordsIn(store: SessionStore, id: string): Promise<readonly SessionRecord[]> {
  const records: unknown = await store.load(id);
  if (Array.isArray(records)) return records as readonly SessionRecord[]; // each is validated when it is replayed
  throw new TypeError(`\`load\` must return an array of records. Received ${receivedText(records)}.`);
}

/** Absolute paths, of any system, up to their last name. */
const FOLDERS = /(?<![\w:./\\])(?:[A-Za-z]:[\\/]|\\\\|\/)(?:[^'"\n\\/]*[^'"\s\\/][\\/])*(?=[^\s'"\\/])/g;

function withoutFolders(text: string): string {
  return text.replace(FOLDERS, "");
}
