/**
 * A conversation that ends with a cut reply requests the rest of it. Some providers continue such a text by themselves;
 * others need a prompt that asks for it.
 */

import type { AssistantTurn, Message } from "../../contract/message.ts";
import { quotedWordsOf } from "../../stream/quoted-words.ts";

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

${quotedWordsOf(cut.content)}

Write the rest of it. Begin by repeating exactly these last words, then go on from there as if nothing had happened. Say nothing about the interruption.`;
  return [...messages, { role: "user", content }];
}
