/** Conversations in memory. It uses nothing of Node, so that the main entry can export it. */

import { SendError } from "../contract/errors.ts";
import type { SessionRecord } from "../session/record.ts";
import type { ListOptions, SessionPage, SessionStore } from "../session/store.ts";
import { titleSetBy } from "../session/title.ts";
import { pageAmong, pageRequestOf, storedSession } from "./listing.ts";

/**
 * Keeps conversations in memory, for as long as the process runs.
 *
 * @example
 * ```ts
 * import { type ClientWrapper, LLMSession, MemoryStore } from "cloudllm";
 *
 * const store = new MemoryStore();
 *
 * export async function reply(client: ClientWrapper, id: string, text: string): Promise<string> {
 *   await using session = await LLMSession.open({ client, store, id });
 *   return (await session.sendMessage(text)).content;
 * }
 * ```
 */
export class MemoryStore implements SessionStore {
  /** The records as JSON: later changes to the objects do not change them. */
  readonly #sessions = new Map<string, { readonly lines: string[]; updatedAt: number; title?: string | undefined }>();
  readonly #claimed = new Set<string>();

  async append(id: string, records: readonly SessionRecord[]): Promise<void> {
    const session = this.#sessions.get(id) ?? { lines: [], updatedAt: 0 };
    session.lines.push(...records.map((record) => JSON.stringify(record)));
    session.updatedAt = Date.now();
    session.title = titleSetBy(records) ?? session.title;
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

  async list(options?: ListOptions): Promise<SessionPage> {
    const all = [...this.#sessions].map(([id, { updatedAt, title }]) => storedSession(id, updatedAt, title));
    return pageAmong(all, pageRequestOf(options));
  }

  async claim(id: string): Promise<void> {
    this.#mustBeFree(id);
    this.#claimed.add(id);
  }

  #mustBeFree(id: string): void {
    if (this.#claimed.has(id)) throw new SendError("busy", `The session ${JSON.stringify(id)} is already open.`);
  }

  async release(id: string): Promise<void> {
    this.#claimed.delete(id);
  }
}
