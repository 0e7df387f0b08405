/** Messages as a page shows them, which the relay and the page both make. Pure. */

import type { Citation, ContentPart, UserMessage } from "../../contract/message.ts";
import type { ChatMessage, ChatReply, ChatUserMessage } from "./chat-message.ts";

/**
 * Returns the messages with their ids: each says its message's place at the server. The server has no message that got
 * no reply, so such a one has an id of its own. A message whose id is right stays the same object.
 */
export function numbered(messages: readonly ChatMessage[]): readonly ChatMessage[] {
  let place = 0;
  return messages.map((message, index) => {
    const id = message.state === "failed" ? `m${place}-${index}` : `m${place++}`;
    return message.id === id ? message : { ...message, id };
  });
}

/** Returns a message of the user, without its id. */
export function userMessage(given: UserMessage["content"], state: ChatUserMessage["state"]): ChatUserMessage {
  const parts: readonly ContentPart[] = typeof given === "string" ? [{ type: "text", text: given }] : given;
  const attachments = parts.filter((part) => part.type !== "text");
  const content = parts.map((part) => (part.type === "text" ? part.text : "")).join("");
  return { id: "", role: "user", content, ...(attachments[0] && { attachments }), state };
}

/** A reply of which nothing has come, without its id. */
export const EMPTY_REPLY: ChatReply = {
  id: "",
  role: "assistant",
  content: "",
  reasoning: "",
  toolCalls: [],
  citations: [],
  media: [],
  providerToolCalls: [],
  state: "writing",
};

/** Returns a citation of a text that begins at `start`. */
export function movedCitation({ startIndex, endIndex, ...citation }: Citation, start: number): Citation {
  return {
    ...citation,
    ...(startIndex !== undefined && { startIndex: startIndex + start }),
    ...(endIndex !== undefined && { endIndex: endIndex + start }),
  };
}
