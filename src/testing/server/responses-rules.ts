/** The rules of Responses for a conversation that the client keeps itself. */

import type { JsonObject } from "../../platform/json-object.ts";
import { OPENAI_ROOT_REFUSALS } from "../../protocols/common/tool-parameters.ts";
import { OPENAI_NAME, openaiNameFault, unreadableFault } from "./common-rules.ts";
import { fieldFault } from "./responses-fields.ts";
import { isJsonText, listOf, objectOr, type Signatures } from "./rules.ts";
import { textSignatureOf } from "./signatures.ts";
import { rootFault } from "./tool-rules.ts";

/** The longest id of a call. */
const MAX_ID_LENGTH = 64;

/**
 * Returns the refusal of OpenAI; `undefined` for a valid request.
 * @param signatures of the thinking that this server has written before calls
 * @param written what it has encrypted, in scripts and in recordings
 */
export function responsesFault(body: unknown, signatures: Signatures, written: Written): string | undefined {
  const { input, tools, model } = objectOr(body);
  const unreadable = unreadableFault(body) ?? toolsFault(tools);
  if (unreadable !== undefined) return unreadable;
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
      itemFault(item, at, items, written) ??
      // xAI describes its searches as calls.
      (/grok/.test(String(model)) ? undefined : fieldFault(item, item.type ?? "message", at)) ??
      (at > asked ? thinkingFault(item, items.slice(0, at), signatures, model) : undefined);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function toolsFault(tools: unknown): string | undefined {
  for (const [at, { type, name, parameters }] of listOf(tools).entries()) {
    if (type !== "function") continue;
    if (!OPENAI_NAME.test(String(name))) return openaiNameFault(`tools[${at}].name`);
    const fault = rootFault(parameters, OPENAI_ROOT_REFUSALS);
    if (fault !== undefined) return `Invalid schema for function '${name}': ${fault}`;
  }
  return undefined;
}

function callFault(
  { call_id, name, arguments: text }: JsonObject,
  at: number,
  items: readonly JsonObject[],
): string | undefined {
  if (typeof call_id !== "string" || typeof name !== "string" || !isJsonText(text))
    return `Invalid 'input[${at}]': a call needs its call_id, its name, and arguments in a string of JSON.`;
  if (!OPENAI_NAME.test(name)) return openaiNameFault(`input[${at}].name`);
  if (call_id.length > MAX_ID_LENGTH)
    return `Invalid 'input[${at}].call_id': string too long. Expected a string with maximum length ${MAX_ID_LENGTH}.`;
  const isAgain = items.slice(0, at).some((other) => other.type === "function_call" && other.call_id === call_id);
  return isAgain ? `Duplicate function call with call_id ${call_id}.` : undefined;
}

function itemFault(item: JsonObject, at: number, items: readonly JsonObject[], written: Written): string | undefined {
  const { type = "message", role, content, call_id } = item;
  switch (type) {
    case "message":
      return messageFault(role, content, at);
    case "function_call":
      return callFault(item, at, items);
    case "function_call_output": {
      const isAsked = items.slice(0, at).some((other) => other.type === "function_call" && other.call_id === call_id);
      return isAsked ? undefined : `No tool call found for function call output with call_id ${call_id}.`;
    }
    case "image_generation_call": {
      const stray = Object.keys(item).find((name) => !["type", "id", "status", "result"].includes(name));
      return stray && `Unknown parameter: 'input[${at}].${stray}'.`;
    }
    case "reasoning":
      return reasoningFault(item, at, items[at + 1], written);
    default:
      return undefined;
  }
}

function thinkingFault(
  { type, id, call_id }: JsonObject,
  before: readonly JsonObject[],
  signatures: Signatures,
  model: unknown,
): string | undefined {
  // Another model cannot read the thinking, and does without it.
  if (signatures.get(writerMark(String(call_id))) !== model) return undefined;
  const expected = type === "function_call" ? signatures.get(String(call_id)) : undefined;
  if (expected === undefined || before.some(({ encrypted_content }) => encrypted_content === expected))
    return undefined;
  return `Item '${id ?? call_id}' of type 'function_call' was provided without its required 'reasoning' item.`;
}

/** Returns the mark under which the model is kept that has written a call. */
export function writerMark(callId: string): string {
  return `writer of ${callId}`;
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
  { id, summary, encrypted_content }: JsonObject,
  at: number,
  next: JsonObject | undefined,
  written: Written,
): string | undefined {
  if (!Array.isArray(summary)) return `Missing required parameter: 'input[${at}].summary'.`;
  const what = `Item '${id}' of type 'reasoning'`;
  const follows = next?.type !== undefined ? !ANSWERS.includes(String(next.type)) : next?.role === "assistant";
  if (!follows) return `${what} was provided without its required following item.`;
  if (encrypted_content === undefined || encrypted_content === null)
    return `Item with id '${id}' not found. Items are not persisted when \`store\` is set to false.`;
  const thought = listOf(summary)
    .map(({ text }) => text)
    .join("");
  // Another account's, or another vendor's.
  const known = written.get(String(encrypted_content));
  const isKnown = known === true || (known !== undefined && encrypted_content === textSignatureOf(thought));
  return isKnown ? undefined : `The encrypted content of ${what} could not be verified.`;
}

/** Items that never follow thinking. */
const ANSWERS = ["function_call_output", "custom_tool_call_output"];

/** The values that a server has encrypted, by their ciphertext; `true` for recordings. */
type Written = ReadonlyMap<string, unknown>;
