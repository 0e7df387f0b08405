/** The title of a conversation: the beginning of its first message of the user. */

import type { Message, UserMessage } from "../contract/message.ts";
import type { SessionRecord } from "./record.ts";

/** UTF-16 units of a title. */
const MAX_LENGTH = 80;

/** UTF-16 units of a message that are looked at. */
const MAX_READ = 2_000;

/** White space and control characters: not as `\p{Cc}`, for which V8 reads the tables of Unicode at each start. */
const GAPS = /(?:\s|[^ -~\xa0-\uffff])+/g;

/** Returns the title of a conversation with these messages; `""` before a message of the user. */
export function titleOf(messages: readonly Message[]): string {
  const first = messages.find((message): message is UserMessage => message.role === "user");
  return first === undefined ? "" : titleIn(first.content);
}

/** Returns the beginning of a message, in one line; of a message without text, the name of what is attached. */
export function titleIn(content: UserMessage["content"]): string {
  const text =
    typeof content === "string" ? content : content.map((part) => (part.type === "text" ? part.text : "")).join(" ");
  const [first] = typeof content === "string" ? [] : content;
  const attached = first?.type === "file" ? (first.filename ?? "File") : first?.type === "image" ? "Picture" : "";
  return inOneLine(text) || inOneLine(attached);
}

/** Returns the title that records set: that of the last one with a title. */
export function titleSetBy(records: readonly SessionRecord[]): string | undefined {
  let title: string | undefined;
  for (const record of records) {
    const set = (record as { readonly title?: unknown } | null)?.title; // other programs write records also
    if (typeof set === "string") title = set;
  }
  return title;
}

function inOneLine(text: string): string {
  const line = text.trimStart().slice(0, MAX_READ).replace(GAPS, " ").trim();
  const short = line.length <= MAX_LENGTH ? line : `${line.slice(0, MAX_LENGTH - 1).trimEnd()}…`;
  return short.toWellFormed();
}
