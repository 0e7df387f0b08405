/** The messages of a chat as a page shows them, and the server's in their place. Pure. */

import type { ChatMessage, ChatToolCall, ChatUserMessage } from "../dialects/native/chat-message.ts";
import { idAfter } from "../dialects/native/shown.ts";
import { withCalls } from "./answers.ts";

/** The messages of a chat, as a page shows them. */
export type Messages = readonly ChatMessage[];

/** Returns the number of questions that the server has of these messages. */
export function questionsIn(messages: Messages): number {
  return messages.filter(({ role, state }) => role === "user" && state !== "failed").length;
}

/** Returns the messages; the last one, if it is the user's, has this state. */
export function marked(messages: Messages, state: ChatUserMessage["state"]): Messages {
  const last = messages.at(-1);
  if (last?.role !== "user" || last.state === state) return messages;
  const before = messages.slice(0, -1);
  return [...before, { ...last, id: idAfter(before, state), state }];
}

/** Returns the messages with others in the place of the first ones; as they are, when these are not the first ones. */
export function withHead(messages: Messages, head: Messages, other: Messages): Messages {
  if (head.some((message, place) => messages[place] !== message)) return messages;
  const all = [...other];
  for (const message of messages.slice(head.length)) {
    const id = idAfter(all, message.state);
    all.push(message.id === id ? message : { ...message, id });
  }
  return all;
}

/** Returns the messages behind which the relay has taken another one: calls that were left open do not run any more. */
export function withoutWaiting(messages: Messages): Messages {
  const isLeft = (call: ChatToolCall): boolean => waits(call) || call.state === "answered";
  return messages.map((message) =>
    message.role === "assistant" && message.toolCalls.some(isLeft)
      ? withCalls(message, (call) => (isLeft(call) ? { ...call, state: "failed" } : undefined))
      : message,
  );
}

/** Returns whether a call waits for an answer. */
export function waits({ state }: ChatToolCall): boolean {
  return state === "needsApproval" || state === "needsResult";
}

/**
 * Returns the server's messages in the place of those that are shown. Those that are the same stay the same objects,
 * and those that the server does not have stay.
 */
export function merged(mine: Messages, stored: Messages): Messages {
  const all = stored.map((message, place) => preferred(mine[place], message));
  for (const [place, message] of mine.entries()) {
    if (message.state === "sending") all.push({ ...message, id: idAfter(all) });
    if (message.state === "failed" && all[place]?.content !== message.content) all.splice(place, 0, message);
  }
  return all;
}

/** Returns the message that is to be shown: the one that is shown, unless the server's is another, or knows more. */
function preferred(shown: ChatMessage | undefined, stored: ChatMessage): ChatMessage {
  if (!shown || factsOf(stored) !== factsOf(shown)) return stored;
  return hasMetrics(stored) && !hasMetrics(shown) ? stored : shown;
}

function factsOf(message: ChatMessage): string {
  return JSON.stringify(message, ["id", "role", "content", "state", "toolCalls", "result"]);
}

function hasMetrics(message: ChatMessage): boolean {
  return "metrics" in message && message.metrics !== undefined;
}
