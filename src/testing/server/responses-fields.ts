/** The fields of the items that OpenAI takes as input; replies have more. */

import type { JsonObject } from "../../platform/json-object.ts";
import { strayField } from "./common-rules.ts";

const CALLED = ["type", "id", "status", "call_id"];

/** @see https://platform.openai.com/docs/api-reference/responses/create#responses-create-input */
const FIELDS: Readonly<Record<string, readonly string[]>> = {
  message: ["type", "id", "status", "role", "content", "phase"],
  reasoning: ["type", "id", "status", "summary", "content", "encrypted_content"],
  function_call: [...CALLED, "name", "arguments", "namespace", "caller"],
  function_call_output: [...CALLED, "output", "caller"],
  custom_tool_call: [...CALLED, "name", "input", "namespace", "caller"],
  custom_tool_call_output: [...CALLED, "output", "caller"],
  web_search_call: ["type", "id", "status", "action"],
  file_search_call: ["type", "id", "status", "queries", "results"],
  code_interpreter_call: ["type", "id", "status", "code", "container_id", "outputs"],
  image_generation_call: ["type", "id", "status", "result"],
  shell_call: [...CALLED, "action", "environment", "caller"],
  shell_call_output: [...CALLED, "output", "max_output_length", "caller"],
  apply_patch_call: [...CALLED, "operation", "caller"],
  apply_patch_call_output: [...CALLED, "output", "caller"],
  mcp_list_tools: ["type", "id", "server_label", "tools", "error"],
  mcp_approval_request: ["type", "id", "server_label", "name", "arguments"],
  mcp_call: ["type", "id", "status", "server_label", "name", "arguments", "output", "error", "approval_request_id"],
  tool_search_call: [...CALLED, "execution", "arguments"],
  tool_search_output: [...CALLED, "execution", "tools"],
  compaction: ["type", "id", "encrypted_content"],
};

/** Returns OpenAI's refusal of an item's fields; `undefined` for valid fields or an unknown type. */
export function fieldFault(item: JsonObject, type: unknown, at: number): string | undefined {
  const known = Object.hasOwn(FIELDS, String(type)) ? FIELDS[String(type)] : undefined;
  const stray = known && strayField(item, known);
  return stray === undefined ? undefined : `Unknown parameter: 'input[${at}].${stray}'.`;
}
