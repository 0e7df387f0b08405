/** The chats of a page, and of the user at the server. */

import type { ChatList, ShownHistory } from "../dialects/native/wire.ts";
import type { Chat, ChatsOptions } from "./chat.ts";
import { type LiveChat, liveChat } from "./live-chat.ts";
import { checkNames } from "./option-names.ts";
import { mayBeServer } from "./page.ts";
import { answerTo, type Requests, requestsTo } from "./requests.ts";

/** A server renders chats of any number of ids, and loads none. So many are kept for a program that uses them later. */
const MAX_UNUSED = 1_000;

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
  /** Without a window: those that have asked the server nothing. */
  const unused = new Map<string, LiveChat>();
  const kept = (id: string): LiveChat | undefined => chats.get(id) ?? unused.get(id);
  const opened = (id: string, history?: ShownHistory): LiveChat => {
    const ask: Requests = (...request) => {
      if (unused.get(id) === live) {
        unused.delete(id);
        chats.set(id, live);
      }
      return requests(...request);
    };
    const live = liveChat(id, ask, options, history);
    return live;
  };
  return {
    open(id, history) {
      const isServer = mayBeServer();
      // A server keeps no history of one user, which its next request, of another user, would show.
      if (history && isServer) return opened(id, history).chat;
      const live = kept(id) ?? opened(id, history);
      if (!chats.has(id)) (isServer ? unused : chats).set(id, live);
      const [first = ""] = unused.keys();
      if (unused.size > MAX_UNUSED) unused.delete(first);
      return live.chat;
    },
    list: ({ limit, cursor = "" } = {}) => answerTo(requests("", {}, { limit, cursor })),
    async delete(id) {
      await answerTo(requests(`/${id}`, { method: "DELETE" }), String);
      kept(id)?.forget();
      chats.delete(id);
      unused.delete(id);
    },
  };
}
