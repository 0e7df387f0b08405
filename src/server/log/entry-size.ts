/** How much an entry of a log weighs: an estimate of its JSON, without writing it. */

import type { MessageChunk } from "../../contract/chunk.ts";
import type { AssistantMessage } from "../../contract/message.ts";
import type { LogEntry } from "./log.ts";

/** The names, the brackets and the id around the text of a chunk, in bytes. */
const FRAME_SIZE = 64;

/** Returns about how many bytes an entry takes as JSON. */
export function sizeOfEntry(entry: LogEntry): number {
  const facts = entry.facts ? jsonLength(entry.facts) : 0;
  if (entry.type === "chunks") return sizeOfChunks(entry.chunks) + facts;
  return sizeOfMessage(entry.message) + sizeOfChunks(entry.tools ?? []) + facts;
}

/** Returns about how many bytes chunks take as JSON. */
export function sizeOfChunks(chunks: readonly MessageChunk[]): number {
  let size = 0;
  for (const chunk of chunks) size += FRAME_SIZE + sizeOfChunk(chunk);
  return size;
}

/** Returns about how many bytes a message takes as JSON. */
export function sizeOfMessage({ content, reasoning, toolCalls, media, steps, ...rest }: AssistantMessage): number {
  const inner = (steps ?? []).reduce((sum, step) => sum + sizeOfMessage(step), 0);
  return FRAME_SIZE + content.length + reasoning.length + jsonLength([toolCalls, media, rest.citations]) + inner;
}

function sizeOfChunk(chunk: MessageChunk): number {
  switch (chunk.type) {
    case "text":
      return chunk.content.length;
    case "reasoning":
      return chunk.reasoning.length;
    case "toolCallDelta":
      return chunk.argumentsDelta.length + chunk.name.length;
    case "toolResult":
      return chunk.result.length;
    case "media":
      return chunk.data?.length ?? FRAME_SIZE;
    case "toolCall":
    case "providerToolCall":
    case "citation":
      return jsonLength(chunk);
    case "rewind":
      return 0;
    case "final":
      return sizeOfMessage(chunk.message);
  }
}

function jsonLength(value: unknown): number {
  return JSON.stringify(value)?.length ?? 0;
}
