/** A call's arguments as providers take them. */

import { jsonOf } from "../json-text.ts";

/** The arguments as an object: text (of a tool that takes plain text) and other values become its one field. */
export function argumentsObject(args: unknown): Readonly<Record<string, unknown>> {
  if (args === undefined || args === null) return {};
  const isObject = typeof args === "object" && !Array.isArray(args);
  return isObject ? (args as Readonly<Record<string, unknown>>) : { input: args };
}

/** The same object as the JSON that OpenAI's protocols take, which the server reads once more: well-formed in itself. */
export function argumentsJson(args: unknown): string {
  return jsonOf(argumentsObject(args));
}
