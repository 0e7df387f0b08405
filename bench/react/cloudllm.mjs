/**
 * The chat of this library, as its documents show it. With `hook` in the address of the page, it has another hook: one on
 * `useSyncExternalStore`, with or without `useDeferredValue`.
 */

import { useChat } from "cloudllm/react";
import { createChats } from "cloudllm/web";
import { useDeferredValue, useSyncExternalStore } from "react";
import { PAIRS } from "./history.mjs";

const chats = createChats({ url: "/cloudllm" });
const parts = { reasoning: "", toolCalls: [], citations: [], media: [], providerToolCalls: [] };
const messages = PAIRS.flatMap(([question, answer], pair) => [
  { id: `m${2 * pair}`, role: "user", content: question, state: "sent" },
  { id: `m${2 * pair + 1}`, role: "assistant", content: answer, ...parts, state: "complete" },
]);
const textOf = ({ content }) => content;
const live = chats.open("live", { messages });

const useExternal = (chat) => ({ ...useSyncExternalStore(chat.subscribe, () => chat.snapshot), send: chat.send });
const useDeferred = (chat) => ({
  ...useDeferredValue(useSyncExternalStore(chat.subscribe, () => chat.snapshot)),
  send: chat.send,
});
const useHook =
  { external: useExternal, deferred: useDeferred }[new URLSearchParams(location.search).get("hook")] ?? useChat;

/** Returns the messages, each with its text, and the function that sends one. */
export function useConversation({ replays }) {
  const { messages: shown, send } = useHook(replays ? chats.open("replay") : live);
  return { messages: shown, textOf, send };
}
