/** A call's arguments, as they are delivered and as providers take them back. */

import type { ToolCall } from "../../contract/message.ts";
import { exactJson, markedNumbers, mayLoseDigits, parseExact } from "../../platform/exact-json.ts";
import { jsonOf, wellFormedJson } from "../../platform/json-text.ts";

/** Returns a call as it is delivered, with the JSON that the model wrote where `arguments` do not show all digits of it. */
export function toolCallOf(id: string, name: string, args: unknown): ToolCall {
  const json = typeof args === "object" && args !== null ? exactJson(args) : "";
  const isOther = mayLoseDigits(json) && json !== JSON.stringify(args);
  return { id, name, arguments: args, ...(isOther && { rawArguments: json }) };
}

/** The arguments as an object: text (of a tool that takes plain text) and other values become its one field. */
export function argumentsObject(call: ToolCall): Readonly<Record<string, unknown>> {
  const json = rawArgumentsOf(call);
  const args = json === undefined ? call.arguments : markedNumbers(json);
  if (args === undefined || args === null) return {};
  const isObject = typeof args === "object" && !Array.isArray(args);
  return isObject ? (args as Readonly<Record<string, unknown>>) : { input: args };
}

/** The same object as the JSON that OpenAI's protocols take, which the server reads once more: well-formed in itself. */
export function argumentsJson(call: ToolCall): string {
  const json = rawArgumentsOf(call);
  return json === undefined ? jsonOf(argumentsObject(call)) : wellFormedJson(json);
}

/** What the model wrote, unless the caller has changed the arguments since. */
export function rawArgumentsOf({ rawArguments: json, arguments: args }: ToolCall): string | undefined {
  if (typeof json !== "string") return undefined;
  try {
    return JSON.stringify(parseExact(json)) === JSON.stringify(args) ? json : undefined;
  } catch {
    return undefined;
  }
}
