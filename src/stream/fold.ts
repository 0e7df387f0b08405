/** Chunks → `AssistantMessage`. The only place that accumulates a reply. */

import type { FinishReason, MessageChunk } from "../contract/chunk.ts";
import type {
  AssistantMessage,
  Citation,
  ProviderToolCall,
  RateLimits,
  Replay,
  SearchActivity,
  TokenLogprob,
  TokenUsage,
} from "../contract/message.ts";
import { TextBuffer } from "../platform/text-buffer.ts";
import { estimateTokens } from "../tokens/estimate.ts";
import { LiveEstimate } from "../tokens/live-estimate.ts";
import { CallsSoFar } from "./calls-so-far.ts";
import { estimateMediaTokens, MediaCollector } from "./media-collector.ts";
import type { Attempt, ReplyMetrics } from "./stopwatch.ts";

/** What is known of a reply beside its chunks. Its owner writes into it while the reply runs. */
export interface ReplyFacts {
  provider: string;
  model: string;
  id?: string;
  requestId?: string;
  /** See `AssistantMessage.raw`. */
  raw?: unknown;
  /** Set only once the provider gave a reason. */
  finishReason?: FinishReason;
  rawFinishReason?: string;
  usage?: TokenUsage;
  /** The service that is billed, where it is told outside the usage: an estimate is at that price, too. */
  serviceTier?: string;
  /** An estimate by who knows more than the chunks show: the owner of a reply that is relayed, or of several attempts. */
  estimatedUsage?: TokenUsage;
  search?: SearchActivity;
  /** In the order of the text; grows while the reply runs. */
  logprobs?: TokenLogprob[];
  /** The value that was asked for with the option `output`, once it is validated. */
  output?: unknown;
  replay?: Replay;
  /** Who was asked, to be noted in `replay`. */
  readonly writer?: Pick<Replay, "origin" | "account">;
  rateLimits?: RateLimits;
  readonly attempts: Attempt[];
  /** The provider took the conversation's last turn as the beginning of this reply: the text goes on exactly behind it. */
  continuesExactly?: boolean;
  /** What the provider ties signed parts of this reply to; for the decoder. See `ProtocolRequest.binding`. */
  binding?: () => unknown;
  /** Estimated tokens of the request; asked for only when the provider did not count. */
  estimateInput?: () => number;
}

/** Takes over what another reply's message tells beside its text; attempts are the owner's own affair. */
export function adopt(facts: ReplyFacts, message: AssistantMessage): void {
  const {
    provider,
    model,
    id,
    requestId,
    finishReason,
    rawFinishReason,
    usage,
    estimatedUsage,
    search,
    logprobs,
    output,
    replay,
    raw,
    rateLimits,
  } = message;
  Object.assign(facts, {
    // A stream of somebody's chunks learns only in the end who wrote them.
    provider: provider || facts.provider,
    model: model || facts.model,
    id,
    requestId,
    finishReason,
    rawFinishReason,
    usage,
    estimatedUsage,
    search,
    logprobs: logprobs && [...logprobs],
    output,
    replay,
    raw,
    rateLimits,
  });
  if (estimatedUsage) facts.estimateInput = () => estimatedUsage.inputTokens;
}

/** A citation in a text that has so many more UTF-16 units before it. */
export function movedBy<Place extends Pick<Citation, "startIndex" | "endIndex">>(length: number, place: Place): Place {
  const { startIndex, endIndex } = place;
  return {
    ...place,
    ...(startIndex !== undefined && { startIndex: startIndex + length }),
    ...(endIndex !== undefined && { endIndex: endIndex + length }),
  };
}

/** The chunks of a reply that came whole: folded, they are the same message. */
export function chunksOf<Output>(message: AssistantMessage<Output>): readonly MessageChunk<Output>[] {
  const { content, reasoning, citations, toolCalls, providerToolCalls = [], media = [] } = message;
  return [
    ...(reasoning === "" ? [] : [{ type: "reasoning", content: "", reasoning, isFinal: false } as const]),
    ...providerToolCalls.map(
      (providerToolCall) => ({ type: "providerToolCall", content: "", providerToolCall, isFinal: false }) as const,
    ),
    ...(content === "" ? [] : [{ type: "text", content, isFinal: false } as const]),
    ...media.map((medium, index) => ({ type: "media", content: "", index, ...medium, isFinal: false }) as const),
    ...citations.map((citation) => ({ type: "citation", content: "", ...citation, isFinal: false }) as const),
    ...toolCalls.map((toolCall) => ({ type: "toolCall", content: "", toolCall, isFinal: false }) as const),
    { type: "final", content: "", message, isFinal: true },
  ];
}

/**
 * How the reply ended: as its provider ended it, by the caller, or by a failure. `drained`: stopped, and then read to its end
 * for the bill. `running` while it has not ended.
 */
