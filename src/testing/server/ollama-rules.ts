/**
 * The rules of Ollama for a request. The server reads JSON into types, ignores fields that it does not know, and checks
 * neither the order of turns nor the results of calls: the model's template decides what becomes of them.
 * @see https://github.com/ollama/ollama/blob/main/api/types.go
 */

import { isJsonObject, type JsonObject } from "../../platform/json-object.ts";
import { unreadableFault } from "./common-rules.ts";
import { listOf, objectOr } from "./rules.ts";
import { rootFault } from "./tool-rules.ts";

const ROLES = ["system", "user", "assistant", "tool"];

const LEVELS = ["low", "medium", "high", "max"];

const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/** The fields of a request, and the types that the server reads them into. */
const FIELDS: Readonly<Record<string, (value: unknown) => boolean>> = {
  stream: (value) => typeof value === "boolean",
  truncate: (value) => typeof value === "boolean",
  shift: (value) => typeof value === "boolean",
  keep_alive: (value) => typeof value === "string" || typeof value === "number",
  options: isJsonObject,
  format: (value) => value === "json" || isJsonObject(value),
  think: (value) => typeof value === "boolean" || LEVELS.includes(String(value)),
};

/** The fields of a message that are strings. */
const TEXTS = ["content", "thinking", "tool_name", "tool_call_id"];

/** Returns the refusal of the server; `undefined` for a valid request. */
export function ollamaFault(body: unknown): string | undefined {
  const request = objectOr(body);
  const unreadable = unreadableFault(body);
  if (unreadable !== undefined) return unreadable;
  if (typeof request.model !== "string" || request.model === "") return "model is required";
  const field = Object.keys(FIELDS).find((name) => request[name] !== undefined && !FIELDS[name]?.(request[name]));
  if (field !== undefined) return unfit(field);
  const messages = listOf(request.messages);
  if (messages.length === 0) return "messages: expected a conversation"; // the server would only load the model
  return faultIn(messages, messageFault) ?? faultIn(listOf(request.tools), toolFault);
}

function faultIn(
  values: readonly JsonObject[],
  faultOf: (value: JsonObject) => string | undefined,
): string | undefined {
  return values.map(faultOf).find((fault) => fault !== undefined);
}

function messageFault(message: JsonObject): string | undefined {
  const { role, images, tool_calls } = message;
  if (!ROLES.includes(String(role))) return `invalid role: ${role}`;
  const text = TEXTS.find((name) => message[name] !== undefined && typeof message[name] !== "string");
  if (text !== undefined) return unfit(`messages.${text}`);
  if (role === "tool" && !message.tool_name) return "a result does not name its tool";
  const isImage = (image: unknown) => typeof image === "string" && BASE64.test(image);
  if (images !== undefined && !(Array.isArray(images) && images.every(isImage))) return unfit("messages.images");
  return faultIn(listOf(tool_calls), ({ function: called }) => {
    const { name, arguments: args } = objectOr(called);
    return typeof name === "string" && isJsonObject(args) ? undefined : unfit("messages.tool_calls.function.arguments");
  });
}

function toolFault({ type, function: its }: JsonObject): string | undefined {
  const { name, parameters } = objectOr(its);
  if (type !== "function" || typeof name !== "string") return unfit("tools");
  return rootFault(parameters, []);
}

function unfit(field: string): string {
  return `json: cannot unmarshal value into Go struct field ChatRequest.${field}`;
}
