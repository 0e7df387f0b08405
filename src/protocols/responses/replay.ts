/** Items of a reply in the form that later requests take. Replies have fields that requests refuse. */

import type { JsonObject } from "../../platform/json-object.ts";
import { nameIn } from "../common/wire-values.ts";
import type { ResponseItem } from "./wire.ts";

/**
 * The fields of each type of item in the input, in addition to `type`. An unknown type goes back as it came. Messages,
 * reasoning and the caller's calls go without `id` and `status`: the server would look them up, although it has not
 * stored them.
 * @see https://platform.openai.com/docs/api-reference/responses/create#responses-create-input
 */
const INPUT_FIELDS: Readonly<Record<string, readonly string[]>> = {
  message: ["role", "content", "phase"],
  // Routers add a signature and its format.
  reasoning: ["summary", "content", "encrypted_content", "signature", "format"],
  function_call: ["call_id", "name", "arguments", "namespace", "caller"],
  custom_tool_call: ["call_id", "name", "input", "namespace", "caller", "id", "status"],
  // xAI's searches have the fields of calls.
  web_search_call: ["id", "status", "action", "name", "arguments", "call_id"],
  file_search_call: ["id", "status", "queries", "results"],
  code_interpreter_call: ["id", "status", "code", "container_id", "outputs"],
  computer_call: ["id", "status", "call_id", "action", "actions", "pending_safety_checks"],
  local_shell_call: ["id", "status", "call_id", "action"],
  shell_call: ["id", "status", "call_id", "action", "environment", "caller"],
  shell_call_output: ["id", "status", "call_id", "output", "max_output_length", "caller"],
  apply_patch_call: ["id", "status", "call_id", "operation", "caller"],
  apply_patch_call_output: ["id", "status", "call_id", "output", "caller"],
  mcp_list_tools: ["id", "server_label", "tools", "error"],
  mcp_approval_request: ["id", "server_label", "name", "arguments"],
  mcp_call: ["id", "status", "server_label", "name", "arguments", "output", "error", "approval_request_id"],
  tool_search_call: ["id", "status", "call_id", "execution", "arguments"],
  tool_search_output: ["id", "status", "call_id", "execution", "tools"],
  program: ["id", "call_id", "code", "fingerprint"],
  program_output: ["id", "status", "call_id", "result"],
  compaction: ["id", "encrypted_content"],
};

/** The fields of each type of part in a message. Log probabilities stay out. The first field is required. */
const PART_FIELDS: Readonly<Record<string, readonly [string, ...string[]]>> = {
  output_text: ["text", "annotations"],
  refusal: ["refusal"],
};

/** The types under which gateways send text. */
const TEXT_TYPES: readonly unknown[] = ["text", undefined, null];

/** Types whose `null` fields may be omitted. */
const NULL_IS_ABSENT = ["message", "reasoning", "function_call", "custom_tool_call"];

/** Returns the item with the fields that a request may hold. */
export function inputForm(item: ResponseItem): JsonObject {
  const type = nameIn(item.type) ?? "";
  const fields = Object.hasOwn(INPUT_FIELDS, type) ? INPUT_FIELDS[type] : undefined;
  if (fields === undefined) return item;
  const kept = picked(item, fields);
  const form = NULL_IS_ABSENT.includes(type) ? withoutNulls(kept) : kept;
  // Some gateways leave the role out.
  if (type === "message") return { ...form, role: "assistant", content: partsOf(item) };
  return type === "reasoning" ? { ...form, summary: objectsIn(item.summary).filter(hasText) } : form;
}

function hasText({ text }: ResponseItem): boolean {
  return typeof text === "string";
}

/** Returns whether a message has content that can go back. */
export function hasContent(item: ResponseItem): boolean {
  return partsOf(item).length > 0;
}

function partsOf({ content }: ResponseItem): readonly JsonObject[] {
  return objectsIn(content).flatMap((part) => {
    const type = TEXT_TYPES.includes(part.type) ? "output_text" : (nameIn(part.type) ?? "");
    const fields = Object.hasOwn(PART_FIELDS, type) ? PART_FIELDS[type] : undefined;
    return fields && typeof part[fields[0]] === "string" ? [{ ...withoutNulls(picked(part, fields)), type }] : [];
  });
}

function objectsIn(list: unknown): readonly ResponseItem[] {
  const all = (Array.isArray(list) ? list : []) as readonly (ResponseItem | null)[];
  return all.filter((one) => one !== null);
}

function picked(item: JsonObject, fields: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(item).filter(([name]) => name === "type" || fields.includes(name)));
}

function withoutNulls(item: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(item).filter(([, value]) => value !== null));
}
