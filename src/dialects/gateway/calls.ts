/** Tool calls in the requests of programs, and the text of their arguments in replies. */

import type { ContentPart, ToolCall } from "../../contract/message.ts";
import { mayLoseDigits, parseExact } from "../../platform/exact-json.ts";

/**
 * Returns an earlier call from the JSON text of its arguments. A text that is not JSON is a mistake of the model that
 * the program has answered: it stays a string.
 */
export function callOfText(id: string, name: string, text: string): ToolCall {
  if (text.trim() === "") return { id, name, arguments: {} };
  try {
    const isLong = mayLoseDigits(text);
    return { id, name, arguments: parseExact(text) ?? {}, ...(isLong && { rawArguments: text }) };
  } catch {
    return { id, name, arguments: text };
  }
}

/** Returns the arguments of a call as JSON, with all digits. */
export function argumentsText({ arguments: args, rawArguments }: ToolCall): string {
  return rawArguments ?? (typeof args === "string" ? args : JSON.stringify(args ?? {}));
}

/** Returns the result of a search for tools, as the model reads it. */
export function foundTools(names: readonly string[]): string {
  return names.length === 0 ? "No tools were found." : `These tools can be called now: ${names.join(", ")}`;
}

/**
 * Returns the parts of a result that are not text, behind words that say whose they are: they go to a turn of the user.
 * Empty when there are none.
 */
export function attachmentsOf(callId: string, parts: readonly ContentPart[]): readonly ContentPart[] {
  const attachments = parts.filter(({ type }) => type !== "text");
  return attachments.length > 0
    ? [{ type: "text", text: `[Attachments of the result of ${callId}:]` }, ...attachments]
    : [];
}

/** Returns the text of a result. Some models refuse an empty one. */
export function resultText(text: string, attachments: readonly ContentPart[]): string {
  return text === "" && attachments.length > 0 ? "The result is attached below." : text;
}
