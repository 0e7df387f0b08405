/** Chunks → `AssistantMessage`, with every fact of a reply. */

import type { MessageChunk } from "../contract/chunk.ts";
import type { AssistantMessage, Citation, ProviderToolCall, Replay } from "../contract/message.ts";
import type { ReplyMetrics } from "../contract/metrics.ts";
import type { TokenUsage } from "../contract/usage.ts";
import { exactJsonIfOther } from "../platform/exact-json.ts";
import { TextBuffer } from "../platform/text-buffer.ts";
import { estimateTokens } from "../tokens/estimate.ts";
import { LiveEstimate } from "../tokens/live-estimate.ts";
import { CallsSoFar } from "./calls-so-far.ts";
import { type Ending, endReasonOf } from "./ending.ts";
import { estimateMediaTokens, MediaCollector } from "./media-collector.ts";
import { type ReplyFacts, shownFacts } from "./reply-facts.ts";

/** Collects the chunks of one reply. */
export class Fold {
  readonly #facts: ReplyFacts;
  readonly #content = new TextBuffer();
  readonly #reasoning = new TextBuffer();
  /** Most replies have none. */
  #calls: CallsSoFar | undefined;
  /** Of content and reasoning; made at the first look. */
  #estimates: readonly LiveEstimate[] | undefined;
  readonly #citations: Citation[] = [];
  readonly #providerToolCalls: ProviderToolCall[] = [];
  /** Most replies have none. */
  #media: MediaCollector | undefined;
  #unseenTokens = 0;
  /** Of the citations, until another one comes. */
  #shownCitations: readonly Citation[] | undefined;
  #counted: { readonly estimateInput: () => number; readonly tokens: number } | undefined;

  constructor(facts: ReplyFacts) {
    this.#facts = facts;
  }

  add(chunk: MessageChunk): void {
    switch (chunk.type) {
      case "text":
        this.#content.add(chunk.content);
        break;
      case "reasoning":
        this.#reasoning.add(chunk.reasoning);
        break;
      case "toolCallDelta":
        this.#calls ??= new CallsSoFar();
        this.#calls.begin(chunk.index, chunk.id, chunk.name, chunk.argumentsDelta);
        break;
      case "toolCall":
        this.#calls ??= new CallsSoFar();
        this.#calls.deliver(chunk.toolCall);
        break;
      case "citation": {
        const { type: _type, content: _content, isFinal: _isFinal, raw: _raw, ...citation } = chunk;
        this.#citations.push(citation);
        this.#shownCitations = undefined;
        break;
      }
      case "providerToolCall":
        this.#providerToolCalls.push(chunk.providerToolCall);
        break;
      case "media":
        this.#media ??= new MediaCollector();
        this.#media.add(chunk);
        break;
      case "rewind":
        this.#rewind(chunk.length, chunk.reasoningLength);
        break;
      case "toolResult":
        this.#calls?.answer(chunk.toolCallId);
        break;
      case "final":
        break;
    }
  }

  /** Counts a chunk that is billed and not part of the message. Returns its estimated tokens. */
  addUnseen(chunk: MessageChunk): number {
    const text =
      chunk.type === "reasoning"
        ? chunk.reasoning
        : chunk.type === "toolCallDelta"
          ? chunk.argumentsDelta
          : chunk.content;
    const seenTokens = chunk.type === "media" ? Math.ceil(estimateMediaTokens(chunk)) : 0;
    const tokens = text === "" ? seenTokens : estimateTokens(text);
    this.#unseenTokens += tokens;
    return tokens;
  }

