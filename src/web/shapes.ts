/** The shapes of what a relay sends, as far as a viewer relies on them. */

import type { MessageChunk } from "../contract/chunk.ts";
import type { AssistantMessage } from "../contract/message.ts";
import { relayFault } from "../dialects/native/reader.ts";

/** One value of each type for each field: chunks of a later version, and others, are refused. */
const CHUNKS: Readonly<Record<Exclude<MessageChunk["type"], "final">, object>> = {
  text: {},
  reasoning: { reasoning: "" },
  toolCallDelta: { index: 0, id: "", name: "", argumentsDelta: "" },
  toolCall: { toolCall: { id: "", name: "" } },
  toolResult: { toolCallId: "", name: "", result: "" },
  providerToolCall: { providerToolCall: { name: "" } },
  citation: { url: "" },
  media: { index: 0, mediaType: "" },
  rewind: { length: 0, reasoningLength: 0 },
};

const MESSAGE = { content: "", reasoning: "", finishReason: "", provider: "", model: "", toolCalls: [], citations: [] };

/** @throws {SendError} kind `protocol` for a value that is not an array of chunks */
export function checkChunks(chunks: readonly MessageChunk[]): void {
  const isRight = (chunk: MessageChunk): boolean =>
    has(chunk, { type: "", content: "" }) &&
    Object.hasOwn(CHUNKS, chunk.type) &&
    has(chunk, CHUNKS[chunk.type as keyof typeof CHUNKS]);
  if (!Array.isArray(chunks) || !chunks.every(isRight)) throw relayFault("has malformed chunks");
}

/**
 * Returns a message from the wire.
 * @throws {SendError} kind `protocol` for a value that is not one
 */
export function checkedMessage(message: AssistantMessage): AssistantMessage {
  if (!has(message, MESSAGE) || !message.toolCalls.every((call) => has(call, { id: "", name: "" })))
    throw relayFault("has a malformed message");
  return message;
}

/** Returns whether a value has these fields, with values of the same types. */
function has(value: unknown, shape: object): boolean {
  if (typeof value !== "object" || value === null) return false;
  return Object.entries(shape).every(([name, like]: [string, object | string | number]) => {
    const field = (value as Readonly<Record<string, unknown>>)[name];
    if (Array.isArray(like)) return Array.isArray(field);
    return typeof like === "object" ? has(field, like) : typeof field === typeof like;
  });
}
