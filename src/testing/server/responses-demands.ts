/** What Responses demands of a conversation whose client keeps it itself. */

import { OPENAI_ROOT_REFUSALS } from "../../protocols/tool-parameters.ts";
import { isJsonText, type Loose, listOf, looseOf, type Seals } from "./demands.ts";
import { sealOf } from "./seal.ts";
import { rootFault } from "./tool-demands.ts";

/** Why OpenAI would refuse the request; `undefined` when it would not. */
export function responsesFault(body: unknown, seals: Seals): string | undefined {
  const { input, tools } = looseOf(body);
  for (const { type, name, parameters } of listOf(tools)) {
    const fault = type === "function" ? rootFault(parameters, OPENAI_ROOT_REFUSALS) : undefined;
    if (fault !== undefined) return `Invalid schema for function '${name}': ${fault}`;
  }
  if (typeof input === "string" && input !== "") return undefined;
  const items = listOf(input);
  if (items.length === 0) return "One of 'input' or 'previous_response_id' must be provided.";
  const calls = items.flatMap(({ type, call_id }) => (type === "function_call" ? [call_id] : []));
  const answers = items.flatMap(({ type, call_id }) => (type === "function_call_output" ? [call_id] : []));
  const open = calls.find((id) => !answers.includes(id));
  if (open !== undefined) return `No tool output found for function call ${open}.`;
  // Thinking before the last question may be left out.
  const asked = items.findLastIndex(({ role }) => role === "user");
  for (const [at, item] of items.entries()) {
    const fault =
      itemFault(item, at, items) ?? (at > asked ? thinkingFault(item, items.slice(0, at), seals) : undefined);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function itemFault(item: Loose, at: number, items: readonly Loose[]): string | undefined {
  const { type = "message", role, content, call_id } = item;
  switch (type) {
    case "message":
      return messageFault(role, content, at);
    case "function_call":
      return typeof call_id === "string" && typeof item.name === "string" && isJsonText(item.arguments)
        ? undefined
        : `Invalid 'input[${at}]': a call needs its call_id, its name, and arguments in a string of JSON.`;
    case "function_call_output": {
      const isAsked = items.slice(0, at).some((other) => other.type === "function_call" && other.call_id === call_id);
      return isAsked ? undefined : `No tool call found for function call output with call_id ${call_id}.`;
    }
    case "image_generation_call": {
      const stray = Object.keys(item).find((name) => !["type", "id", "status", "result"].includes(name));
      return stray && `Unknown parameter: 'input[${at}].${stray}'.`;
    }
    case "reasoning":
      return reasoningFault(item, at, items[at + 1]);
    default:
      return undefined;
  }
}

function thinkingFault({ type, id, call_id }: Loose, before: readonly Loose[], seals: Seals): string | undefined {
  const seal = type === "function_call" ? seals.get(String(call_id)) : undefined;
  if (seal === undefined || before.some(({ encrypted_content }) => encrypted_content === seal)) return undefined;
  return `Item '${id ?? call_id}' of type 'function_call' was provided without its required 'reasoning' item.`;
}

function messageFault(role: unknown, content: unknown, at: number): string | undefined {
  if (!["user", "assistant", "system", "developer"].includes(String(role)))
    return `Invalid value: 'input[${at}].role'.`;
  if (typeof content === "string") return undefined;
  const parts = listOf(content);
  if (parts.length === 0) return `Invalid 'input[${at}].content': expected text or parts.`;
  const allowed = role === "assistant" ? /^(output_text|refusal)$/ : /^input_/;
  const stray = parts.find(({ type }) => !allowed.test(String(type)));
  return stray && `Invalid value: '${stray.type}' in 'input[${at}].content'.`;
}

function reasoningFault(
  { id, summary, encrypted_content }: Loose,
  at: number,
  next: Loose | undefined,
): string | undefined {
  if (!Array.isArray(summary)) return `Missing required parameter: 'input[${at}].summary'.`;
  const what = `Item '${id}' of type 'reasoning'`;
  const follows = next?.type === "function_call" || next?.type === "reasoning" || next?.role === "assistant";
  if (!follows) return `${what} was provided without its required following item.`;
  if (encrypted_content === undefined || encrypted_content === null)
    return `Item with id '${id}' not found. Items are not persisted when \`store\` is set to false.`;
  const thought = listOf(summary)
    .map(({ text }) => text)
    .join("");
  return encrypted_content === sealOf(thought) ? undefined : `The encrypted content of ${what} could not be verified.`;
}