export type Ending = "whole" | "stopped" | "drained" | "interrupted" | "running";

/** Collects the chunks of one reply. */
export class Fold {
  readonly #facts: ReplyFacts;
  readonly #content = new TextBuffer();
  readonly #reasoning = new TextBuffer();
  /** Most replies have none. */
  #calls: CallsSoFar | undefined;
  /** Of content and reasoning; made when somebody looks. */
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
        const { type: _type, content: _content, isFinal: _isFinal, ...citation } = chunk;
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

  /** A chunk that came and is no part of the message, but of the bill. Returns its tokens, estimated. */
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

  /** The reply so far as a message. */
  message(ending: Ending, metricsOf: (outputTokens: number | undefined) => ReplyMetrics): AssistantMessage {
    const facts = this.#facts;
    const media = this.#media?.list(ending === "whole") ?? [];
    const unfinished = (ending !== "whole" && this.#calls?.begun) || [];
    this.#shownCitations ??= [...this.#citations];
    // Running totals of a reply that was cut do not cover its end.
    const isCovered = facts.usage !== undefined && (ending === "whole" || ending === "drained");
    const known = ending === "running" ? undefined : facts.estimatedUsage;
    const estimate = known ?? (isCovered ? undefined : this.#estimateUsage(ending === "running"));
    return {
      role: "assistant",
      content: this.#content.toString(),
      reasoning: this.#reasoning.toString(),
      toolCalls: this.#calls?.delivered ?? [],
      ...(unfinished.length > 0 && { unfinishedToolCalls: unfinished }),
      citations: this.#shownCitations,
      ...(media.length > 0 && { media }),
      ...(facts.search && { search: facts.search }),
      ...(facts.logprobs && ending !== "running" && { logprobs: facts.logprobs }),
      ...(this.#providerToolCalls.length > 0 && { providerToolCalls: [...this.#providerToolCalls] }),
      ...(facts.output !== undefined && ending === "whole" && { output: facts.output }),
      finishReason: this.#finishReason(ending),
      ...(facts.rawFinishReason !== undefined && { rawFinishReason: facts.rawFinishReason }),
      ...(facts.usage && { usage: facts.usage }),
      ...(estimate && { estimatedUsage: estimate }),
      metrics: metricsOf(Math.max(facts.usage?.outputTokens ?? 0, estimate?.outputTokens ?? 0)),
      provider: facts.provider,
      model: facts.model,
      ...(facts.id !== undefined && { id: facts.id }),
      ...(facts.requestId !== undefined && { requestId: facts.requestId }),
      ...(facts.rateLimits && { rateLimits: facts.rateLimits }),
      ...(facts.replay && { replay: { ...facts.replay, ...facts.writer } }),
      ...(facts.raw !== undefined && { raw: facts.raw }),
      ...(ending !== "whole" && ending !== "running" && { interrupted: true as const }),
    };
  }

  /** Output tokens so far, as reported or as estimated from the beginning of the reply. */
  outputTokens(): number {
    return Math.max(this.#facts.usage?.outputTokens ?? 0, this.#liveTokens());
  }

  #liveTokens(): number {
    this.#estimates ??= [new LiveEstimate(this.#content), new LiveEstimate(this.#reasoning)];
    const texts = this.#estimates.reduce((sum, estimate) => sum + estimate.tokens(), 0);
    return Math.round(texts + (this.#calls?.liveTokens ?? 0)) + (this.#media?.tokens ?? 0);
  }

  /** The request is counted once: it does not change. */
  #inputTokens(): number {
    const { estimateInput } = this.#facts;
    if (!estimateInput) return 0;
    if (this.#counted?.estimateInput !== estimateInput) {
      this.#counted = { estimateInput, tokens: numberFrom(estimateInput) };
    }
    return this.#counted.tokens;
  }

  #finishReason(ending: Ending): FinishReason {
    switch (ending) {
      case "whole":
        return this.#facts.finishReason ?? "unknown";
      case "stopped":
      case "drained":
        return "stopped";
      case "interrupted":
      case "running":
        return "interrupted";
    }
  }

  #estimateUsage(isRunning: boolean): TokenUsage {
    const { usage, serviceTier = usage?.serviceTier } = this.#facts;
    const inputTokens = usage?.inputTokens ?? this.#inputTokens();
    const written = isRunning ? this.#liveTokens() : this.#writtenTokens();
    const outputTokens = Math.max(written + this.#unseenTokens, usage?.outputTokens ?? 0);
    return {
      inputTokens,
      outputTokens,
      totalTokens: inputTokens + outputTokens,
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

/** An estimate must not stand in the way of the message that it belongs to. */
function numberFrom(estimate: () => number): number {
  try {
    return estimate();
  } catch {
    return 0;
  }
}
