/** Text of messages in the form that every server accepts. */

import type { Message } from "../../contract/message.ts";

/**
 * Stands for the user's first turn where a conversation begins with the model's, since most servers require the user to
 * begin.
 */
export const OPENING = "Hello.";

/**
 * Returns the text without lone surrogates, which cutting a string leaves and which make some servers refuse the
 * request.
 */
export function wellFormed(text: string): string {
  return text.toWellFormed();
}

/**
 * Returns the messages without text that is only white space, for servers behind which Claude refuses such text. An
 * emptied message is dropped, unless it holds a tool call or a tool result.
 */
export function withoutBlankText(messages: readonly Message[]): readonly Message[] {
  if (!messages.some(hasBlankText)) return messages;
  return messages.flatMap((message) => (hasBlankText(message) ? withoutIts(message) : [message]));
}

function withoutIts(message: Message): readonly Message[] {
  switch (message.role) {
    case "system":
      return [];
    case "user": {
      if (typeof message.content === "string") return [];
      const content = message.content.filter((part) => part.type !== "text" || !isBlank(part.text));
      return content.length > 0 ? [{ ...message, content }] : [];
    }
    case "assistant":
    case "tool":
      return [{ ...message, content: "" }];
  }
}

function hasBlankText({ content }: Message): boolean {
  if (typeof content === "string") return isBlank(content);
  return content.some((part) => part.type === "text" && isBlank(part.text));
}

function isBlank(text: string): boolean {
  return text.trim() === "";
}
