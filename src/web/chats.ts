/** The chats of a page, and of the user at the server. */

import type { ChatList, ShownHistory } from "../dialects/native/wire.ts";
import type { Chat, ChatsOptions } from "./chat.ts";
import { type LiveChat, liveChat } from "./live-chat.ts";
import { checkNames } from "./option-names.ts";
import { mayBeServer } from "./page.ts";
import { answerTo, requestsTo } from "./requests.ts";

/** The chats of a relay with `sessions`. */
export interface Chats {
  /**
   * Returns the chat of this id: always the same object. It asks the server nothing until it is subscribed to or used.
   *
   * A program without a window that passes a history gets another object each time: a server renders for many users.
   * @param id 1 to 128 characters of `A-Z a-z 0-9 _ -`
   * @param history the answer to `GET /:chat?view=page`, where the page has it already; the chat is not loaded then
   */
  readonly open: (id: string, history?: ShownHistory) => Chat;
  /**
   * Resolves with a page of the conversations that the server keeps for the user, the latest first.
   * @throws {SendError} when the relay refuses it, or cannot be reached
   */
  readonly list: (page?: { readonly limit?: number; readonly cursor?: string }) => Promise<ChatList>;
  /**
   * Deletes a conversation at the server, and stops its reply.
   * @throws {SendError} when the relay refuses it, or cannot be reached
   */
  readonly delete: (id: string) => Promise<void>;
}

/**
 * Returns the chats of a relay (`createRelay` of `cloudllm/server`) that keeps conversations (`sessions` and `log`). No
 * framework is needed; `useChat` of `cloudllm/react` is for React.
 * @throws {TypeError} when `url` is missing, and for an option that does not exist
 *
 * @example
 * ```ts
 * import { createChats } from "cloudllm/web";
 *
 * export function show(element: { textContent: string | null }): () => void {
 *   const chat = createChats({ url: "/api/chat" }).open("poems");
 *   const render = () => {
 *     element.textContent = chat.snapshot.messages.map(({ role, content }) => `${role}: ${content}`).join("\n");
 *   };
 *   return chat.subscribe(render);
 * }
 * ```
 */
export function createChats(options: ChatsOptions): Chats {
  checkNames<ChatsOptions>(options, { options: true });
  const requests = requestsTo(options);
  const chats = new Map<string, LiveChat>();
  return {
    open(id, history) {
      // A server keeps no history of one user, which its next request, of another user, would show.
      const isKept = !history || !mayBeServer();
      const live = (isKept && chats.get(id)) || liveChat(id, requests, options, history);
      if (isKept) chats.set(id, live);
      return live.chat;
    },
    list: ({ limit, cursor = "" } = {}) => answerTo(requests("", {}, { limit, cursor })),
    async delete(id) {
      await answerTo(requests(`/${id}`, { method: "DELETE" }), String);
      chats.get(id)?.forget();
      chats.delete(id);
    },
  };
}
