/** Chunks → message for a viewer: without exact estimates, and without the facts that come with the relay's end. */

import type { MessageChunk } from "../../contract/chunk.ts";
import type {
  AssistantMessage,
  Citation,
  Media,
  ProviderToolCall,
  ToolCall,
  UnfinishedToolCall,
} from "../../contract/message.ts";
import type { ReplyMetrics } from "../../contract/metrics.ts";
import { type Ending, endReasonOf } from "../../stream/ending.ts";
import { completeMedium } from "../../stream/media-collector.ts";
import type { ReplyFacts } from "../../stream/reply-facts.ts";

/** UTF-16 units of a token, about: English has four. */
const UNITS_PER_TOKEN = 4;

/** Returns the estimated tokens of so many UTF-16 units. The relay has the exact ones. */
export function tokensOf(units: number): number {
  return Math.ceil(units / UNITS_PER_TOKEN);
}

function unitsOf(chunk: MessageChunk): number {
  switch (chunk.type) {
    case "reasoning":
      return chunk.reasoning.length;
    case "toolCallDelta":
      return chunk.argumentsDelta.length;
    case "rewind":
      return -chunk.length - chunk.reasoningLength;
    default:
      return chunk.content.length;
  }
}

/** Collects the chunks of one reply. */
export class ViewerFold {
  content = "";
  reasoning = "";
  readonly toolCalls: ToolCall[] = [];
  citations: Citation[] = [];
  providerToolCalls: ProviderToolCall[] = [];
  /** Complete media as they came. Pieces of a sound are in its chunks, and joined in the message of the relay. */
  readonly media: Media[] = [];
  readonly #begun = new Map<number, UnfinishedToolCall>();
  readonly #facts: ReplyFacts;
  /** Of the text, and of the arguments that came in pieces; also of what is not shown. */
  #units = 0;

  constructor(facts: ReplyFacts) {
    this.#facts = facts;
  }

  get unfinishedToolCalls(): readonly UnfinishedToolCall[] {
    return [...this.#begun.values()];
  }

  add(chunk: MessageChunk): void {
    this.#units += unitsOf(chunk);
    switch (chunk.type) {
      case "text":
        this.content += chunk.content;
        break;
      case "reasoning":
        this.reasoning += chunk.reasoning;
        break;
      case "toolCallDelta": {
        const { index, id, name, argumentsDelta } = chunk;
        const { argumentsText, ...begun } = this.#begun.get(index) ?? { id, name, argumentsText: "" };
        this.#begun.set(index, { ...begun, argumentsText: argumentsText + argumentsDelta });
        break;
      }
      case "toolCall":
        this.toolCalls.push(chunk.toolCall);
        for (const [index, { id }] of this.#begun) if (id === chunk.toolCall.id) this.#begun.delete(index);
        break;
      case "citation": {
        const { type: _type, content: _content, isFinal: _isFinal, raw: _raw, ...citation } = chunk;
        this.citations.push(citation);
        break;
      }
      case "providerToolCall":
        this.providerToolCalls.push(chunk.providerToolCall);
        break;
      case "media": {
        const medium = completeMedium(chunk);
        if (medium) this.media.push(medium);
        break;
      }
      case "rewind":
        this.#rewind(chunk.length, chunk.reasoningLength);
        break;
      case "toolResult": {
        const answered = this.toolCalls.findIndex(({ id }) => id === chunk.toolCallId);
        if (answered >= 0) this.toolCalls.splice(answered, 1);
        break;
      }
      case "final":
        break;
    }
  }

  /** Counts a chunk that is billed and not part of the message. Returns its estimated tokens. */
  addUnseen(chunk: MessageChunk): number {
    const units = unitsOf(chunk);
    this.#units += units;
    return tokensOf(units);
  }

  #rewind(length: number, reasoningLength: number): void {
    const kept = this.content.length - length;
    this.content = this.content.slice(0, Math.max(0, kept));
    this.reasoning = this.reasoning.slice(0, Math.max(0, this.reasoning.length - reasoningLength));
    this.#begun.clear();
    const stays = ({ endIndex = 0 }: Citation): boolean => kept > 0 && endIndex <= kept;
    this.citations = this.citations.filter(stays);
    if (kept <= 0) this.providerToolCalls = [];
  }

  outputTokens(): number {
    return Math.max(tokensOf(this.#units), this.#facts.usage?.outputTokens ?? 0);
  }

  message(ending: Ending, metricsOf: (outputTokens: number) => ReplyMetrics): AssistantMessage {
    const { content, reasoning, toolCalls, citations, providerToolCalls, media, unfinishedToolCalls } = this;
    const { provider, model, usage, estimateInput } = this.#facts;
    const isRunning = ending === "running";
    const isComplete = ending === "complete";
    const outputTokens = this.outputTokens();
    const inputTokens = usage?.inputTokens ?? estimateInput?.() ?? 0;
    return {
      role: "assistant",
      content,
      reasoning,
      toolCalls: [...toolCalls],
      ...(!isComplete && unfinishedToolCalls.length > 0 && { unfinishedToolCalls }),
      citations: [...citations],
      ...(media.length > 0 && { media: [...media] }),
      ...(providerToolCalls.length > 0 && { providerToolCalls: [...providerToolCalls] }),
      finishReason: endReasonOf(ending, undefined), // the relay has the provider's
      ...(usage && { usage }),
      ...(!(usage && (isComplete || ending === "drained")) && {
        estimatedUsage: { ...usage, inputTokens, outputTokens, totalTokens: inputTokens + outputTokens },
      }),
      metrics: metricsOf(outputTokens),
      provider,
      model,
      ...(!isComplete && !isRunning && { interrupted: true as const }),
    };
  }
}
