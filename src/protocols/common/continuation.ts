/** A conversation that ends with a reply that was cut asks for the rest of it. Some providers go on with such a text, others must be told. */

import type { AssistantTurn, Message } from "../../contract/message.ts";

/** How many of the last characters are quoted for the model to find its place. */
const QUOTED = 120;

/** Fewer would be found by accident. */
const MIN_QUOTED = 20;

/** The reply to be gone on with, if the conversation asks for that: its last turn, marked `interrupted`. */
export function cutReplyOf(messages: readonly Message[]): AssistantTurn | undefined {
  const last = messages.at(-1);
  return last?.role === "assistant" && last.interrupted && last.content.trim() !== "" ? last : undefined;
}

/** The same conversation for a model that begins a new turn after each one: with the words that make it go on. */
export function withContinuationPrompt(messages: readonly Message[]): readonly Message[] {
  const cut = cutReplyOf(messages);
  if (!cut) return messages;
  // Said again, the last words show where the rest belongs, down to the white space; whoever joins the two leaves them out.
  const content = `Your last message was cut off by a broken connection. Its last words are:

${lastWordsOf(cut.content)}

Write the rest of it. Begin by repeating exactly these last words, then go on from there as if nothing had happened. Say nothing about the interruption.`;
  return [...messages, { role: "user", content }];
}

/**
 * From the beginning of a word, if there is one; of a text that ends with a line, from the middle of a line: complete lines may come
 * twice in their own right, and nobody could tell.
 */
function lastWordsOf(text: string): string {
  const words = text.trimEnd();
  const from = Math.max(0, words.length - QUOTED);
  const last = words.slice(from);
  const inLine = text.endsWith("\n") ? last.search(/(?<=[^\S\n])\S/) : -1;
  if (inLine >= 0 && inLine <= QUOTED / 2 && last.length - inLine >= MIN_QUOTED) return last.slice(inLine);
  if (from === 0) return last;
  const start = last.search(/(?<=\s)\S/);
  return start < 0 || start > QUOTED / 2 ? last.replace(/^[\uDC00-\uDFFF]/, "") : last.slice(start);
}
