/**
 * A conversation that ends with a cut reply requests the rest of it. Some providers continue such a text by themselves;
 * others need a prompt that asks for it.
 */

import type { AssistantTurn, Message } from "../../contract/message.ts";

/** Maximum number of quoted characters, by which the model finds its place. */
const QUOTED = 120;

/** Minimum number of quoted characters: fewer would match by accident. */
const MIN_QUOTED = 20;

/**
 * Returns the cut reply that the conversation ends with, which is marked `interrupted`; `undefined` where there is
 * none.
 */
export function cutReplyOf(messages: readonly Message[]): AssistantTurn | undefined {
  const last = messages.at(-1);
  return last?.role === "assistant" && last.interrupted && last.content.trim() !== "" ? last : undefined;
}

/**
 * Returns the conversation with a prompt to continue the cut reply, for models that begin a new turn after each one.
 */
export function withContinuationPrompt(messages: readonly Message[]): readonly Message[] {
  const cut = cutReplyOf(messages);
  if (!cut) return messages;
  // The repeated words show where the rest belongs, down to the white space. The overlap is removed when the two texts
  // are joined.
  const content = `Your last message was cut off by a broken connection. Its last words are:

${lastWordsOf(cut.content)}

Write the rest of it. Begin by repeating exactly these last words, then go on from there as if nothing had happened. Say nothing about the interruption.`;
  return [...messages, { role: "user", content }];
}

/**
 * Returns the last words of a text, from the beginning of a word if possible. In a text that ends with a line break,
 * they begin in the middle of a line: complete lines may legitimately repeat.
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
