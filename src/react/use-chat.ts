/** A chat in a component. */

import { useEffect, useRef, useState, useSyncExternalStore } from "react";
import type { Chat, ChatSnapshot } from "../web/chat.ts";

/** The chat at this moment, and the functions of the chat: what `useChat` returns without a selector. */
export type ChatView = ChatSnapshot & Omit<Chat, "snapshot" | "initial" | "subscribe">;

/**
 * Returns a chat as it is now, and renders again when it changes: at most once a frame. The chat lives outside of the
 * component (`createChats` of `cloudllm/web`): a component that goes away ends nothing.
 *
 * With a selector it returns a part of the snapshot, and renders only when that is another value. A selector that makes
 * an object or an array renders at every change.
 *
 * A server renders the history that was given to `open`, and so does the page until it is hydrated.
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
 *       <input name="text" required disabled={status !== "idle"} />
 *     </form>
 *   );
 * }
 * ```
 */
export function useChat(chat: Chat): ChatView;
export function useChat<Selected>(chat: Chat, selector: (snapshot: ChatSnapshot) => Selected): Selected;
export function useChat(chat: Chat, selector: (snapshot: ChatSnapshot) => unknown = unselected): unknown {
  const isHydrating = useSyncExternalStore(subscribeToNothing, no, yes);
  // State, and not `useSyncExternalStore`: its updates are synchronous, and each one starts a transition that is being
  // rendered from the beginning. Of 200 ms of work in a transition, none ended within 5 seconds at 60 updates a second.
  const [seen, see] = useState(() => ({ chat, snapshot: isHydrating ? chat.initial : chat.snapshot }));
  const snapshot = seen.chat === chat ? seen.snapshot : chat.snapshot;
  const value = selector(snapshot);
  const rendered = useRef({ selector, value });
  useEffect(() => {
    rendered.current = { selector, value };
  });
  useEffect(() => {
    const changed = (): void => {
      const last = rendered.current;
      if (!Object.is(last.selector(chat.snapshot), last.value)) see({ chat, snapshot: chat.snapshot });
    };
    const leave = chat.subscribe(changed);
    changed(); // since it was rendered
    return leave;
  }, [chat]);
  if (selector !== unselected) return value;
  const { id, load, send, stop, retry, edit, regenerate, answer } = chat;
  return { ...snapshot, id, load, send, stop, retry, edit, regenerate, answer };
}

const unselected = (snapshot: ChatSnapshot): unknown => snapshot;
const subscribeToNothing = (): (() => void) => no;
const no = (): boolean => false;
const yes = (): boolean => true;
