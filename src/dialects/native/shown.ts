/** Messages as a page shows them, which the relay and the page both make. Pure. */

import type { Citation, ContentPart, UserMessage } from "../../contract/message.ts";
import type { ChatMessage, ChatReply, ChatUserMessage } from "./chat-message.ts";

/**
 * Returns the id of the message after these: its place at the server. The server has no message that got no reply, so
 * such a one has an id of its own.
 */
export function idAfter(messages: readonly ChatMessage[], state?: ChatMessage["state"]): string {
  const place = messages.filter((message) => message.state !== "failed").length;
  return `m${place}${state === "failed" ? `-${messages.length}` : ""}`;
}

/** Returns the messages with one more of the user. */
export function withUser(
  messages: readonly ChatMessage[],
  given: UserMessage["content"],
  state: ChatUserMessage["state"],
): readonly ChatMessage[] {
  const parts: readonly ContentPart[] = typeof given === "string" ? [{ type: "text", text: given }] : given;
  const attachments = parts.filter((part) => part.type !== "text");
  const content = parts.map((part) => (part.type === "text" ? part.text : "")).join("");
  const id = idAfter(messages, state);
  return [...messages, { id, role: "user", content, ...(attachments[0] && { attachments }), state }];
}

/** Returns the reply after these messages, of which nothing has come. */
export function emptyReply(messages: readonly ChatMessage[]): ChatReply {
  const nothing = { toolCalls: [], citations: [], media: [], providerToolCalls: [] };
  return { id: idAfter(messages), role: "assistant", content: "", reasoning: "", ...nothing, state: "writing" };
}

/** Returns a citation of a text that begins at `start`. */
export function movedCitation({ startIndex, endIndex, ...citation }: Citation, start: number): Citation {
  return {
    ...citation,
    ...(startIndex !== undefined && { startIndex: startIndex + start }),
    ...(endIndex !== undefined && { endIndex: endIndex + start }),
  };
}
