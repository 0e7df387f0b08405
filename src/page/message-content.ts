/** The content of a message: a text, or attachments and a text. Pure. */

import type { Chat, ChatUserMessage } from "../web/index.ts";
import type { AttachedPart } from "./attached-file.ts";
import { nameIn } from "./attachment-view.ts";

/** The content of a message of the user. */
export type MessageContent = Parameters<Chat["send"]>[0];

/** Returns a message with its attachments before the text, as models read them best. */
export function contentOf(text: string, attachments: readonly AttachedPart[]): MessageContent {
  if (attachments.length === 0) return text;
  return text === "" ? attachments : [...attachments, { type: "text", text }];
}

/** Returns the beginning of a message as one line: its text, else the name of what is attached. */
export function titleOf({ content, attachments: [first] = [] }: ChatUserMessage): string {
  return content.replace(/\s+/g, " ").trim() || (first ? nameIn(first, 0) : "");
}
