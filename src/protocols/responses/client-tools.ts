/**
 * Which items of a Responses reply wait for the caller, and which of those that look like it the provider has dealt
 * with itself.
 */

import type { ResponsesDialect } from "./dialects.ts";

interface Item {
  readonly type?: unknown;
  readonly name?: unknown;
  readonly call_id?: unknown;
  readonly execution?: unknown;
}

/** Tools of xAI's own, under names that nobody else gives. */
const XAI_TOOLS =
  /^(x_(keyword|semantic|user)_search|x_thread_fetch|view_x_video|browse_page|web_search_with_snippets)$/;

/** Under names that a caller's tool may have, too: then the id tells, which is `call_…` of the caller's. */
const XAI_COMMON_TOOLS =
  /^(web_search|x_search|code_execution|code_interpreter|view_image|image_generation|file_search)$/;

/** Whether the item is a call that the caller answers. */
export function isCallersCall(item: Item, { runsCustomTools }: ResponsesDialect): boolean {
  if (item.type === "custom_tool_call") return !runsCustomTools;
  return item.type === "function_call" && !(runsCustomTools && isXaiCall(item));
}

/** xAI's calls of its own tools have no id, or one of their own form. */
function isXaiCall({ name, call_id: id }: Item): boolean {
  const callId = String(id ?? "");
  if (callId.startsWith("xs_") || XAI_TOOLS.test(String(name))) return true;
  return XAI_COMMON_TOOLS.test(String(name)) && !callId.startsWith("call");
}

/** Items that wait for the caller though they are not calls of functions, unless the reply holds their answer. */
const WAITING = [
  "local_shell_call",
  "shell_call",
  "apply_patch_call",
  "computer_call",
  "mcp_approval_request",
  "tool_search_call",
];

/**
 * Whether one of the items waits for the caller: hosted shells, and searches for tools that run on the server, are
 * answered in the reply.
 */
export function anyWaits(items: readonly Item[]): boolean {
  return items.some((item) => {
    const type = String(item.type);
    if (!WAITING.includes(type) || item.execution === "server") return false;
    if (type === "tool_search_call" && item.execution !== "client") return false;
    return !items.some((other) => other.type === `${type}_output` && other.call_id === item.call_id);
  });
}
