/** What Chat Completions demands of a conversation. */

import { OPENAI_ROOT_REFUSALS } from "../../protocols/tool-parameters.ts";
import { isJsonText, type Loose, listOf, looseOf } from "./demands.ts";
import { rootFault } from "./tool-demands.ts";

/** Why OpenAI would refuse the request; `undefined` when it would not. */
export function chatFault(body: unknown): string | undefined {
  const messages = listOf(looseOf(body).messages);
  if (messages.length === 0) return "Invalid 'messages': empty array. Expected an array with minimum length 1.";
  for (const { function: its } of listOf(looseOf(body).tools)) {
    const { name, parameters } = looseOf(its);
    const fault = parameters === undefined ? undefined : rootFault(parameters, OPENAI_ROOT_REFUSALS);
    if (fault !== undefined) return `Invalid schema for function '${name}': ${fault}`;
  }
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
      const fault = calls.map((call) => callFault(call, where)).find((found) => found !== undefined);
      if (fault !== undefined) return fault;
      // Sound goes back by its id; routers take pictures.
      const hasMedia = looseOf(audio).id !== undefined || listOf(images).length > 0;
      if (calls.length === 0 && !hasMedia && (typeof content !== "string" || content === ""))
        return `${where}: expected an assistant message to have content or 'tool_calls'.`;
      open = calls.map(({ id }) => id);
    } else if (role !== "user" && role !== "system" && role !== "developer") return `${where}: unknown role.`;
    else if (content === undefined || content === null) return `${where}: expected content.`;
  }
  return open.length > 0 ? unanswered(open) : undefined;
}

function callFault({ id, type, function: called }: Loose, where: string): string | undefined {
  const { name, arguments: text } = looseOf(called);
  const isCall = typeof id === "string" && type === "function" && typeof name === "string";
  if (!isCall) return `${where}.tool_calls: a call needs its id, its type and the name of the function.`;
  return isJsonText(text) ? undefined : `${where}.tool_calls: arguments must be a string of JSON.`;
}

function unanswered(ids: readonly unknown[]): string {
  return `An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. The following did not have response messages: ${ids.join(", ")}`;
}
