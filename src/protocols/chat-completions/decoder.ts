/**
 * Chat Completions: OpenAI's oldest protocol, spoken by many servers in their own dialects. The decoder accepts the
 * quirks of every server's stream; only requests differ by dialect.
 * @see https://platform.openai.com/docs/api-reference/chat-streaming
 */

import type { MessageChunk } from "../../contract/chunk.ts";
import { SendError } from "../../contract/errors.ts";
import { exactJson } from "../../platform/exact-json.ts";
import { TextBuffer } from "../../platform/text-buffer.ts";
import type { ReplyFacts } from "../../stream/reply-facts.ts";
import { errorOf, isErrorEvent, isForeignError, noReplyError, saysError } from "../common/error-kinds.ts";
import { brokenOffError, finishReasonOf, laterReason, reasonIn, routedReason } from "../common/finish-reasons.ts";
import { addLogprobs } from "../common/logprobs.ts";
import { mediaIn } from "../common/media-decoding.ts";
import { isOneText, isRestored, lostTextError } from "../common/text-comparison.ts";
import { madeUpCallId } from "../common/tool-call-ids.ts";
import { lostCallError, ToolCallTracker } from "../common/tool-call-tracker.ts";
import { laterUsage } from "../common/usage-counts.ts";
import { firstAnswer, idIn, indexIn, listIn, nameIn, objectIn, textIn } from "../common/wire-values.ts";
import type { Decoder } from "../protocol.ts";
import { ChatCitations, SearchSources } from "./citations.ts";
import { isTextPart, isThinkingPart, messageText, partText, thinkingOf, thinkingText } from "./content.ts";
import type { ChatDialect } from "./dialects.ts";
import { audioIn, ChatMedia, type SoundReference } from "./media.ts";
import { ReplayCollector, signatureOf } from "./replay.ts";
import { usageOf } from "./usage.ts";
import type { WireAnnotation, WireChoice, WireChunk, WireDelta, WirePart, WireToolCall } from "./wire.ts";

/** The fields of plain thinking. */
const REASONING_FIELDS = ["reasoning_content", "reasoning", "reasoning_text"] as const;

/** Returns the answer of a non-streamed reply. OpenRouter sometimes puts it into the field that names the provider. */
export function answerIn(body: unknown): object {
  const { provider, ...answer } = (objectIn(body as object) ?? {}) as { readonly provider?: unknown } & WireChunk;
  const isNested = !answer.choices && typeof provider === "object" && provider !== null && "choices" in provider;
  return isNested ? provider : { provider, ...answer };
}

/** Decodes one reply. */
export class ChatDecoder implements Decoder {
  readonly #facts: ReplyFacts;
  /** The requested model. */
  readonly #model: string;
  readonly #dialect: ChatDialect;
  readonly #media = new ChatMedia();
  readonly #text = new TextBuffer();
  // Most replies have none of these three.
  #calls: ToolCallTracker | undefined;
  #collected: ReplayCollector | undefined;
  #sources: SearchSources | undefined;
  /** Citations with a place in the text, once there are some. */
  #citations: ChatCitations | undefined;
  #refused = false;
  #lostText = false;
  #anyChoice = false;
  #anyReasoning = false;
  #anyAnnotation = false;
  #anyCallList = false;
  /** The length of the text that came in messages, not in deltas. */
  #messagesLength = 0;
  /** A message instead of a delta held the text so far. */
  #anySoFar = false;
  #named = false;

  constructor(facts: ReplyFacts, dialect: ChatDialect) {
    this.#facts = facts;
    this.#model = facts.model;
    this.#dialect = dialect;
  }

