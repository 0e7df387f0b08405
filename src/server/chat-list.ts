/** The conversations of one user, in pages. */

import type { ChatList } from "../dialects/native/wire.ts";
import { badRequest } from "../dialects/refusal.ts";
import { LLMSession } from "../session/session.ts";
import { storeAnswer } from "../session/session-log.ts";
import type { SessionStore, StoredSession } from "../session/store.ts";
import { titleIn, titleOf } from "../session/title.ts";
import type { Caller } from "./policy/policy-options.ts";
import { scopedChat } from "./run/reply-source.ts";

/**
 * Chats of a page. A title that the store does not list costs a read of its conversation, when that has changed since
 * the last listing.
 */
const DEFAULT_LIMIT = 30;
const MAX_LIMIT = 100;

/** Titles that one process keeps. */
const MAX_KEPT = 10_000;

/**
 * Resolves with a page of the chats that belong to the caller.
 * @param query `limit` and `cursor`
 * @param titles those of earlier listings of this store, for conversations whose title it does not list
 * @throws {Refusal} 400 for a `limit` that is not an integer of 1 to 100
 * @throws {SendError} kind `invalidRequest` for a cursor that is not one of the store; `storage` when the store fails
 */
export async function chatList(
  store: SessionStore,
  titles: ChatTitles,
  caller: Caller,
  query: URLSearchParams,
): Promise<ChatList> {
  const limit = Number(query.get("limit") ?? DEFAULT_LIMIT);
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIMIT) {
    throw badRequest(`\`limit\` must be an integer of 1 to ${MAX_LIMIT}.`);
  }
  const prefix = scopedChat(caller, "");
  const page = { prefix, limit, cursor: query.get("cursor") || undefined };
  const { sessions, next } = await storeAnswer(() => store.list(page));
  const chats = sessions.map(async (session) => ({
    id: session.id.slice(prefix.length),
    title: session.title === undefined ? await titles.of(store, session) : titleIn(session.title),
    updatedAt: session.updatedAt,
  }));
  return { chats: await Promise.all(chats), ...(next !== undefined && { next }) };
}

/** Reads the titles of conversations, and keeps them for as long as these do not change. */
export class ChatTitles {
  /** By the id of the conversation. The one that was read last is at the end. */
  readonly #kept = new Map<string, { readonly title: string; readonly updatedAt: number }>();

  /** Resolves with the title of a conversation. */
  async of(store: SessionStore, { id, updatedAt }: StoredSession): Promise<string> {
    const kept = this.#kept.get(id);
    if (kept?.updatedAt === updatedAt) return kept.title;
    const title = await readTitle(store, id);
    this.#kept.delete(id);
    // Without one, its first message may be written in the same millisecond.
    if (title !== "") this.#kept.set(id, { title, updatedAt });
    const [oldest] = this.#kept.keys();
    if (oldest !== undefined && this.#kept.size > MAX_KEPT) this.#kept.delete(oldest);
    return title;
  }
}

/** Resolves with an empty title for a conversation that cannot be read: the others are listed all the same. */
async function readTitle(store: SessionStore, id: string): Promise<string> {
  try {
    const { history, turn, unanswered } = await LLMSession.peek({ store, id });
    return titleOf([...history, ...(turn?.messages ?? [])]) || titleIn(unanswered ?? "");
  } catch {
    return "";
  }
}
