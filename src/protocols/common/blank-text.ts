/** Text of nothing but white space, for servers behind which Claude refuses it. */

import type { Message } from "../../contract/message.ts";

/** Returns the messages without blank text; what is left empty goes, unless a call or its answer stands there. */
export function withoutBlankText(messages: readonly Message[]): readonly Message[] {
  if (!messages.some(hasBlankText)) return messages;
  return messages.flatMap((message) => (hasBlankText(message) ? restOf(message) : [message]));
}

function restOf(message: Message): readonly Message[] {
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
