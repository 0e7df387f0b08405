/**
 * Distinguishes the items of a Responses reply that wait for the caller from those that the provider has answered
 * itself.
 */

import { wordsOf } from "../../platform/text-of.ts";
import { nameIn } from "../common/wire-values.ts";
import type { ResponsesDialect } from "./dialects.ts";

interface Item {
  readonly type?: unknown;
  readonly name?: unknown;
  readonly call_id?: unknown;
  readonly execution?: unknown;
}

/** Names that only xAI's own tools have. */
const XAI_TOOLS =
  /^(x_(keyword|semantic|user)_search|x_thread_fetch|view_x_video|browse_page|web_search_with_snippets)$/;

/** Names that a caller's tool may also have. The id of a caller's call begins with `call_`. */
const XAI_COMMON_TOOLS =
  /^(web_search|x_search|code_execution|code_interpreter|view_image|image_generation|file_search)$/;

/** Returns whether the item is a call that the caller answers. */
export function isCallersCall(item: Item, { runsCustomTools }: ResponsesDialect): boolean {
  if (item.type === "custom_tool_call") return !runsCustomTools;
  return item.type === "function_call" && !(runsCustomTools && isXaiCall(item));
}

/** Returns whether a call is of xAI's own tool: it has no id, or one of another form. */
function isXaiCall({ name, call_id: id }: Item): boolean {
  const callId = nameIn(id) ?? "";
  if (callId.startsWith("xs_") || XAI_TOOLS.test(nameIn(name) ?? "")) return true;
  return XAI_COMMON_TOOLS.test(nameIn(name) ?? "") && !callId.startsWith("call");
}

/** Items other than function calls that wait for the caller, unless the reply holds their result. */
const WAITING = [
  "local_shell_call",
  "shell_call",
  "apply_patch_call",
  "computer_call",
  "mcp_approval_request",
  "tool_search_call",
];

/**
 * Returns whether one of the items waits for the caller. Hosted shells, and tool searches on the server, have their
 * results in the reply.
 */
export function anyWaits(items: Iterable<Item>): boolean {
  const waiting: Item[] = [];
  /** Ids of what is answered, by the type of the answer; most replies hold none. */
  let answered: Map<string, Set<unknown>> | undefined;
  for (const item of items) {
    const type = wordsOf(item.type);
    if (type.endsWith("_output")) {
      answered ??= new Map();
      answered.set(type, (answered.get(type) ?? new Set()).add(item.call_id));
    }
    if (!WAITING.includes(type) || item.execution === "server") continue;
    if (type !== "tool_search_call" || item.execution === "client") waiting.push(item);
  }
  return waiting.some(({ type, call_id }) => !answered?.get(`${wordsOf(type)}_output`)?.has(call_id));
}
