/** The conversations of one user, in pages. */

import type { Message, UserMessage } from "../contract/message.ts";
import type { ChatList } from "../dialects/native.ts";
import { badRequest } from "../dialects/refusal.ts";
import { LLMSession } from "../session/session.ts";
import type { SessionStore } from "../session/store.ts";
import type { Caller } from "./policy-options.ts";
import { scopedChat } from "./reply-source.ts";

/** Chats of a page. Each one costs a read of its conversation, for its title. */
const DEFAULT_LIMIT = 30;
const MAX_LIMIT = 100;

/** UTF-16 units of a title. */
const TITLE_LENGTH = 80;

/**
 * Resolves with a page of the chats that belong to the caller.
 * @param query `limit` and `cursor`
 * @throws {Refusal} 400 for a `limit` that is not an integer of 1 to 100
 * @throws {SendError} kind `invalidRequest` for a cursor that is not one of the store
 */
export async function chatList(store: SessionStore, caller: Caller, query: URLSearchParams): Promise<ChatList> {
  const limit = Number(query.get("limit") ?? DEFAULT_LIMIT);
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIMIT) {
    throw badRequest(`\`limit\` must be an integer of 1 to ${MAX_LIMIT}.`);
  }
  const prefix = scopedChat(caller, "");
  const { sessions, next } = await store.list({ prefix, limit, cursor: query.get("cursor") || undefined });
  const chats = sessions.map(async ({ id, updatedAt }) => ({
    id: id.slice(prefix.length),
    title: await titleOf(store, id),
    updatedAt,
  }));
  return { chats: await Promise.all(chats), ...(next !== undefined && { next }) };
}

/** Resolves with an empty title for a conversation that cannot be read: the others are listed all the same. */
async function titleOf(store: SessionStore, id: string): Promise<string> {
  try {
    const { history, turn, unanswered } = await LLMSession.peek({ store, id });
    const first = [...history, ...(turn?.messages ?? [])].find((message) => message.role === "user");
    return titleIn((first as Extract<Message, { role: "user" }> | undefined)?.content ?? unanswered ?? "");
  } catch {
    return "";
  }
}

/** Returns the beginning of a message, in one line. */
function titleIn(content: UserMessage["content"]): string {
  const text =
    typeof content === "string" ? content : content.map((part) => (part.type === "text" ? part.text : "")).join(" ");
  const line = text.replace(/\s+/g, " ").trim();
  return line.length <= TITLE_LENGTH
    ? line
    : `${line
        .slice(0, TITLE_LENGTH - 1)
        .trimEnd()
        .toWellFormed()}…`;
}
