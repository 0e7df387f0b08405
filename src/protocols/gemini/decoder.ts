/**
 * Decodes Gemini's `generateContent`: one state machine. Every event holds new parts of the reply. Only the end of the
 * body ends the reply, and only a finish reason before it shows that the reply is complete.
 * @see https://ai.google.dev/api/generate-content
 */

import type { MessageChunk } from "../../contract/chunk.ts";
import { SendError } from "../../contract/errors.ts";
import type { FinishReason } from "../../contract/finish-reason.ts";
import { TextBuffer } from "../../platform/text-buffer.ts";
import type { ReplyFacts } from "../../stream/reply-facts.ts";
import { citationChunk } from "../common/citation-chunk.ts";
import { isErrorEvent, isForeignError } from "../common/error-kinds.ts";
import { brokenOffError, finishReasonOf, laterReason, reasonIn } from "../common/finish-reasons.ts";
import { addGeminiLogprobs } from "../common/logprobs.ts";
import { laterUsage } from "../common/usage-counts.ts";
import { firstAnswer, listIn, meaningOf, nameIn, objectIn, textIn } from "../common/wire-values.ts";
import type { Decoder } from "../protocol.ts";
import { GeminiCalls } from "./calls.ts";
import { camelCased, hasOtherNames } from "./camel-case.ts";
import { groundingCitations } from "./citations.ts";
import { geminiError } from "./errors.ts";
import { GeminiMedia } from "./media.ts";
import { GEMINI, type GeminiReplay } from "./messages.ts";
import { geminiUsageOf } from "./usage.ts";
import type { GeminiPart, GroundingMetadata, WireCandidate, WireResponse } from "./wire.ts";

const FINISH_REASONS: Readonly<Record<string, FinishReason>> = {
  STOP: "stop",
  MAX_TOKENS: "length",
  SAFETY: "contentFilter",
  RECITATION: "contentFilter",
  BLOCKLIST: "contentFilter",
  PROHIBITED_CONTENT: "contentFilter",
  SPII: "contentFilter",
  IMAGE_SAFETY: "contentFilter",
  IMAGE_PROHIBITED_CONTENT: "contentFilter",
  IMAGE_RECITATION: "contentFilter",
  MODEL_ARMOR: "contentFilter",
};

/** Decodes one reply. */
export class GeminiDecoder implements Decoder {
  readonly #facts: ReplyFacts;
  readonly #model: string;
  readonly #parts: GeminiPart[] = [];
  /** The text of the last part, while more of it may come. */
  #run: TextBuffer | undefined;
  readonly #text = new TextBuffer();
  /** Most replies have none. */
  #anyCalls: GeminiCalls | undefined;
  /** Of searches; most replies have none, and no sources. */
  #queries: Set<string> | undefined;
  #grounding: GroundingMetadata | undefined;
  readonly #media = new GeminiMedia();
  #finishMessage = "";

  constructor(facts: ReplyFacts) {
    this.#facts = facts;
    this.#model = facts.model;
  }

