/**
 * Anthropic Messages: a reply is a row of blocks, each begun, filled and ended by events of its own.
 * @see https://docs.anthropic.com/en/api/messages-streaming
 */

import type { MessageChunk } from "../../contract/chunk.ts";
import { SendError } from "../../contract/errors.ts";
import type { FinishReason } from "../../contract/finish-reason.ts";
import { ModelJson } from "../../platform/model-json.ts";
import { TextBuffer } from "../../platform/text-buffer.ts";
import type { ReplyFacts } from "../../stream/reply-facts.ts";
import { callDelta } from "../common/call-delta.ts";
import { errorOf, isErrorEvent, isForeignError, noReplyError, saysError } from "../common/error-kinds.ts";
import { brokenOffError, finishReasonOf, laterReason, reasonIn } from "../common/finish-reasons.ts";
import { JsonProgress } from "../common/json-progress.ts";
import { mediaChunk, mediaIn } from "../common/media-decoding.ts";
import type { ThinkingPlace } from "../common/thinking-place.ts";
import { isBare, toolCallOf } from "../common/tool-call-arguments.ts";
import { uniqueCallId } from "../common/tool-call-ids.ts";
import { cutCallError, lostCallError, malformedCallError } from "../common/tool-call-tracker.ts";
import { countIn } from "../common/usage-counts.ts";
import { argumentsIn, idIn, indexIn, listIn, meaningOf, nameIn, objectIn, textIn } from "../common/wire-values.ts";
import type { Decoder } from "../protocol.ts";
import { finished, isThought, type OpenBlock } from "./blocks.ts";
import { emitCitations } from "./citations.ts";
import { ANTHROPIC_MESSAGES, type AnthropicReplay } from "./messages.ts";
import { ProviderTools } from "./provider-tools.ts";
import { anthropicUsageOf, mergedUsage } from "./usage.ts";
import type { AnthropicUsage, WireBlock, WireDelta, WireEvent, WireMessage } from "./wire.ts";

const FINISH_REASONS: Readonly<Record<string, FinishReason>> = {
  end_turn: "stop",
  stop_sequence: "stop",
  max_tokens: "length",
  model_context_window_exceeded: "length",
  tool_use: "toolCalls",
  refusal: "refusal",
  // `pause_turn` and `compaction` do not end an answer: the model continues the message when it is sent back.
};

/** The type of a delta that does not state its type, by the type of its block. */
const DELTAS: Readonly<Record<string, string>> = {
  text: "text_delta",
  thinking: "thinking_delta",
  tool_use: "input_json_delta",
};

/** Decodes one reply. */
export class AnthropicDecoder implements Decoder {
  readonly #facts: ReplyFacts;
  /** The requested model, for which signatures are valid. */
  readonly #model: string;
  readonly #open = new Map<number, OpenBlock>();
  /** Ended blocks, as they go back in the next request. */
  readonly #blocks: unknown[] = [];
  /** The blocks that may be sent back: one array, which grows, since a copy for each call would be quadratic. */
  readonly #kept: unknown[] = [];
  #media = 0;
  /** The index of the block that began last, which events without one belong to. */
  #latest = -1;
  /** Most replies have none. */
  #callIds: Set<string> | undefined;
  readonly #providerTools = new ProviderTools();
  #usage: AnthropicUsage = {};
  #textLength = 0;
  #calls = 0;
  #brokenCall: OpenBlock | undefined;
  /** A call that ended without arguments: it has none, or the reply was cut before them. Later events decide. */
  #bareCall: OpenBlock | undefined;

  constructor(facts: ReplyFacts) {
    this.#facts = facts;
    this.#model = facts.model;
  }

