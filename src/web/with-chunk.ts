/** A reply with one chunk more. Pure; parts that do not change stay the same. */

import type { MessageChunk } from "../contract/chunk.ts";
import type { Media } from "../contract/message.ts";
import type { ChatReply, ChatToolCall } from "../dialects/native/chat-message.ts";
import { movedCitation } from "../dialects/native/shown.ts";

/**
 * Returns a reply with one chunk more.
 * @param start the length of the text before the run of the chunk, where a reply continues
 */
export function withChunk(reply: ChatReply, chunk: MessageChunk, start: number): ChatReply {
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
    case "toolCall": {
      const { id, name, arguments: given } = chunk.toolCall;
      return withCall(reply, { id, name, arguments: given, argumentsText: undefined, state: "running" });
    }
    case "toolResult": {
      const { toolCallId: id, name, result, isError, denied } = chunk;
      return withCall(reply, { id, name, result, state: denied ? "denied" : isError ? "failed" : "done" });
    }
    case "citation": {
      const { type: _type, content: _content, isFinal: _isFinal, ...citation } = chunk;
      return { ...reply, citations: [...citations, movedCitation(citation, start)] };
    }
    case "providerToolCall":
      return { ...reply, providerToolCalls: [...providerToolCalls, chunk.providerToolCall] };
    case "media": {
      const { type: _type, content: _content, isFinal: _isFinal, index: _index, append, thought, ...medium } = chunk;
      return append || thought || medium.partial ? reply : { ...reply, media: [...media, medium as Media] };
    }
    case "rewind": {
      const length = Math.max(start, content.length - chunk.length);
      return {
        ...reply,
        content: content.slice(0, length),
        reasoning: reasoning.slice(0, Math.max(0, reasoning.length - chunk.reasoningLength)),
        citations: citations.filter(({ endIndex = 0 }) => length > start && endIndex <= length),
        toolCalls: toolCalls.filter(({ state }) => state !== "writing"),
        providerToolCalls: length > start ? providerToolCalls : [],
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
  const known = callOf(reply, call.id);
  if (!known) return { ...reply, toolCalls: [...toolCalls, { ...call, at: content.length }] };
  return { ...reply, toolCalls: toolCalls.map((each) => (each === known ? { ...known, ...call } : each)) };
}