  get #replay(): ReplayCollector {
    this.#collected ??= new ReplayCollector();
    return this.#collected;
  }

  push(event: object, type: string, chunks: MessageChunk[]): boolean {
    const wire = event as WireChunk;
    const choice = firstAnswer(wire.choices);
    // The last report wins: some send running totals with every chunk. Error chunks also hold usage.
    if (typeof wire.service_tier === "string") this.#facts.serviceTier = wire.service_tier;
    const usage = usageOf(wire.usage ?? choice?.usage ?? wire.x_groq?.usage, this.#facts.serviceTier);
    if (usage) this.#facts.usage = laterUsage(this.#facts.usage, usage);
    if (isErrorEvent(event, type)) throw errorOf(this.#facts.provider, 0, event);
    if (saysError(wire.x_groq?.error)) throw errorOf(this.#facts.provider, 0, wire.x_groq);
    // MiniMax and others report an error next to choices: none, or empty ones.
    const mayBeError = !wire.choices?.length || wire.base_resp || wire.code;
    if (mayBeError && isForeignError(event)) throw errorOf(this.#facts.provider, 0, event);
    if (this.#facts.id === undefined) {
      const id = nameIn(wire.id);
      if (id !== undefined) this.#facts.id = id;
    }
    if (!this.#named) {
      const model = nameIn(wire.model);
      if (model !== undefined) Object.assign(this.#facts, { model });
      this.#named = model !== undefined;
    }
    if (wire.citations || wire.search_results) {
      this.#sources ??= new SearchSources();
      this.#sources.read(wire, chunks);
    }
    if (choice) this.#readChoice(choice, chunks);
    return false;
  }

  end(sentinel: boolean, chunks: MessageChunk[]): void {
    const { rawFinishReason, usage } = this.#facts;
    // One vendor never sends a finish reason. Its usage and `[DONE]` together end the reply.
    if (rawFinishReason === undefined && !(sentinel && usage && this.#anyChoice)) {
      throw new SendError("truncated", "The reply ended before its finish reason, so it is incomplete.");
    }
    this.#close(chunks);
  }

  /** Ends a non-streamed reply, which is complete by itself. */
  endComplete(body: unknown, chunks: MessageChunk[]): void {
    if (!this.#anyChoice) throw noReplyError(this.#facts.provider, body, "choices");
    this.#close(chunks);
  }

  #close(chunks: MessageChunk[]): void {
    const facts = this.#facts;
    const raw = facts.rawFinishReason;
    const known = finishReasonOf(raw);
    const failure = known ? undefined : brokenOffError(raw);
    if (failure) throw failure;
    if (this.#lostText) throw lostTextError();
    const reason = known ?? "unknown";
    this.#media.close(chunks);
    this.#citations?.close(chunks);
    // This comes before the calls: if one is cut, the calls before it go back with their signatures.
    this.#collectReplay(this.#media.sound);
    const isForCalls = reason === "toolCalls";
    this.#calls?.close(isForCalls, raw !== undefined && reason !== "stop" && !isForCalls, chunks);
    const anyCall = this.#calls?.anyNamed === true;
    if (isForCalls && !anyCall && this.#text.length === 0 && !this.#media.any) throw lostCallError();
    facts.finishReason = this.#refused && reason === "stop" ? "refusal" : reason;
    // Ollama, LM Studio and Gemini say `stop` although there are calls.
    if (anyCall && reason === "stop") facts.finishReason = "toolCalls";
  }

  #collectReplay(sound: SoundReference | undefined): void {
    const facts = this.#facts;
    if (!this.#collected && !sound && !facts.binding) return;
    this.#replay.sound = sound;
    // Only now: it takes a dozen patterns, which most replies do not need.
    const rule = this.#dialect.reasoningReplay?.(this.#model, facts.writer?.origin ?? "");
    const replay = this.#replay.replay(facts.provider, this.#model, rule?.place, facts.binding);
    if (replay) facts.replay = replay;
  }

  #readChoice(choice: WireChoice, chunks: MessageChunk[]): void {
    this.#anyChoice = true;
    const delta = objectIn(choice.delta);
    const message = objectIn(choice.message);
    if (choice.logprobs) addLogprobs(this.#facts, choice.logprobs);
    if (delta) this.#readDelta(delta, chunks);
    // Some servers send the complete message so far with every delta.
    if (message && (choice.finish_reason || !delta || Object.keys(delta).length === 0))
      this.#readMessage(message, chunks);
    // The form of text completions.
    if (choice.text && !delta?.content && !message) this.#addText(textIn(choice.text), chunks);
    const reason = reasonIn(choice.finish_reason);
    if (reason !== undefined) {
      const word = routedReason(reason, choice.native_finish_reason);
      this.#facts.rawFinishReason = laterReason(this.#facts.rawFinishReason, word);
    }
    const error = [choice.error, delta?.error, message?.error].find(saysError);
    if (error) throw errorOf(this.#facts.provider, 0, { error });
  }

  /**
   * Reads a complete message: all of the reply, or its repetition after the deltas. Of a repetition, only the rest is
   * emitted. If it does not begin with the deltas' text, pieces were lost or the text differs. Emitted text stays.
   */
  #readMessage(
    { content, refusal, tool_calls, function_call, annotations, audio, images, ...message }: WireDelta,
    chunks: MessageChunk[],
  ): void {
    const emitted = this.#text.toString();
    const text = messageText(content) + textIn(refusal);
    const isAgain = emitted !== "" && text.startsWith(emitted);
    const isOther = emitted !== "" && !isAgain && !isOneText(emitted, text);
    // Some servers send messages instead of deltas: the text so far, or the next piece of it.
    const isOnlyMessages = emitted.length === this.#messagesLength;
    const isPiece = emitted === "" || (isOther && isOnlyMessages);
    if (refusal) this.#refused = true;
    // A piece that is like the beginning of the text was taken for the text so far.
    this.#lostText ||= isOther && (isPiece ? this.#anySoFar && text !== "" : isRestored(emitted, text));
    this.#anySoFar ||= isAgain && isOnlyMessages;
    this.#readDelta(
      {
        ...(this.#anyReasoning ? {} : message),
        ...(!this.#media.any && { audio, images }),
        ...(isPiece ? { content, refusal } : { content: isAgain ? text.slice(emitted.length) : "" }),
        ...(!this.#anyAnnotation && { annotations }),
      },
      chunks,
    );
    this.#messagesLength += this.#text.length - emitted.length;
    this.#readToolCalls(tool_calls, chunks, true);
    if (!this.#calls) this.#readOnlyCall(function_call, chunks);
  }

  #readDelta(delta: WireDelta, chunks: MessageChunk[]): void {
    // Most deltas hold no thinking. Reads by name are cheaper than a loop over names.
    if (
      delta.reasoning_content ||
      delta.reasoning ||
      delta.reasoning_text ||
      delta.thinking ||
      delta.reasoning_details ||
      delta.thinking_blocks
    )
      this.#readReasoning(delta, chunks);
    const { content } = delta;
    if (typeof content === "string") {
      if (content !== "" && this.#dialect.splitsContent) this.#replay.addPart({ type: "text", text: content });
      this.#addText(content, chunks);
    } else if (content) {
      for (const item of listIn(content)) {
        const part = objectIn(item);
        if (part) this.#readPart(part, chunks);
      }
    }
    if (delta.audio || delta.images) this.#readMedia(delta, chunks);
    if (delta.refusal) {
      this.#refused = true;
      this.#addText(textIn(delta.refusal), chunks);
    }
    if (delta.tool_calls) this.#readToolCalls(delta.tool_calls, chunks, false);
    this.#readOnlyCall(delta.function_call, chunks);
    if (delta.annotations) {
      this.#anyAnnotation = true;
      for (const annotation of listIn(delta.annotations)) if (annotation) this.#readAnnotation(annotation, chunks);
    }
  }

  /**
   * Reads thinking. Servers that send several of the fields repeat the same text: the first that is not empty is
   * complete.
   */
  #readReasoning(delta: WireDelta, chunks: MessageChunk[]): void {
    let detailed = "";
    let blocks = "";
    if (delta.reasoning_details) {
      for (const item of listIn(delta.reasoning_details)) {
        const detail = objectIn(item);
        if (!detail) continue;
        this.#replay.addDetail(detail);
        detailed += textIn(detail.text ?? detail.summary);
      }
    }
    if (delta.thinking_blocks) {
      for (const item of listIn(delta.thinking_blocks)) {
        const block = objectIn(item);
        if (!block) continue;
        this.#replay.addBlock(block);
        blocks += textIn(block.thinking);
      }
    }
    for (const field of REASONING_FIELDS) {
      const value = delta[field];
      if (!value) continue;
      const text = typeof value === "string" ? value : thinkingOf(value);
      if (text !== "") return this.#addReasoning(text, field, chunks);
    }
    this.#addReasoning(detailed || blocks || thinkingOf(delta.thinking), "reasoning", chunks);
  }

  #readPart(part: WirePart, chunks: MessageChunk[]): void {
    this.#replay.addPart(part);
    if (isThinkingPart(part)) {
      this.#addReasoning(thinkingText(part), "thinking", chunks);
    } else if (isTextPart(part)) {
      if (part.refusal) this.#refused = true;
      this.#addText(partText(part), chunks);
    } else {
      const medium = mediaIn({ ...part });
      if (medium) this.#media.add(medium, chunks);
    }
  }

  #readMedia({ audio, images }: WireDelta, chunks: MessageChunk[]): void {
    this.#media.readImages(images, chunks);
    const sound = audioIn(audio);
    if (sound) this.#addText(this.#media.readAudio(sound, chunks), chunks);
  }

  #addText(content: string, chunks: MessageChunk[]): void {
    if (content === "") return;
    this.#text.add(content);
    this.#citations?.add(content);
    chunks.push({ type: "text", content, isFinal: false });
  }

  #addReasoning(reasoning: string, field: string, chunks: MessageChunk[]): void {
    if (reasoning === "") return;
    this.#anyReasoning = true;
    this.#replay.addReasoning(reasoning, field);
    chunks.push({ type: "reasoning", content: "", reasoning, isFinal: false });
  }

  #readToolCalls(calls: WireDelta["tool_calls"], chunks: MessageChunk[], areComplete: boolean): void {
    this.#calls?.beginList();
    for (const item of listIn(calls)) {
      const call = objectIn(item);
      if (!call) continue;
      this.#anyCallList = true;
      this.#readToolCall(call, chunks, areComplete);
    }
  }

  /** Reads the form from before parallel calls. Some gateways send a call in both forms. */
  #readOnlyCall(wire: WireDelta["function_call"], chunks: MessageChunk[]): void {
    if (!wire || this.#anyCallList) return;
    const call = objectIn(wire);
    if (call?.name || call?.arguments) this.#readToolCall({ function: call }, chunks);
  }

  #readToolCall(call: WireToolCall, chunks: MessageChunk[], isComplete = false): void {
    const { custom } = call;
    const args = call.function?.arguments ?? textIn(custom?.input);
    this.#calls ??= new ToolCallTracker((index) => madeUpCallId(this.#facts.id, index));
    const id = this.#calls.add(
      {
        index: indexIn(call.index),
        id: idIn(call.id),
        name: textIn(call.function?.name ?? custom?.name),
        isText: Boolean(custom),
        // Some local servers send the object itself.
        argumentsDelta: typeof args === "string" ? args : exactJson(args),
      },
      chunks,
      isComplete,
    );
    if (id === "") return;
    const signed = signatureOf(call, id);
    if (signed) this.#replay.addCallFields(id, signed);
    if (custom) this.#replay.addCallFields(id, { type: "custom" });
  }

  #readAnnotation(annotation: WireAnnotation, chunks: MessageChunk[]): void {
    this.#citations ??= new ChatCitations(this.#text.toString());
    this.#citations.read(annotation, chunks);
  }
}