  get #calls(): GeminiCalls {
    this.#anyCalls ??= new GeminiCalls(this.#facts, (part) => this.#addPart(part));
    return this.#anyCalls;
  }

  push(event: object, type: string, chunks: MessageChunk[]): boolean {
    let wire = event as WireResponse;
    // Google's own events have one of these.
    if (!wire.usageMetadata && !wire.modelVersion) wire = camelCased(wire) as WireResponse;
    const usage = geminiUsageOf(wire.usageMetadata);
    if (usage) this.#facts.usage = laterUsage(this.#facts.usage, usage);
    if (isErrorEvent(event, type) || (!wire.candidates && isForeignError(event)))
      throw geminiError(this.#facts.provider, 0, event);
    const id = nameIn(wire.responseId);
    if (id !== undefined && this.#facts.id === undefined) this.#facts.id = id;
    this.#facts.model = nameIn(wire.modelVersion) ?? this.#facts.model;
    const { blockReason, blockReasonMessage } = wire.promptFeedback ?? {};
    if (blockReason && blockReason !== "BLOCK_REASON_UNSPECIFIED") {
      const why = blockReasonMessage ? `: ${blockReasonMessage}` : "";
      throw new SendError("contentFilter", `The prompt was blocked (${blockReason})${why}`, { code: blockReason });
    }
    const candidate = firstAnswer(wire.candidates);
    if (candidate) this.#readCandidate(candidate, chunks);
    return false;
  }

  end(_sentinel: boolean, chunks: MessageChunk[]): void {
    const facts = this.#facts;
    const raw = facts.rawFinishReason;
    if (raw === undefined) {
      throw new SendError("truncated", "The reply ended before its finish reason, so it is incomplete.");
    }
    const known = meaningOf(FINISH_REASONS, raw) ?? finishReasonOf(raw);
    const broken = known ? undefined : brokenOffError(raw, this.#finishMessage);
    if (broken) throw broken;
    const reason = known ?? "unknown";
    this.#media.close(chunks);
    this.#anyCalls?.end(reason === "stop", chunks);
    if (this.#grounding) {
      for (const citation of groundingCitations(this.#grounding, this.#text.toString()))
        chunks.push(citationChunk(citation));
    }
    this.#anyCalls?.emitUnanswered(chunks);
    // Calls also end with STOP.
    facts.finishReason = this.#anyCalls?.anyForCaller && reason === "stop" ? "toolCalls" : reason;
    if (this.#queries) facts.search = { queries: [...this.#queries], count: this.#queries.size };
    this.#endRun();
    const data: GeminiReplay = { parts: this.#parts, callIds: this.#anyCalls?.ids ?? [] };
    if (this.#parts.some(isMoreThanText)) {
      facts.replay = { provider: facts.provider, protocol: GEMINI, model: this.#model, data };
    }
  }

  #readCandidate(candidate: WireCandidate, chunks: MessageChunk[]): void {
    for (const item of listIn(objectIn(candidate.content)?.parts)) {
      const part = objectIn(item);
      if (part) this.#readPart(part, chunks);
    }
    if (candidate.logprobsResult) addGeminiLogprobs(this.#facts, candidate.logprobsResult);
    // A reason in mid-stream does not end it: the last one counts.
    const { finishMessage, groundingMetadata } = candidate;
    const reason = reasonIn(candidate.finishReason);
    if (reason !== undefined && reason !== "FINISH_REASON_UNSPECIFIED")
      this.#facts.rawFinishReason = laterReason(this.#facts.rawFinishReason, reason);
    if (typeof finishMessage === "string") this.#finishMessage = finishMessage;
    if (!groundingMetadata) return;
    for (const query of listIn(groundingMetadata.webSearchQueries)) {
      if (!query) continue;
      this.#queries ??= new Set();
      this.#queries.add(query);
    }
    // Empty on most events, and complete on the last.
    if (groundingMetadata.groundingChunks?.length) this.#grounding = groundingMetadata;
  }

  #readPart(part: GeminiPart, chunks: MessageChunk[]): void {
    const { text } = part;
    if (part.functionCall) {
      const { text: _text, ...others } = part;
      // Gateways put text, even an empty one, into the part of the call.
      if (text) this.#readText({ text }, textIn(text), chunks);
      this.#calls.read(others, part.functionCall, chunks);
    } else if (text !== undefined && text !== null) this.#readText(part, textIn(text), chunks);
    else if (part.inlineData || part.fileData) {
      const kept = this.#media.read(part, chunks);
      if (kept) this.#addPart(kept);
    } else if (hasOtherNames(part)) this.#readPart(camelCased(part) as GeminiPart, chunks);
    else if (hasData(part)) {
      this.#addPart(part);
      this.#calls.readProviderTool(part, chunks);
    } else this.#readText({ ...part, text: "" }, "", chunks);
  }

  #addPart(part: GeminiPart): void {
    this.#endRun();
    this.#parts.push(part);
  }

  #endRun(): void {
    const last = this.#parts.pop();
    if (last) this.#parts.push(this.#run ? { ...last, text: this.#run.toString() } : last);
    this.#run = undefined;
  }

  #readText(part: GeminiPart, text: string, chunks: MessageChunk[]): void {
    const isPlain = isPlainText(part);
    // Pieces of one text may be joined, unless one of them is signed.
    if (this.#run && isPlain && this.#parts.at(-1)?.thought === part.thought) this.#run.add(text);
    else if (text !== "" || part.thoughtSignature) {
      this.#addPart(part);
      if (isPlain) {
        this.#run = new TextBuffer();
        this.#run.add(text);
      }
    }
    if (text === "") return;
    if (part.thought) {
      chunks.push({ type: "reasoning", content: "", reasoning: text, isFinal: false });
      return;
    }
    this.#text.add(text);
    chunks.push({ type: "text", content: text, isFinal: false });
  }
}

function isPlainText({ text, thoughtSignature }: GeminiPart): boolean {
  return text !== undefined && !thoughtSignature;
}

/** Returns whether a part holds anything. Requests with one that does not are refused. */
function hasData({ text: _text, thought: _thought, thoughtSignature: _signature, ...data }: GeminiPart): boolean {
  return Object.values(data).some((value) => value !== null);
}

/** Returns whether a part holds more than the turn's text. */
function isMoreThanText(part: GeminiPart): boolean {
  return !isPlainText(part);
}
