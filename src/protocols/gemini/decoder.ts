/**
 * Decodes Gemini's `generateContent`: one state machine. Every event holds new parts of the reply. Only the end of the
 * body ends the reply, and only a finish reason before it shows that the reply is complete.
 * @see https://ai.google.dev/api/generate-content
 */

import type { MessageChunk } from "../../contract/chunk.ts";
import { SendError } from "../../contract/errors.ts";
import type { FinishReason } from "../../contract/finish-reason.ts";
import { exactCopy, exactJson } from "../../platform/exact-json.ts";
import { isJsonObject } from "../../platform/json-object.ts";
import { TextBuffer } from "../../platform/text-buffer.ts";
import type { ReplyFacts } from "../../stream/reply-facts.ts";
import { callDelta } from "../common/call-delta.ts";
import { citationChunk } from "../common/citation-chunk.ts";
import { isError, isForeignError } from "../common/error-kinds.ts";
import { brokenOff, brokenOffError, finishReasonOf } from "../common/finish-reasons.ts";
import { addGeminiLogprobs } from "../common/logprobs.ts";
import { toolCallOf } from "../common/tool-call-arguments.ts";
import { uniqueCallId } from "../common/tool-call-ids.ts";
import { cutCallError, malformedCallError } from "../common/tool-call-tracker.ts";
import { WaitingCalls } from "../common/waiting-calls.ts";
import { argumentsIn, firstAnswer, listIn, meaningOf, nameIn, objectIn, textIn } from "../common/wire-values.ts";
import type { Decoder } from "../protocol.ts";
import { groundingCitations } from "./citations.ts";
import { geminiError } from "./errors.ts";
import { GeminiMedia } from "./media.ts";
import { GEMINI, type GeminiReplay } from "./messages.ts";
import { addArgument } from "./partial-arguments.ts";
import { geminiUsageOf } from "./usage.ts";
import type { GeminiPart, GroundingMetadata, PartialArgument, WireCandidate, WireResponse } from "./wire.ts";

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

/** The model wrote in an unsupported language. A retry may succeed. */
const FAILURE = "LANGUAGE";

/** A call whose arguments come value by value. */
interface OpenCall {
  readonly part: GeminiPart;
  readonly index: number;
  readonly id: string;
  readonly name: string;
  readonly arguments: Record<string, unknown>;
  /** Whether more of its last string was announced. The event that ends the call may be missing. */
  isCut: boolean;
}

/** A call of the reply. It is the caller's, unless the provider answers it itself. */
interface Call {
  readonly id: string;
  readonly ownId: string | undefined;
  readonly name: string;
  readonly arguments: unknown;
}

/** The calls of a reply that the caller answers. */
class CallersCalls {
  readonly all = new Set<Call>();
  /** The same by the ids that the provider gave them. */
  readonly byId = new Map<string, Call>();
  readonly takenIds = new Set<string>();
}

/** Decodes one reply. */
export class GeminiDecoder implements Decoder {
  readonly #facts: ReplyFacts;
  readonly #model: string;
  readonly #parts: GeminiPart[] = [];
  /** The text of the last part, while more of it may come. */
  #run: TextBuffer | undefined;
  readonly #text = new TextBuffer();
  /** Most replies have none. */
  #calls: CallersCalls | undefined;
  /** The ids of the calls among the parts, in their order. */
  readonly #callIds: string[] = [];
  /** Of searches; most replies have none, and no sources. */
  #queries: Set<string> | undefined;
  #grounding: GroundingMetadata | undefined;
  readonly #media = new GeminiMedia();
  #open: OpenCall | undefined;
  #finishMessage = "";
  /** Calls of provider tools that have no result yet. Most replies have none. */
  #asked: WaitingCalls<GeminiPart> | undefined;

  constructor(facts: ReplyFacts) {
    this.#facts = facts;
    this.#model = facts.model;
  }