  #rewind(length: number, reasoningLength: number): void {
    const kept = this.#content.length - length;
    if (length > 0) this.#content.cut(kept);
    if (reasoningLength > 0) this.#reasoning.cut(this.#reasoning.length - reasoningLength);
    this.#calls?.dropBegun();
    this.#shownCitations = undefined;
    const stays = ({ endIndex = 0 }: Citation) => kept > 0 && endIndex <= kept;
    this.#citations.splice(0, this.#citations.length, ...this.#citations.filter(stays));
    if (kept <= 0) this.#providerToolCalls.length = 0;
    this.#media?.dropPartial();
  }

  /** Returns the reply so far as a message. */
  message(ending: Ending, metricsOf: (outputTokens: number | undefined) => ReplyMetrics): AssistantMessage {
    const facts = this.#facts;
    const media = this.#media?.list(ending === "complete") ?? [];
    const unfinished = (ending !== "complete" && this.#calls?.begun) || [];
    this.#shownCitations ??= [...this.#citations];
    // Running totals of a reply that was cut do not cover its end.
    const isCovered = facts.usage !== undefined && (ending === "complete" || ending === "drained");
    const known = ending === "running" ? undefined : facts.estimatedUsage;
    const estimate = known ?? (isCovered ? undefined : this.#estimateUsage(ending === "running"));
    return {
      role: "assistant",
      content: this.#content.toString(),
      reasoning: this.#reasoning.toString(),
      toolCalls: this.#calls?.delivered ?? [],
      citations: this.#shownCitations,
      finishReason: endReasonOf(ending, facts.finishReason),
      metrics: metricsOf(Math.max(facts.usage?.outputTokens ?? 0, estimate?.outputTokens ?? 0)),
      provider: facts.provider,
      model: facts.model,
      // Spreads stand last: V8 makes a hidden class for each literal that has more fields behind one, which takes 1 µs.
      ...(unfinished.length > 0 && { unfinishedToolCalls: unfinished }),
      ...(media.length > 0 && { media }),
      ...(this.#providerToolCalls.length > 0 && { providerToolCalls: [...this.#providerToolCalls] }),
      ...shownFacts(facts, ending),
      ...(estimate && { estimatedUsage: estimate }),
      ...(facts.replay && {
        replay: Object.assign({}, ending === "running" ? facts.replay : withAllDigits(facts.replay), facts.writer),
      }),
      ...(ending !== "complete" && ending !== "running" && { interrupted: true as const }),
    };
  }

  /** Returns the output tokens so far, as reported or as estimated from the beginning of the reply. */
  outputTokens(): number {
    return Math.max(this.#facts.usage?.outputTokens ?? 0, this.#liveTokens());
  }

  #liveTokens(): number {
    this.#estimates ??= [this.#content, this.#reasoning].map((text) => new LiveEstimate(text));
    const texts = this.#estimates.reduce((sum, estimate) => sum + estimate.tokens(), 0);
    return Math.round(texts + (this.#calls?.liveTokens ?? 0)) + (this.#media?.tokens ?? 0);
  }

  /** Returns the tokens of the request, which are counted once: it does not change. */
  #inputTokens(): number {
    const { estimateInput } = this.#facts;
    if (!estimateInput) return 0;
    if (this.#counted?.estimateInput !== estimateInput) {
      this.#counted = { estimateInput, tokens: numberFrom(estimateInput) };
    }
    return this.#counted.tokens;
  }

  #estimateUsage(isRunning: boolean): TokenUsage {
    const { usage, serviceTier = usage?.serviceTier } = this.#facts;
    const { cachedInputTokens, cacheWriteTokens } = usage ?? {};
    const inputTokens = usage?.inputTokens ?? this.#inputTokens();
    const written = isRunning ? this.#liveTokens() : this.#writtenTokens();
    const outputTokens = Math.max(written + this.#unseenTokens, usage?.outputTokens ?? 0);
    return {
      inputTokens,
      outputTokens,
      totalTokens: inputTokens + outputTokens,
      ...(cachedInputTokens !== undefined && { cachedInputTokens }),
      ...(cacheWriteTokens !== undefined && { cacheWriteTokens }),
      ...(serviceTier !== undefined && { serviceTier }),
    };
  }

  #writtenTokens(): number {
    return [this.#content.toString(), this.#reasoning.toString(), ...(this.#calls?.texts() ?? [])].reduce(
      (sum, text) => sum + estimateTokens(text),
      this.#media?.tokens ?? 0,
    );
  }
}

/** Returns the estimate, which must not make its message fail. */
function numberFrom(estimate: () => number): number {
  try {
    return estimate();
  } catch {
    return 0;
  }
}

/** A relayed reply has its JSON already: a copy of its data does not know what was written. */
function withAllDigits(replay: Replay): Replay {
  const rawData = replay.rawData ?? exactJsonIfOther(replay.data);
  return rawData === undefined ? replay : { ...replay, rawData };
}
