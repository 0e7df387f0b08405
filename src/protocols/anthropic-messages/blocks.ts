/** The blocks of a reply: how they are kept while they grow, and what they are once they have ended. */

import { isJsonObject, type JsonObject } from "../../platform/json-object.ts";
import { type ModelJson, parseModelJson } from "../../platform/model-json.ts";
import type { TextBuffer } from "../../platform/text-buffer.ts";
import type { Nullable } from "../common/wire-values.ts";
import type { WireBlock, WireCitation } from "./wire.ts";

/** A block that has not ended: its beginning, and what its deltas have added. */
export interface OpenBlock {
  readonly begun: WireBlock;
  readonly type: string;
  /** Text, thinking or arguments, by type. */
  readonly text: TextBuffer;
  /** The arguments of a call as they are emitted. */
  readonly json: ModelJson;
  signature: string;
  readonly citations: Nullable<WireCitation>[];
  /** Fields that came after its beginning: the sealed summary of a compaction. */
  added: JsonObject | undefined;
  /** The beginning of the block's text in the visible text. */
  readonly start: number;
  /** The index of a tool call among the reply's calls. */
  readonly callIndex: number;
}

/** Returns the block as a non-streamed reply would hold it. */
export function finished(block: OpenBlock): unknown {
  const { begun, type, text, signature, citations, added } = block;
  switch (type) {
    case "text":
      return { ...begun, text: text.toString(), ...(citations.length > 0 && { citations }) };
    case "thinking":
      return { ...begun, thinking: text.toString(), signature };
    case "server_tool_use":
    case "mcp_tool_use":
      return { ...begun, input: inputOf(block) };
    default:
      return { ...begun, ...added, ...(signature !== "" && { signature }) };
  }
}

/** Returns the input of a tool call: from its deltas, or else from its beginning. */
export function inputOf({ begun, text }: OpenBlock): unknown {
  const json = text.toString();
  return json === "" ? begun.input : exactJsonOr(json);
}

/** Returns whether an ended block is thinking. */
export function isThought(block: unknown): boolean {
  return isJsonObject(block) && (block.type === "thinking" || block.type === "redacted_thinking");
}

function exactJsonOr(text: string): unknown {
  try {
    return parseModelJson(text);
  } catch {
    return text;
  }
}