  push(event: object, type: string, chunks: MessageChunk[]): boolean {
    const wire = event as WireEvent;
    if (saysError(wire.error)) throw errorOf(this.#facts.provider, 0, event);
    // Some proxies leave the type to the name of the event.
    const what = wire.type ?? type;
    switch (what) {
      case "message_start": {
        const message = objectIn(wire.message) ?? {};
        if (saysError(message.error)) throw errorOf(this.#facts.provider, 0, message);
        this.#readMessage(message, chunks);
        break;
      }
      case "content_block_start":
        this.#latest = indexIn(wire.index) ?? this.#latest + 1;
        this.#begin(this.#latest, objectIn(wire.content_block) ?? {}, chunks);
        break;
      case "content_block_delta":
        this.#add(indexIn(wire.index) ?? this.#latest, objectIn(wire.delta) ?? {}, chunks);
        break;
      case "content_block_stop":
        this.#end(indexIn(wire.index) ?? this.#latest, chunks);
        break;
      case "message_delta":
      case "message_stop":
        this.#readReason(wire.delta?.stop_reason ?? wire.stop_reason);
        this.#readUsage(wire.usage);
        if (what === "message_delta") break;
        this.#close(chunks);
        return true;
      default:
        if (isErrorEvent(event, type) || (wire.type === undefined && isForeignError(event)))
          throw errorOf(this.#facts.provider, 0, event);
    }
    return false;
  }

  end(): void {
    throw new SendError("truncated", "The reply ended before its `message_stop`, so it is incomplete.");
  }

  readComplete(body: unknown, chunks: MessageChunk[]): void {
    const message = (typeof body === "object" && body !== null ? body : {}) as WireMessage;
    if (message.type === "error" || saysError(message.error)) throw errorOf(this.#facts.provider, 0, body);
    if (!message.content && isForeignError(message)) throw errorOf(this.#facts.provider, 0, body);
    if (!Array.isArray(message.content)) throw noReplyError(this.#facts.provider, body, "content blocks");
    const { content, stop_reason: reason } = message;
    // Only the finish reason shows that the last call is cut: its input is an object in any case.
    const last = content.at(-1);
    const isCut = last?.type === "tool_use" && meaningOf(FINISH_REASONS, textIn(reason)) === "length";
    this.#readMessage(isCut ? { ...message, content: content.slice(0, -1) } : message, chunks);
    if (isCut) this.#begin(-1, last, chunks);
    this.#close(chunks);
  }

  #readMessage({ content, usage, ...named }: WireMessage, chunks: MessageChunk[]): void {
    const id = nameIn(named.id);
    const model = nameIn(named.model);
    if (id && this.#facts.id !== undefined) {
      if (id === this.#facts.id) return; // some proxies send the beginning twice
      throw new SendError("protocol", "Another reply began inside this one.");
    }
    if (id) this.#facts.id = id;
    if (model) this.#facts.model = model;
    this.#readUsage(usage);
    this.#readReason(named.stop_reason);
    // Non-streamed replies have their blocks here, and so have calls made by code that runs at the provider.
    for (const block of listIn(content)) {
      const begun = objectIn(block);
      if (!begun) continue;
      this.#begin(-1, begun, chunks);
      this.#end(-1, chunks);
    }
  }

  #readReason(value: unknown): void {
    const reason = reasonIn(value);
    if (reason !== undefined) this.#facts.rawFinishReason = laterReason(this.#facts.rawFinishReason, reason);
  }

  #readUsage(usage: unknown): void {
    this.#usage = mergedUsage(this.#usage, usage);
    const read = anthropicUsageOf(this.#usage);
    if (read) this.#facts.usage = read;
  }

  #begin(index: number, asBegun: WireBlock, chunks: MessageChunk[]): void {
    const type = nameIn(asBegun.type) ?? (asBegun.text ? "text" : "");
    this.#emitBareCall(chunks);
    const unended = this.#open.get(index);
    if (unended?.type === "tool_use") {
      const isAgain = asBegun.id === unended.begun.id && unended.text.length === 0 && isBare(asBegun.input);
      if (isAgain) return; // some proxies send the beginning twice
      throw new SendError("protocol", "A tool call was not ended before the next block.");
    }
    if (unended) this.#end(index, chunks);
    const callIndex = type === "tool_use" ? this.#calls++ : 0;
    const begun = type === "tool_use" ? { ...asBegun, id: this.#callIdOf(asBegun, callIndex) } : asBegun;
    const block: OpenBlock = {
      begun,
      type,
      text: new TextBuffer(),
      json: new ModelJson(),
      signature: textIn(begun.signature),
      citations: [...listIn(begun.citations)],
      added: undefined,
      start: this.#textLength,
      callIndex,
    };
    this.#open.set(index, block);
    if (type === "text") this.#addText(block, textIn(begun.text), chunks);
    else if (type === "thinking") this.#addThinking(block, textIn(begun.thinking), chunks);
    else if (type === "tool_use") this.#addArguments(block, "", chunks);
  }

  #callIdOf({ id }: WireBlock, callIndex: number): string {
    this.#callIds ??= new Set();
    return uniqueCallId(idIn(id), this.#facts.id, callIndex, this.#callIds);
  }

  #add(index: number, delta: WireDelta, chunks: MessageChunk[]): void {
    const block = this.#open.get(index) ?? this.#beginUnannounced(index, delta, chunks);
    if (!block) return;
    switch (delta.type ?? DELTAS[block.type]) {
      case "text_delta":
        return this.#addText(block, textIn(delta.text), chunks);
      case "thinking_delta":
        return this.#addThinking(block, textIn(delta.thinking), chunks);
      case "signature_delta":
        block.signature += textIn(delta.signature);
        return;
      case "input_json_delta":
        return this.#addArguments(block, textIn(delta.partial_json), chunks);
      case "citations_delta":
        if (delta.citation) block.citations.push(delta.citation);
        return;
      case "compaction_delta": {
        const { type: _type, ...summary } = delta;
        block.added = { ...block.added, ...summary };
      }
    }
  }

  /** Begins a block whose first event was lost, so that its deltas are not lost too. */
  #beginUnannounced(index: number, { type }: WireDelta, chunks: MessageChunk[]): OpenBlock | undefined {
    if (type === "input_json_delta") throw new SendError("protocol", "A tool call has no beginning.");
    if (type !== "text_delta" && type !== "thinking_delta") return undefined;
    this.#begin(index, { type: type === "text_delta" ? "text" : "thinking" }, chunks);
    return this.#open.get(index);
  }

  #addText(block: OpenBlock, content: string, chunks: MessageChunk[]): void {
    if (content === "") return;
    block.text.add(content);
    this.#textLength += content.length;
    chunks.push({ type: "text", content, isFinal: false });
  }

  #addThinking(block: OpenBlock, reasoning: string, chunks: MessageChunk[]): void {
    if (reasoning === "") return;
    block.text.add(reasoning);
    chunks.push({ type: "reasoning", content: "", reasoning, isFinal: false });
  }

  #addArguments(block: OpenBlock, argumentsDelta: string, chunks: MessageChunk[]): void {
    block.text.add(argumentsDelta);
    if (block.type !== "tool_use") return;
    const { callIndex: index, begun } = block;
    const id = textIn(begun.id);
    const name = textIn(begun.name);
    if (!id || !name) throw new SendError("protocol", "A tool call has no name.");
    chunks.push(callDelta({ index, id, name }, block.json.add(argumentsDelta)));
  }

