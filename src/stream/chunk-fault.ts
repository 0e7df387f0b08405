/** Validates chunks from elsewhere (another thread, the caller's generator) before they are used. */

import type { MessageChunk } from "../contract/chunk.ts";
import { jsonFault } from "../platform/json-depth.ts";
import { isJsonObject, type JsonObject } from "../platform/json-object.ts";

/** The rules of each type in addition to its `content`. Each returns the end of a sentence that names the chunk. */
const FAULTS: Readonly<Record<MessageChunk["type"], (fields: JsonObject) => string | undefined>> = {
  text: () => undefined,
  reasoning: ({ reasoning }) => stringsFault({ reasoning }),
  toolCallDelta: ({ index, id, name, argumentsDelta }) =>
    countsFault({ index }) ?? stringsFault({ id, name, argumentsDelta }),
  toolCall: ({ toolCall }) => callFault(toolCall) ?? plainFault({ toolCall }),
  toolResult: ({ toolCallId, name, result }) => stringsFault({ toolCallId, name, result }),
  providerToolCall: ({ providerToolCall: call }) =>
    isJsonObject(call) ? (stringsFault({ name: call.name }) ?? plainFault({ call })) : "has no `providerToolCall`",
  citation: (citation) => plainFault({ citation }),
  media: (media) =>
    countsFault({ index: media.index }) ?? stringsFault({ mediaType: media.mediaType }) ?? plainFault({ media }),
  rewind: ({ length, reasoningLength }) => countsFault({ length, reasoningLength }),
  final: ({ message }) => messageFault(message),
};

/** Returns the fault of a chunk, as the end of a sentence that names the chunk; `undefined` for a valid chunk. */
export function chunkFault(value: unknown): string | undefined {
  if (!isJsonObject(value)) return "is not an object";
  const { type, content } = value;
  if (typeof type !== "string" || !Object.hasOwn(FAULTS, type)) return `has an unknown type`;
  if (typeof content !== "string") return "has no string as its `content`";
  return FAULTS[type as MessageChunk["type"]](value);
}

/**
 * Returns the fault of a final chunk's message in the fields that every reader relies on. A session validates its text
 * and its calls, and takes an invalid turn back.
 */
function messageFault(message: unknown): string | undefined {
  if (!isJsonObject(message)) return "has no `message`";
  const { reasoning, citations, finishReason, provider, model, metrics } = message;
  const fault = stringsFault({ reasoning, finishReason, provider, model });
  if (fault) return `has a message that ${fault}`;
  if (!isJsonObject(metrics) || !Array.isArray(metrics.attempts) || !metrics.attempts.every(isJsonObject))
    return "has a message without `metrics`";
  if (!Array.isArray(citations)) return "has a message without `citations`";
  const { output: _made, steps: _ofOthers, ...fields } = message; // a schema may return any value
  return plainFault(fields);
}

function callFault(call: unknown): string | undefined {
  if (!isJsonObject(call)) return "has no `toolCall`";
  const fault = stringsFault({ id: call.id, name: call.name });
  if (fault) return `has a call that ${fault}`;
  if (!isJsonObject(call.arguments)) return "has a call whose `arguments` are not an object";
  return undefined;
}

/**
 * JsonObject that requests, sessions and estimates write as JSON again: a cycle, a BigInt or an accessor that throws
 * must be reported now.
 */
function plainFault(fields: JsonObject): string | undefined {
  for (const [name, value] of Object.entries(fields)) {
    const fault = jsonFault(value);
    if (fault) return `has \`${name}\` that ${fault}`;
  }
  return undefined;
}

function stringsFault(fields: JsonObject): string | undefined {
  const wrong = Object.keys(fields).find((name) => typeof fields[name] !== "string");
  return wrong && `has no string as its \`${wrong}\``;
}

function countsFault(fields: JsonObject): string | undefined {
  const wrong = Object.keys(fields).find((name) => !Number.isSafeInteger(fields[name]) || Number(fields[name]) < 0);
  return wrong && `has no integer of 0 or more as its \`${wrong}\``;
}
