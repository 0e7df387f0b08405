/** A conversation → the tokens that the model continues. The form is ChatML, which the model was trained on. */

import { SendError } from "../contract/errors.ts";
import type { Message } from "../contract/message.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** The control tokens around each turn. */
export const TURN_BEGINS = "<|im_start|>";
export const TURN_ENDS = "<|im_end|>";

/**
 * Returns the tokens of all turns, and of the beginning of the answer: that of a reply that was cut off, when it is the
 * last turn. Texts are only ever text: `<|im_end|>` in one ends nothing.
 * @param context tokens that the model can look at; the answer needs at least one of them
 * @throws {SendError} kind `contextLength` when there is no room for an answer
 */
export function promptOf(messages: readonly Message[], tokenizer: Tokenizer, context: number): readonly number[] {
  const turns = messages.flatMap(turnOf);
  const characters = turns.reduce((sum, { text }) => sum + text.length, 0);
  // A book is not cut into tokens only to be refused: none of them is longer than the longest.
  const fewest = Math.ceil(characters / tokenizer.longest);
  if (fewest >= context) throw tooLong(`at least ${fewest}`, context);
  const [begins, ends] = [tokenizer.control(TURN_BEGINS) ?? 0, tokenizer.control(TURN_ENDS) ?? 0];
  const prompt = [tokenizer.begin];
  const last = messages.at(-1);
  const answer = last?.role === "assistant" && last.interrupted ? turns.pop() : undefined;
  for (const { role, text } of turns) {
    prompt.push(begins, ...tokenizer.encode(`${role}\n`));
    for (const id of tokenizer.encode(text)) prompt.push(id);
    prompt.push(ends, ...tokenizer.encode("\n"));
  }
  prompt.push(begins, ...tokenizer.encode("assistant\n"));
  for (const id of tokenizer.encode(answer?.text ?? "")) prompt.push(id);
  if (prompt.length >= context) throw tooLong(String(prompt.length), context);
  return prompt;
}

function turnOf(message: Message): { readonly role: string; readonly text: string }[] {
  switch (message.role) {
    case "system":
    case "assistant":
      return [{ role: message.role, text: message.content }];
    case "user":
      return [
        { role: "user", text: typeof message.content === "string" ? message.content : joinedText(message.content) },
      ];
    case "tool":
      return []; // refused before, unless the caller wants it left out
  }
}

function joinedText(parts: readonly { readonly type: string; readonly text?: string }[]): string {
  return parts.flatMap(({ type, text = "" }) => (type === "text" ? [text] : [])).join("\n");
}

function tooLong(tokens: string, context: number): SendError {
  const message =
    `The conversation has ${tokens} tokens, and the embedded model takes ${context - 1} at most. ` +
    "Shorten it or begin a new one: an LLMSession does so by itself when its `maxTokens` is below that.";
  return new SendError("contextLength", message);
}
