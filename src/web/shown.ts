/** The messages of a chat as a page shows them, and the server's in their place. Pure. */

import type { ChatMessage, ChatToolCall, ChatUserMessage } from "../dialects/native/chat-message.ts";
import { withCalls } from "./answers.ts";

/** The messages of a chat, as a page shows them. */
export type Messages = readonly ChatMessage[];

/** Returns the messages; the last one, if it is the user's, has this state. */
export function marked(messages: Messages, state: ChatUserMessage["state"]): Messages {
  const last = messages.at(-1);
  return last?.role !== "user" || last.state === state ? messages : [...messages.slice(0, -1), { ...last, state }];
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
  return state.startsWith("needs");
}

/**
 * Returns the server's messages in the place of those that are shown. Those that are the same stay the same objects,
 * and those that the server does not have stay.
 */
export function merged(mine: Messages, stored: Messages): Messages {
  const all = [...stored];
  for (const [place, message] of mine.entries()) {
    const other = all[place];
    if (other && factsOf(other) === factsOf(message)) all[place] = message;
    else if (message.state === "sending") all.push(message);
    else if (message.state === "failed" && other?.content !== message.content) all.splice(place, 0, message);
  }
  return all;
}

/** Returns what makes a message another one. Of its metrics, only whether they are there. */
function factsOf(message: ChatMessage): string {
  return JSON.stringify(message, ["id", "role", "content", "state", "toolCalls", "result", "metrics"]);
}
