/** Events of a reply, written by hand, for the encoders of programs' wires. */

import type { MessageChunk } from "../../src/contract/chunk.ts";
import type { AssistantMessage, ToolCall } from "../../src/contract/message.ts";
import type { ReplyEvent } from "../../src/dialects/dialect.ts";
import type { GatewayReply, GatewayWire } from "../../src/dialects/gateway/dialect.ts";
import { eventsIn, type WireEvent } from "./gateway.ts";

export const REPLY: GatewayReply = { id: "r1", model: "script", createdAt: 1_800_000_000, inputTokens: 12 };

export const OPENED: ReplyEvent = { type: "opened", run: "r1", provider: "p", model: "m" };

/** A complete reply with these fields. */
export function message(fields: Partial<AssistantMessage> = {}): AssistantMessage {
  return {
    role: "assistant",
    content: "",
    reasoning: "",
    toolCalls: [],
    citations: [],
    finishReason: "stop",
    metrics: { durationMs: 1, chunks: 1, longestGapMs: 0, attempts: [] },
    provider: "p",
    model: "m",
    ...fields,
  };
}

export function complete(fields: Partial<AssistantMessage> = {}): ReplyEvent {
  return { type: "complete", message: message(fields) };
}

export function chunks(...made: readonly MessageChunk[]): ReplyEvent {
  return { type: "chunks", chunks: made };
}

const empty = { content: "", isFinal: false } as const;

export function text(content: string): MessageChunk {
  return { type: "text", content, isFinal: false };
}

export function thinking(reasoning: string): MessageChunk {
  return { ...empty, type: "reasoning", reasoning };
}

export function piece(index: number, name: string, argumentsDelta: string, id = `call_${index}`): MessageChunk {
  return { ...empty, type: "toolCallDelta", index, id, name, argumentsDelta };
}

export function call(toolCall: ToolCall): MessageChunk {
  return { ...empty, type: "toolCall", toolCall };
}

export function rewind(length: number, reasoningLength = 0): MessageChunk {
  return { ...empty, type: "rewind", length, reasoningLength };
}

/** Returns the events on the wire, and whether the encoder is over before the end of the input. */
export function encoded(wire: GatewayWire, ...events: readonly ReplyEvent[]): readonly WireEvent[] {
  const encoder = wire.encoder(REPLY);
  return eventsIn(events.map((event) => encoder.encode(event)).join(""));
}