  #end(index: number, chunks: MessageChunk[]): void {
    const block = this.#open.get(index);
    if (!block) return;
    this.#open.delete(index);
    if (block.type === "tool_use") return this.#endCall(block, chunks);
    this.#blocks.push(finished(block));
    if (block.type === "text") emitCitations(block, this.#textLength, chunks);
    else if (block.type.endsWith("tool_use")) this.#providerTools.begin(block);
    else if (block.type.endsWith("_tool_result")) this.#providerTools.end(block.begun, chunks);
    else this.#emitMedium(block, chunks);
  }

  /** Emits an image or a sound. No Claude model generates them, but a gateway's model may. */
  #emitMedium({ begun }: OpenBlock, chunks: MessageChunk[]): void {
    const medium = mediaIn({ ...begun });
    if (medium) chunks.push(mediaChunk(this.#media++, medium));
  }

  /** Ends a call. Whether broken arguments are a cut or a fault is decided at the end of the reply. */
  #endCall(block: OpenBlock, chunks: MessageChunk[]): void {
    const { id, name } = block.begun;
    if (!id || !name) return;
    const text = block.text.toString();
    const given = text.trim() === "" ? block.begun.input : text;
    let args: unknown;
    if (isBare(given)) {
      this.#bareCall = block;
      return;
    }
    try {
      args = argumentsIn(given);
    } catch {
      this.#brokenCall ??= block;
      return;
    }
    this.#emitCall(block, id, name, args, chunks);
  }

