/** What a request must look like for every provider to take it. Written apart from the session, to judge it by. */

import type { Message } from "cloudllm";

/** The first thing that some provider would refuse; `undefined` when there is none. */
export function requestFault(messages: readonly Message[]): string | undefined {
  const conversation = messages[0]?.role === "system" ? messages.slice(1) : messages;
  const last = conversation.at(-1);
  if (last?.role !== "user" && last?.role !== "tool") return "nobody waits for an answer";
  return historyFault(conversation, false);
}

/** The same for a history, which may end with a reply, and with calls that wait for their results. */
export function historyFault(history: readonly Message[], mayWait = true): string | undefined {
  const open = new Set<string>();
  let before: Message["role"] | "start" = "start";
  for (const [index, message] of history.entries()) {
    const at = `message ${index} (${message.role})`;
    if (message.role === "system") return `${at}: in the middle`;
    if (index === 0 && message.role !== "user") return `${at}: the first is not the user's`;
    if (message.role === "tool") {
      if (!open.delete(message.toolCallId)) return `${at}: answers nothing`;
    } else if (open.size > 0) return `${at}: calls are left open`;
    if (message.role === "user") {
      if (before === "user") return `${at}: two in a row`;
      if (typeof message.content === "string" && message.content.trim() === "") return `${at}: empty`;
    }
    if (message.role === "assistant") {
      const calls = message.toolCalls ?? [];
      if (before === "assistant") return `${at}: two in a row`;
      if (message.content.trim() === "" && calls.length === 0) return `${at}: empty`;
      if (message.interrupted && (message.replay || calls.length > 0)) return `${at}: cut, with calls or signed blocks`;
      for (const { id } of calls) open.add(id);
    }
    before = message.role;
  }
  return open.size > 0 && !mayWait ? "calls are left open at the end" : undefined;
}
