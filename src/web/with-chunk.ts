/** A reply with one chunk more. Pure; what does not change stays the same. */

import type { MessageChunk } from "../contract/chunk.ts";
import type { Media } from "../contract/message.ts";
import type { ChatReply, ChatToolCall } from "./chat-message.ts";

/** Returns a reply with one chunk more. */
export function withChunk(reply: ChatReply, chunk: MessageChunk): ChatReply {
  const { content, reasoning, citations, media, providerToolCalls, toolCalls } = reply;
  switch (chunk.type) {
    case "text":
      return { ...reply, content: content + chunk.content };
    case "reasoning":
      return { ...reply, reasoning: reasoning + chunk.reasoning };
    case "toolCallDelta": {
      const { id, name, argumentsDelta } = chunk;
      const argumentsText = (callOf(reply, id)?.argumentsText ?? "") + argumentsDelta;
      return withCall(reply, { id, name, argumentsText, state: "writing" });
    }
    case "toolCall":
      return withCall(reply, { ...chunk.toolCall, argumentsText: undefined, state: "running" });
    case "toolResult":
      return withResult(reply, chunk.toolCallId, chunk.result, chunk.isError);
    case "citation": {
      const { type: _type, content: _content, isFinal: _isFinal, raw: _raw, ...citation } = chunk;
      return { ...reply, citations: [...citations, citation] };
    }
    case "providerToolCall":
      return { ...reply, providerToolCalls: [...providerToolCalls, chunk.providerToolCall] };
    case "media": {
      const {
        type: _type,
        content: _content,
        isFinal: _isFinal,
        raw: _raw,
        index: _index,
        append,
        thought,
        ...rest
      } = chunk;
      return append || thought || rest.partial ? reply : { ...reply, media: [...media, rest as Media] };
    }
    case "rewind": {
      const length = Math.max(0, content.length - chunk.length);
      return {
        ...reply,
        content: content.slice(0, length),
        reasoning: reasoning.slice(0, Math.max(0, reasoning.length - chunk.reasoningLength)),
        citations: citations.filter(({ endIndex = 0 }) => length > 0 && endIndex <= length),
        toolCalls: toolCalls.filter(({ state }) => state !== "writing"),
        providerToolCalls: length > 0 ? providerToolCalls : [],
      };
    }
    default:
      return reply;
  }
}

/** Returns the call of this id. */
export function callOf({ toolCalls }: ChatReply, id: string): ChatToolCall | undefined {
  return toolCalls.find((call) => call.id === id);
}

/** Returns a reply with a call that is new, or has changed. */
function withCall(reply: ChatReply, call: Omit<ChatToolCall, "at">): ChatReply {
  const { toolCalls, content } = reply;
  if (!callOf(reply, call.id)) return { ...reply, toolCalls: [...toolCalls, { ...call, at: content.length }] };
  return { ...reply, toolCalls: toolCalls.map((known) => (known.id === call.id ? { ...known, ...call } : known)) };
}

/** Returns a reply whose call has a result. */
export function withResult(reply: ChatReply, id: string, result: string, isError: boolean | undefined): ChatReply {
  const known = callOf(reply, id);
  return known ? withCall(reply, { ...known, state: isError ? "failed" : "done", result }) : reply;
}
