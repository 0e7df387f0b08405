/** A reply with more of it. Pure; parts that do not change stay the same. */

import type { MessageChunk } from "../contract/chunk.ts";
import type { Media } from "../contract/message.ts";
import type { ChatReply, ChatToolCall } from "../dialects/native/chat-message.ts";
import { movedCitation } from "../dialects/native/shown.ts";

/** More of the parts that only become longer. */
type More = Partial<Pick<ChatReply, "content" | "reasoning" | "citations" | "media" | "providerToolCalls">>;

/**
 * Returns a reply with more of its parts: those of a chunk, or of a message that continues it.
 * @param start the length of the text before the run, where a reply continues
 */
export function withMore(reply: ChatReply, more: More, start: number): ChatReply {
  const { content = "", reasoning = "", citations = [], media = [], providerToolCalls = [] } = more;
  return {
    ...reply,
    content: reply.content + content,
    reasoning: reply.reasoning + reasoning,
    citations: joined(
      reply.citations,
      citations.map((citation) => movedCitation(citation, start)),
    ),
    media: joined(reply.media, media),
    providerToolCalls: joined(reply.providerToolCalls, providerToolCalls),
  };
}

/** Returns a reply with one chunk more. @param start as for `withMore` */
export function withChunk(reply: ChatReply, chunk: MessageChunk, start: number): ChatReply {
  switch (chunk.type) {
    case "text":
    case "reasoning":
      return withMore(reply, chunk, start);
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
      return withMore(reply, { citations: [citation] }, start);
    }
    case "providerToolCall":
      return withMore(reply, { providerToolCalls: [chunk.providerToolCall] }, start);
    case "media": {
      const { type: _type, content: _content, isFinal: _isFinal, index: _index, append, thought, ...medium } = chunk;
      return append || thought || medium.partial ? reply : withMore(reply, { media: [medium as Media] }, start);
    }
    case "rewind": {
      const { content, reasoning, citations, providerToolCalls, toolCalls } = reply;
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

/** Returns the list with more items at its end; without more, the list itself. */
function joined<Item>(list: readonly Item[], more: readonly Item[]): readonly Item[] {
  return more[0] ? [...list, ...more] : list;
}
