/** Chunks → `AssistantMessage`. The only place that accumulates a reply. */

import type { FinishReason, MessageChunk } from "./chunk.ts";
import { estimateMediaTokens, MediaCollector } from "./media.ts";
import type {
  AssistantMessage,
  Citation,
  ProviderToolCall,
  RateLimits,
  Replay,
  SearchActivity,
  TokenLogprob,
  TokenUsage,
  ToolCall,
  UnfinishedToolCall,
} from "./message.ts";
import type { Attempt, ReplyMetrics } from "./stream/metrics.ts";
import { TextBuffer } from "./text-buffer.ts";
import { estimateTokens } from "./token-estimate.ts";

/** What is known of a reply beside its chunks. Its owner writes into it while the reply runs. */
export interface ReplyFacts {
  provider: string;
  model: string;
  id?: string;
  requestId?: string;
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

/** Characters that a live estimate looks at, so that reading the metrics costs the same however long the reply is. */
const LIVE_SAMPLE = 2_000;

/** Collects the chunks of one reply. */
export class Fold {
  readonly #facts: ReplyFacts;
  readonly #content = new TextBuffer();
  readonly #reasoning = new TextBuffer();
  readonly #toolCalls: ToolCall[] = [];
  readonly #unfinished = new Map<number, { id: string; name: string; argumentsText: string }>();
  readonly #citations: Citation[] = [];
  readonly #providerToolCalls: ProviderToolCall[] = [];
  /** Most replies have none. */
  #media: MediaCollector | undefined;
  #unseenTokens = 0;

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
        this.#addToolCallDelta(chunk.index, chunk.id, chunk.name, chunk.argumentsDelta);
        break;
      case "toolCall":
        this.#toolCalls.push(chunk.toolCall);
        for (const [index, call] of this.#unfinished) {
          if (call.id === chunk.toolCall.id) this.#unfinished.delete(index);
        }
        break;
      case "citation": {
        const { type: _type, content: _content, isFinal: _isFinal, ...citation } = chunk;
        this.#citations.push(citation);
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
      case "toolResult": {
        const answered = this.#toolCalls.findIndex(({ id }) => id === chunk.toolCallId);
        if (answered >= 0) this.#toolCalls.splice(answered, 1);
        break;
      }
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
    const kept = this.#content.toString().length - length;
    this.#content.cut(kept);
    this.#reasoning.cut(this.#reasoning.toString().length - reasoningLength);
    this.#unfinished.clear();
    const stays = ({ endIndex = 0 }: Citation) => kept > 0 && endIndex <= kept;
    this.#citations.splice(0, this.#citations.length, ...this.#citations.filter(stays));
    if (kept <= 0) this.#providerToolCalls.length = 0;
    this.#media?.dropPartial();
  }

  /** The reply so far as a message. */
  message(ending: Ending, metricsOf: (outputTokens: number | undefined) => ReplyMetrics): AssistantMessage {
    const facts = this.#facts;
    const media = this.#media?.list(ending === "whole") ?? [];
    const unfinished: UnfinishedToolCall[] = ending === "whole" ? [] : [...this.#unfinished.values()];
    // Running totals of a reply that was cut do not cover its end.
    const isCovered = facts.usage !== undefined && (ending === "whole" || ending === "drained");
    const known = ending === "running" ? undefined : facts.estimatedUsage;
    const estimate = known ?? (isCovered ? undefined : this.#estimateUsage());
    return {
      role: "assistant",
      content: this.#content.toString(),
      reasoning: this.#reasoning.toString(),
      toolCalls: [...this.#toolCalls],
      ...(unfinished.length > 0 && { unfinishedToolCalls: unfinished.map((call) => ({ ...call })) }),
      citations: [...this.#citations],
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
      ...(ending !== "whole" && ending !== "running" && { interrupted: true as const }),
    };
  }

  /** Output tokens so far, as reported or as estimated from the beginning of the reply. */
  outputTokens(): number {
    const text = `${this.#content}${this.#reasoning}`;
    const sample = text.slice(0, LIVE_SAMPLE);
    const estimate = sample === "" ? 0 : (estimateTokens(sample) * text.length) / sample.length;
    const all = Math.round(estimate) + (this.#media?.tokens ?? 0);
    return Math.max(this.#facts.usage?.outputTokens ?? 0, all);
  }

  #addToolCallDelta(index: number, id: string, name: string, argumentsDelta: string): void {
    const call = this.#unfinished.get(index);
    if (call) call.argumentsText += argumentsDelta;
    else this.#unfinished.set(index, { id, name, argumentsText: argumentsDelta });
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

  #estimateUsage(): TokenUsage {
    const { usage, estimateInput, serviceTier = usage?.serviceTier } = this.#facts;
    const calls = [
      ...this.#toolCalls.map((call) => call.name + jsonOf(call.arguments)),
      ...[...this.#unfinished.values()].map((call) => call.name + call.argumentsText),
    ];
    const inputTokens = usage?.inputTokens ?? numberFrom(estimateInput) ?? 0;
    const estimated = [this.#content.toString(), this.#reasoning.toString(), ...calls].reduce(
      (sum, text) => sum + estimateTokens(text),
      this.#unseenTokens + (this.#media?.tokens ?? 0),
    );
    const outputTokens = Math.max(estimated, usage?.outputTokens ?? 0);
    return {
      inputTokens,
      outputTokens,
      totalTokens: inputTokens + outputTokens,
      ...(serviceTier !== undefined && { serviceTier }),
    };
  }
}

/** An estimate must not stand in the way of the message that it belongs to. */
function numberFrom(estimate: (() => number) | undefined): number | undefined {
  try {
    return estimate?.();
  } catch {
    return undefined;
  }
}

function jsonOf(value: unknown): string {
  try {
    return JSON.stringify(value) ?? "";
  } catch {
    return "";
  }
}
