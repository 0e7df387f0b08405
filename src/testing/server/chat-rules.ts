/** The rules of Chat Completions for a conversation. */

import type { JsonObject } from "../../platform/json-object.ts";
import { OPENAI_ROOT_REFUSALS } from "../../protocols/common/tool-parameters.ts";
import { chatFamilyFault } from "./chat-vendor-rules.ts";
import { OPENAI_NAME, openaiNameFault, unreadableFault } from "./common-rules.ts";
import { isJsonText, listOf, objectOr } from "./rules.ts";
import { rootFault } from "./tool-rules.ts";

/** Maximum length of a call's id, in characters. */
const MAX_ID_LENGTH = 40;

/** Returns the refusal of OpenAI or the model's vendor; `undefined` for a valid request. */
export function chatFault(body: unknown): string | undefined {
  const { messages, tools, model } = objectOr(body);
  const turns = listOf(messages);
  return unreadableFault(body) ?? orderFault(turns) ?? toolsFault(tools) ?? chatFamilyFault(String(model ?? ""), turns);
}

function toolsFault(tools: unknown): string | undefined {
  for (const [at, { function: its }] of listOf(tools).entries()) {
    const { name, parameters } = objectOr(its);
    if (its && !OPENAI_NAME.test(String(name))) return openaiNameFault(`tools[${at}].function.name`);
    const fault = parameters === undefined ? undefined : rootFault(parameters, OPENAI_ROOT_REFUSALS);
    if (fault !== undefined) return `Invalid schema for function '${name}': ${fault}`;
  }
  return undefined;
}

function orderFault(messages: readonly JsonObject[]): string | undefined {
  if (messages.length === 0) return "Invalid 'messages': empty array. Expected an array with minimum length 1.";
  let open: readonly unknown[] = [];
  for (const [at, message] of messages.entries()) {
    const { role, content, tool_calls, tool_call_id, audio, images } = message;
    const where = `messages.[${at}]`;
    if (role === "tool") {
      if (!open.includes(tool_call_id))
        return `${where}: messages with role 'tool' must be a response to a preceding message with 'tool_calls'.`;
      open = open.filter((id) => id !== tool_call_id);
      continue;
    }
    if (open.length > 0) return unanswered(open);
    if (role === "assistant") {
      const calls = listOf(tool_calls);
      if (new Set(calls.map(({ id }) => id)).size < calls.length)
        return `${where}.tool_calls: two calls have the same id.`;
      const fault = calls.map((call) => callFault(call, where)).find((found) => found !== undefined);
      if (fault !== undefined) return fault;
      // A request returns sound by its id; routers accept pictures.
      const hasMedia = objectOr(audio).id !== undefined || listOf(images).length > 0;
      const isEmpty = typeof content === "string" ? content === "" : listOf(content).length === 0;
      if (calls.length === 0 && !hasMedia && isEmpty)
        return `${where}: expected an assistant message to have content or 'tool_calls'.`;
      open = calls.map(({ id }) => id);
    } else if (role !== "user" && role !== "system" && role !== "developer") return `${where}: unknown role.`;
    else if (content === undefined || content === null) return `${where}: expected content.`;
  }
  return open.length > 0 ? unanswered(open) : undefined;
}

function callFault({ id, type, function: called, custom }: JsonObject, where: string): string | undefined {
  const { name, arguments: text } = objectOr(type === "custom" ? { arguments: "{}", ...objectOr(custom) } : called);
  const isCall = typeof id === "string" && /^(function|custom)$/.test(String(type)) && typeof name === "string";
  if (!isCall) return `${where}.tool_calls: a call needs its id, its type and the name of the function.`;
  if (!OPENAI_NAME.test(name)) return openaiNameFault(`${where}.tool_calls[0].function.name`);
  if (id.length > MAX_ID_LENGTH)
    return `Invalid '${where}.tool_calls[0].id': string too long. Expected a string with maximum length ${MAX_ID_LENGTH}, but got a string with length ${id.length} instead.`;
  return isJsonText(text) ? undefined : `${where}.tool_calls: arguments must be a string of JSON.`;
}

function unanswered(ids: readonly unknown[]): string {
  return `An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. The following did not have response messages: ${ids.join(", ")}`;
}
