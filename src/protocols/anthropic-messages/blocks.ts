/** Blocks of a reply under way, and what they are once they have ended. */

import { parseExact } from "../../platform/exact-json.ts";
import { isJsonObject } from "../../platform/json-object.ts";
import type { TextBuffer } from "../../platform/text-buffer.ts";
import type { Nullable } from "../common/wire-values.ts";
import type { WireBlock, WireCitation } from "./wire.ts";

/** A block under way: as it began, and what its deltas have added. */
export interface OpenBlock {
  readonly begun: WireBlock;
  readonly type: string;
  /** Text, thinking or arguments, by type. */
  readonly text: TextBuffer;
  signature: string;
  readonly citations: Nullable<WireCitation>[];
  content: unknown;
  /** Where the block's text begins in the visible text. */
  readonly start: number;
  /** Of a tool call: which of the reply's calls it is. */
  readonly callIndex: number;
}

/** The block as it would have come whole. */
export function finished(block: OpenBlock): unknown {
  const { begun, type, text, signature, citations, content } = block;
  switch (type) {
    case "text":
      return { ...begun, text: text.toString(), ...(citations.length > 0 && { citations }) };
    case "thinking":
      return { ...begun, thinking: text.toString(), signature };
    case "server_tool_use":
    case "mcp_tool_use":
      return { ...begun, input: inputOf(block) };
    default:
      return content === begun.content ? begun : { ...begun, content };
  }
}

/** What a tool was given: by its deltas, else by its beginning. */
export function inputOf({ begun, text }: OpenBlock): unknown {
  const json = text.toString();
  return json === "" ? begun.input : jsonOr(json);
}

/** Nothing, or an object of nothing: how a call begins whose arguments follow. */
export function isBare(input: unknown): boolean {
  if (typeof input === "string") return input.trim() === "";
  if (!isJsonObject(input)) return input === undefined || input === null;
  return Object.keys(input).length === 0;
}

function jsonOr(text: string): unknown {
  try {
    return parseExact(text);
  } catch {
    return text;
  }
}
