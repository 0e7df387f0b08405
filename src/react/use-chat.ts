/** A chat in a component. */

import { useCallback, useSyncExternalStore } from "react";
import type { Chat, ChatSnapshot } from "../web/chat.ts";

/** What `useChat` returns without a selector: the chat at this moment, and what can be done with it. */
export type ChatView = ChatSnapshot & Omit<Chat, "snapshot" | "subscribe">;

/**
 * Returns a chat as it is now, and renders again when it changes: at most once a frame. The chat lives outside of the
 * component (`createChats` of `cloudllm/web`): a component that goes away ends nothing.
 *
 * With a selector it returns a part of the snapshot, and renders only when that is another value. A selector that makes
 * an object or an array renders at every change.
 *
 * On a server it renders what the chat has: the history that was given to `open`.
 *
 * @example
 * ```tsx
 * import { useChat } from "cloudllm/react";
 * import { createChats } from "cloudllm/web";
 *
 * const chats = createChats({ url: "/api/chat" });
 *
 * export function Poems() {
 *   const { messages, status, send } = useChat(chats.open("poems"));
 *   return (
 *     <form action={(form) => void send(String(form.get("text")))}>
 *       {messages.map(({ id, content }) => <p key={id}>{content}</p>)}
 *       <input name="text" disabled={status !== "idle"} />
 *     </form>
 *   );
 * }
 * ```
 */
export function useChat(chat: Chat): ChatView;
export function useChat<Selected>(chat: Chat, selector: (snapshot: ChatSnapshot) => Selected): Selected;
export function useChat<Selected>(
  chat: Chat,
  selector?: (snapshot: ChatSnapshot) => Selected,
): ChatView | Selected | ChatSnapshot {
  const subscribe = useCallback((changed: () => void) => chat.subscribe(changed), [chat]);
  const selected = selectorOf(chat, selector);
  const value = useSyncExternalStore(subscribe, selected, selected);
  if (selector) return value;
  const { id, load, send, stop, retry, edit, regenerate, answer } = chat;
  return { ...(value as ChatSnapshot), id, load, send, stop, retry, edit, regenerate, answer };
}

/** Returns a function whose value stays the same until the chat changes, as React demands. */
function selectorOf<Selected>(
  chat: Chat,
  selector: ((snapshot: ChatSnapshot) => Selected) | undefined,
): () => Selected | ChatSnapshot {
  if (!selector) return () => chat.snapshot;
  let last: { readonly snapshot: ChatSnapshot; readonly value: Selected } | undefined;
  return () => {
    const { snapshot } = chat;
    if (last?.snapshot !== snapshot) last = { snapshot, value: selector(snapshot) };
    return last.value;
  };
}
