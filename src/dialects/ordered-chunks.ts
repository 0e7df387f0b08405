/** A summary → the chunks of the reply, in the order in which they came. */

import type { MessageChunk } from "../contract/chunk.ts";
import type { AssistantMessage, ToolCall } from "../contract/message.ts";
import { argumentsText } from "./gateway/calls.ts";
import { inDefaultOrder, type OutlinePart, type ReplyOutline } from "./outline.ts";

/** Chunks in order. `attempt`: the process that wrote them, where it is known. */
export interface OrderedChunks {
  readonly attempt?: number | undefined;
  readonly chunks: readonly MessageChunk[];
}

/** A summary, as a viewer sees it. */
export interface Summary {
  readonly message: AssistantMessage;
  readonly tools?: readonly MessageChunk[] | undefined;
  readonly outline?: ReplyOutline | undefined;
}

/** Returns a summary as chunks in the order in which they came. */
export function inOrder({ message, tools, outline }: Summary): readonly OrderedChunks[] {
  if (!outline) return [{ chunks: inDefaultOrder(message, tools) }];
  const reader = new SummaryReader(message, tools, outline);
  const ordered: { attempt?: number; readonly chunks: MessageChunk[] }[] = [{ chunks: [] }];
  for (const part of outline) {
    if (part[0] === "attempt") ordered.push({ attempt: part[1], chunks: [] });
    else ordered.at(-1)?.chunks.push(...reader.chunksOf(part));
  }
  return ordered;
}

/** Reads a summary from its beginning, part by part. */
class SummaryReader {
  readonly #message: AssistantMessage;
  readonly #calls: ReadonlyMap<string, ToolCall>;
  readonly #results: readonly MessageChunk[];
  /** The arguments of each call as the model wrote them. */
  readonly #texts = new Map<string, string>();
  readonly #names = new Map<string, string>();
  /** How much of each kind, and of each call's arguments, was read. */
  readonly #read = new Map<string, number>();

  constructor(message: AssistantMessage, tools: readonly MessageChunk[] | undefined, outline: ReplyOutline) {
    this.#message = message;
    const calls = tools
      ? tools.flatMap((chunk) => (chunk.type === "toolCall" ? [chunk.toolCall] : []))
      : message.toolCalls;
    this.#calls = new Map(calls.map((call) => [call.id, call]));
    this.#results = tools ?? [];
    for (const { id, name, argumentsText } of message.unfinishedToolCalls ?? []) this.#note(id, name, argumentsText);
    for (const call of calls) this.#note(call.id, call.name, argumentsText(call));
    for (const [type, id, text] of outline) if (type === "call" && text !== undefined) this.#texts.set(id, text);
  }

  chunksOf(part: Exclude<OutlinePart, readonly ["attempt", ...unknown[]]>): readonly MessageChunk[] {
    const { content, reasoning, citations, providerToolCalls = [], media = [] } = this.#message;
    const more = { content: "", isFinal: false } as const;
    switch (part[0]) {
      case "text": {
        const text = content.slice(...this.#next("text", part[1]));
        return text === "" ? [] : [{ type: "text", content: text, isFinal: false }];
      }
      case "reasoning": {
        const text = reasoning.slice(...this.#next("reasoning", part[1])); // a viewer may not see it
        return text === "" ? [] : [{ ...more, type: "reasoning", reasoning: text }];
      }
      case "citation": {
        const next = citations.slice(...this.#next("citation", part[1]));
        return next.map((citation) => ({ ...more, type: "citation", ...citation }));
      }
      case "providerToolCall": {
        const next = providerToolCalls.slice(...this.#next("providerToolCall", part[1]));
        return next.map((providerToolCall) => ({ ...more, type: "providerToolCall", providerToolCall }));
      }
      case "media": {
        const [from, to] = this.#next("media", part[1]);
        return media.slice(from, to).map((medium, at) => ({ ...more, type: "media", index: from + at, ...medium }));
      }
      case "arguments": {
        const [, id, units, index] = part;
        const argumentsDelta = (this.#texts.get(id) ?? "").slice(...this.#next(`arguments ${id}`, units));
        const name = this.#names.get(id) ?? "";
        return [{ ...more, type: "toolCallDelta", index, id, name, argumentsDelta }];
      }
      case "call": {
        const toolCall = this.#calls.get(part[1]);
        return toolCall ? [{ ...more, type: "toolCall", toolCall }] : [];
      }
      case "result":
        return this.#results.filter((chunk) => chunk.type === "toolResult" && chunk.toolCallId === part[1]);
      case "rewind":
        return Array.from({ length: part[1] }, () => ({ ...more, type: "rewind", length: 0, reasoningLength: 0 }));
      case "attempt":
        return [];
    }
  }

  #note(id: string, name: string, text: string): void {
    this.#names.set(id, name);
    this.#texts.set(id, text);
  }

  #next(kind: string, count: number): readonly [number, number] {
    const from = this.#read.get(kind) ?? 0;
    this.#read.set(kind, from + count);
    return [from, from + count];
  }
}