  /** Ends the calls whose last event is missing, as some servers leave it out, in a reply that ended for its calls. */
  #endCompleteCalls(chunks: MessageChunk[]): void {
    for (const [index, { type, text }] of this.#open)
      if (type === "tool_use" && new JsonProgress(text.toString()).isComplete) this.#end(index, chunks);
  }

  #emitBareCall(chunks: MessageChunk[]): void {
    const block = this.#bareCall;
    const { id, name } = block?.begun ?? {};
    this.#bareCall = undefined;
    if (block && id && name) this.#emitCall(block, id, name, {}, chunks);
  }

  #emitCall({ begun }: OpenBlock, id: string, name: string, args: unknown, chunks: MessageChunk[]): void {
    this.#blocks.push({ ...begun, input: args });
    this.#keep(); // if the reply is cut from here on, its call goes back with what was signed before it
    chunks.push({ type: "toolCall", content: "", toolCall: toolCallOf(id, name, args), isFinal: false });
  }

  #close(chunks: MessageChunk[]): void {
    const facts = this.#facts;
    const raw = facts.rawFinishReason;
    const known = meaningOf(FINISH_REASONS, raw) ?? finishReasonOf(raw);
    const failure = known ? undefined : brokenOffError(raw);
    if (failure) throw failure;
    const reason = known ?? "unknown";
    if (reason === "toolCalls") this.#endCompleteCalls(chunks);
    const bare = reason === "length" || reason === "refusal" ? this.#bareCall : undefined;
    const cut = this.#brokenCall ?? bare ?? [...this.#open.values()].find(({ type }) => type === "tool_use");
    if (cut) {
      const name = cut.begun.name ?? "";
      throw this.#brokenCall && reason !== "length" ? malformedCallError(name) : cutCallError(name);
    }
    this.#emitBareCall(chunks);
    const isSilent = this.#calls === 0 && this.#textLength === 0 && this.#blocks.every(isThought);
    if (reason === "toolCalls" && isSilent) throw lostCallError();
    for (const [index, { type }] of this.#open) if (type === "text" || type === "thinking") this.#end(index, chunks);
    this.#providerTools.close(chunks);
    // Servers with another protocol of their own say `end_turn` although there are calls. A stop sequence may cut one.
    const isForCalls = this.#calls > 0 && reason === "stop" && raw !== "stop_sequence";
    facts.finishReason = isForCalls ? "toolCalls" : reason;
    const { queries } = this.#providerTools;
    const count = countIn(this.#usage.server_tool_use?.web_search_requests) ?? queries.length;
    if (count > 0) facts.search = { queries, count };
    if (this.#blocks.length > 0) this.#keep();
  }

  /** Keeps the reply so far for the next request. */
  #keep(): void {
    const place = this.#facts.binding?.() as ThinkingPlace | undefined;
    for (let at = this.#kept.length; at < this.#blocks.length; at++) this.#kept.push(this.#blocks[at]);
    const data: AnthropicReplay = { blocks: this.#kept, ...(place && { place }) };
    this.#facts.replay = { provider: this.#facts.provider, protocol: ANTHROPIC_MESSAGES, model: this.#model, data };
  }
}
