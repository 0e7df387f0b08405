/** A call's arguments, as they are delivered and as providers take them back. */

import type { ToolCall } from "../../contract/message.ts";
import { exactJson, markedNumbers, mayLoseDigits, parseExact } from "../../platform/exact-json.ts";
import { isJsonObject } from "../../platform/json-object.ts";
import { jsonOf, wellFormedJson } from "../../platform/json-text.ts";

/** Returns a call as it is delivered. It holds the model's own JSON where `arguments` lose digits. */
export function toolCallOf(id: string, name: string, args: unknown): ToolCall {
  const json = typeof args === "object" && args !== null ? exactJson(args) : "";
  const isOther = mayLoseDigits(json) && json !== JSON.stringify(args);
  return { id, name, arguments: args, ...(isOther && { rawArguments: json }) };
}

/** Returns the arguments as an object. Plain text and other values become its only field. */
export function argumentsObject(call: ToolCall): Readonly<Record<string, unknown>> {
  const json = rawArgumentsOf(call);
  const args = json === undefined ? call.arguments : markedNumbers(json);
  if (args === undefined || args === null) return {};
  const isObject = typeof args === "object" && !Array.isArray(args);
  return isObject ? (args as Readonly<Record<string, unknown>>) : { input: args };
}

/**
 * Returns the same object as JSON for OpenAI's protocols. It is well-formed in itself, since the server parses it
 * again.
 */
export function argumentsJson(call: ToolCall): string {
  const json = rawArgumentsOf(call);
  return json === undefined ? jsonOf(argumentsObject(call)) : wellFormedJson(json);
}

/** Returns the JSON that the model wrote, unless the caller has changed the arguments since. */
export function rawArgumentsOf({ rawArguments: json, arguments: args }: ToolCall): string | undefined {
  if (typeof json !== "string") return undefined;
  try {
    return JSON.stringify(parseExact(json)) === JSON.stringify(args) ? json : undefined;
  } catch {
    return undefined;
  }
}

/** Returns whether arguments are absent or empty, as they are at the beginning of a call whose arguments follow. */
export function isBare(args: unknown): boolean {
  if (typeof args === "string") return args.trim() === "";
  if (!isJsonObject(args)) return args === undefined || args === null;
  return Object.keys(args).length === 0;
}
