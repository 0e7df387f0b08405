/** The results of tool calls, as messages and as chunks. */

import type { ToolResultChunk } from "../contract/chunk.ts";
import type { ToolCall, ToolMessage } from "../contract/message.ts";

/** Returns an error result for a call. */
export function errorResult({ id }: ToolCall, content: string): ToolMessage {
  return { role: "tool", toolCallId: id, content, isError: true };
}

/** Returns the result of a call that may not run. `what` is a sentence without its end. */
export function deniedResult(call: ToolCall, what: string, reason?: string): ToolMessage {
  return { ...errorResult(call, reason === undefined ? `${what}.` : `${what}: ${reason}`), denied: true };
}

/** Returns the chunk that shows a result. */
export function resultChunk(result: ToolMessage, name: string): ToolResultChunk {
  const { toolCallId, content, isError = false, denied } = result;
  const chunk: ToolResultChunk = {
    type: "toolResult",
    content: "",
    toolCallId,
    name,
    result: content,
    isError,
    ...(denied && { denied }),
    isFinal: false,
  };
  return Object.hasOwn(result, "error") ? withError(chunk, result.error) : chunk;
}

/** Returns the object with the thrown value as a hidden field: JSON and transfers to other threads leave it out. */
export function withError<T extends object>(target: T, error: unknown): T & { readonly error?: unknown } {
  return Object.defineProperty(target, "error", { value: error, enumerable: false });
}
