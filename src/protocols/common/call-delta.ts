/** A piece of a tool call as a chunk. */

import type { ToolCallDeltaChunk } from "../../contract/chunk.ts";

/** Returns a chunk with more of a call's arguments. */
export function callDelta(
  { index, id, name }: Pick<ToolCallDeltaChunk, "index" | "id" | "name">,
  argumentsDelta: string,
): ToolCallDeltaChunk {
  return { type: "toolCallDelta", content: "", index, id, name, argumentsDelta, isFinal: false };
}