  push(event: object, type: string, chunks: MessageChunk[]): boolean {
    const wire = event as WireResponse;
    const usage = geminiUsageOf(wire.usageMetadata);
    if (usage) this.#facts.usage = usage;
    if (isError(event, type) || (!wire.candidates && isForeignError(event)))
      throw geminiError(this.#facts.provider, 0, event);
    const id = nameIn(wire.responseId);
    if (id !== undefined && this.#facts.id === undefined) this.#facts.id = id;
    this.#facts.model = nameIn(wire.modelVersion) ?? this.#facts.model;
    const { blockReason, blockReasonMessage } = wire.promptFeedback ?? {};
    if (blockReason) {
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
    const failure = raw === FAILURE ? brokenOff("server", raw, this.#finishMessage) : undefined;
    const broken = known ? undefined : (failure ?? brokenOffError(raw, this.#finishMessage));
    if (broken) throw broken;
    const reason = known ?? "unknown";
    this.#media.close(chunks);
    if (this.#open && reason !== "stop") throw cutCallError(this.#open.name);
    this.#closeCall();
    for (const { id, name, arguments: args } of this.#calls?.all ?? []) {
      chunks.push({ type: "toolCall", content: "", toolCall: toolCallOf(id, name, args), isFinal: false });
    }
    if (this.#grounding) {
      for (const citation of groundingCitations(this.#grounding, this.#text.toString()))
        chunks.push(citationChunk(citation));
    }
    for (const { executableCode, toolCall } of this.#asked ?? []) {
      if (executableCode) this.#emit("code_execution", executableCode, undefined, chunks);
      else if (toolCall) this.#emit(toolName(toolCall), toolCall.args, undefined, chunks);
    }
    // Calls also end with STOP.
    facts.finishReason = this.#calls?.all.size && reason === "stop" ? "toolCalls" : reason;
    if (this.#queries) facts.search = { queries: [...this.#queries], count: this.#queries.size };
    this.#endRun();
    const data: GeminiReplay = { parts: this.#parts, callIds: this.#callIds };
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
    const { finishReason, finishMessage, groundingMetadata } = candidate;
    if (finishReason && finishReason !== "FINISH_REASON_UNSPECIFIED")
      this.#facts.rawFinishReason = textIn(finishReason);
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
      this.#readCall(others, part.functionCall, chunks);
    } else if (text !== undefined && text !== null) this.#readText(part, textIn(text), chunks);
    else if (part.inlineData || part.fileData) {
      const kept = this.#media.read(part, chunks);
      if (kept) this.#addPart(kept);
    } else {
      this.#addPart(part);
      this.#readProviderTool(part, chunks);
    }
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

  #readCall(part: GeminiPart, call: NonNullable<GeminiPart["functionCall"]>, chunks: MessageChunk[]): void {
    const name = textIn(call.name);
    if (name !== "") {
      this.#closeCall();
      const index = this.#callIds.length;
      const own = textIn(call.id);
      this.#calls ??= new CallersCalls();
      const id = uniqueCallId(own, this.#facts.id, index, this.#calls.takenIds);
      this.#callIds.push(id);
      // Emitted before it is parsed, so that unusable arguments are visible.
      chunks.push(callDelta({ index, id, name }, call.willContinue ? "" : exactJson(call.args ?? {})));
      this.#open = { part, index, id, name, arguments: argumentsOf(name, call.args), isCut: false };
    }
    const open = this.#open;
    if (!open && (call.args || call.partialArgs)) throw new SendError("protocol", "A tool call has no name.");
    if (!open) return;
    for (const item of listIn(call.partialArgs)) {
      const piece = objectIn(item) ?? {};
      if (!addArgument(open.arguments, piece))
        throw new SendError("protocol", `An argument of ${open.name} has no valid path.`);
      open.isCut = piece.willContinue === true;
      chunks.push(callDelta(open, valueText(piece)));
    }
    if (!call.willContinue) this.#closeCall();
  }

  /** Ends the open call. The provider may still answer it itself, so it is emitted at the end of the reply. */
  #closeCall(): void {
    const open = this.#open;
    if (!open) return;
    this.#open = undefined;
    const { part, id, name, arguments: args, isCut } = open;
    if (isCut) throw cutCallError(name);
    const ownId = part.functionCall?.id ?? undefined;
    const functionCall = { ...(ownId && { id: ownId }), name, args };
    this.#addPart({ ...part, functionCall });
    const call = { id, ownId, name, arguments: args };
    this.#calls?.all.add(call);
    if (ownId !== undefined) this.#calls?.byId.set(ownId, call);
  }

  /** Reads tools that ran at the provider: code, its own searches, its own MCP servers. */
  #readProviderTool(part: GeminiPart, chunks: MessageChunk[]): void {
    const { executableCode, codeExecutionResult, toolCall, toolResponse, functionResponse } = part;
    if (executableCode || toolCall) {
      this.#asked ??= new WaitingCalls();
      this.#asked.add(part, idIn(executableCode ?? toolCall, executableCode ? "code" : "tool"));
    }
    if (codeExecutionResult) {
      const code = this.#askedBy(idIn(codeExecutionResult, "code"))?.executableCode;
      this.#emit("code_execution", code, codeExecutionResult, chunks, isFailed(codeExecutionResult));
    } else if (toolResponse) {
      const call = this.#askedBy(idIn(toolResponse, "tool"))?.toolCall;
      this.#emit(toolName(call ?? toolResponse), call?.args, toolResponse.response, chunks);
    } else if (functionResponse) {
      this.#closeCall();
      const { id, name, response } = functionResponse;
      const call = this.#answeredCall(id, name);
      this.#emit(name ?? "function", call?.arguments, response, chunks, false, call?.id);
    }
  }

  /** Returns the caller's call that the provider has answered itself: by its id, or else the first of the name. */
  #answeredCall(id: unknown, name: unknown): Call | undefined {
    const calls = this.#calls;
    if (!calls) return undefined;
    const known = typeof id === "string" ? calls.byId.get(id) : undefined;
    let call = known && calls.all.has(known) ? known : undefined;
    for (const other of call ? [] : calls.all) {
      if (id && other.ownId ? other.ownId !== id : other.name !== name) continue;
      call = other;
      break;
    }
    if (call) calls.all.delete(call);
    return call;
  }

  /** Returns the call that a result belongs to: the call of its id, or else the first without a result. */
  #askedBy(id: string | undefined): GeminiPart | undefined {
    return this.#asked?.take(id) ?? this.#asked?.takeFirst();
  }

  #emit(name: string, args: unknown, result: unknown, chunks: MessageChunk[], failed = false, id?: string): void {
    const providerToolCall = {
      ...(id && { id }),
      name,
      ...(args !== undefined && { arguments: args }),
      ...(result !== undefined && { result }),
      ...(failed && { isError: true as const }),
    };
    chunks.push({ type: "providerToolCall", content: "", providerToolCall, isFinal: false });
  }
}

/** Returns the arguments of a call. More of them may come in pieces. */
function argumentsOf(name: string, args: unknown): Record<string, unknown> {
  try {
    return exactCopy(argumentsIn(args));
  } catch (cause) {
    throw malformedCallError(name, cause);
  }
}

/** The id by which an answer finds what it is to, of its kind. */
function idIn(asked: { readonly id?: unknown } | null | undefined, kind: "code" | "tool"): string | undefined {
  return typeof asked?.id === "string" && asked.id !== "" ? `${kind} ${asked.id}` : undefined;
}

function toolName({ toolType }: { readonly toolType?: unknown }): string {
  return String(toolType ?? "tool").toLowerCase();
}

/** Returns a value as text, without its path. */
function valueText({ stringValue, numberValue, boolValue }: PartialArgument): string {
  return stringValue ?? String(numberValue ?? boolValue ?? "null");
}

function isPlainText({ text, thoughtSignature }: GeminiPart): boolean {
  return text !== undefined && !thoughtSignature;
}

/** Returns whether a part holds more than the turn's text. */
function isMoreThanText(part: GeminiPart): boolean {
  return !isPlainText(part);
}

function isFailed(result: unknown): boolean {
  return isJsonObject(result) && typeof result.outcome === "string" && result.outcome !== "OUTCOME_OK";
}
