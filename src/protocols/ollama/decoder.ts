/**
 * Decodes Ollama's `/api/chat`: every line has a piece of the message, and the line with `done: true` ends the reply. A
 * body that ends without it was cut. An error after the first line is a line of its own, in a response with status 200.
 * @see https://docs.ollama.com/api/chat
 * @see https://docs.ollama.com/api/streaming
 */

import type { MessageChunk } from "../../contract/chunk.ts";
import { SendError } from "../../contract/errors.ts";
import type { ToolCall } from "../../contract/message.ts";
import { exactCopy, exactJson } from "../../platform/exact-json.ts";
import { ModelJson } from "../../platform/model-json.ts";
import { TextBuffer } from "../../platform/text-buffer.ts";
import type { ReplyFacts } from "../../stream/reply-facts.ts";
import { callDelta } from "../common/call-delta.ts";
import { isErrorEvent, isForeignError } from "../common/error-kinds.ts";
import { brokenOffError, finishReasonOf } from "../common/finish-reasons.ts";
import { addLogprobs } from "../common/logprobs.ts";
import { mediaChunk, mediaFrom } from "../common/media-decoding.ts";
import { isBare, toolCallOf } from "../common/tool-call-arguments.ts";
import { uniqueCallId } from "../common/tool-call-ids.ts";
import { malformedCallError } from "../common/tool-call-tracker.ts";
import { argumentsIn, idIn, listIn, nameIn, objectIn, textIn } from "../common/wire-values.ts";
import type { Decoder } from "../protocol.ts";
import { cutPromptError, ollamaError } from "./errors.ts";
import { OLLAMA, type OllamaReplay } from "./messages.ts";
import type { OllamaBinding } from "./request.ts";
import { ollamaUsageOf } from "./usage.ts";
import type { WireMessage, WireResponse, WireToolCall } from "./wire.ts";

/**
 * The factor by which the estimate of a prompt must exceed the context to show a cut by itself. The estimate of a text
 * in any language is within it.
 */
const CERTAINTY = 1.5;

/** Decodes one reply. */
export class OllamaDecoder implements Decoder {
  readonly #facts: ReplyFacts;
  readonly #model: string;
  /** The time of the first line, which distinguishes replies: they have no id. */
  #createdAt: string | undefined;
  // Most replies have neither.
  #thinking: TextBuffer | undefined;
  #calls: ToolCall[] | undefined;
  readonly #takenIds = new Set<string>();
  #pictures = 0;

  constructor(facts: ReplyFacts) {
    this.#facts = facts;
    this.#model = facts.model;
  }

  push(event: object, type: string, chunks: MessageChunk[]): boolean {
    const wire = event as WireResponse;
    if (isErrorEvent(event, type) || (!wire.message && isForeignError(event)))
      throw ollamaError(this.#facts.provider, 0, event);
    if (this.#createdAt === undefined) {
      this.#createdAt = nameIn(wire.created_at);
      this.#facts.model = nameIn(wire.model) ?? this.#facts.model;
    }
    if (wire.logprobs) addLogprobs(this.#facts, wire.logprobs);
    // Some proxies answer in the form of `/api/generate`.
    const message = objectIn(wire.message) ?? (wire.response ? { content: wire.response } : undefined);
    if (message) this.#readMessage(message, chunks);
    if (wire.done !== true) return false;
    this.#close(wire, chunks);
    return true;
  }

  end(): void {
    throw new SendError("truncated", "The reply ended before its last line (`done: true`), so it is incomplete.");
  }

  #readMessage({ thinking, content, images, tool_calls }: WireMessage, chunks: MessageChunk[]): void {
    const reasoning = textIn(thinking);
    if (reasoning !== "") {
      this.#thinking ??= new TextBuffer();
      this.#thinking.add(reasoning);
      chunks.push({ type: "reasoning", content: "", reasoning, isFinal: false });
    }
    const text = textIn(content);
    if (text !== "") chunks.push({ type: "text", content: text, isFinal: false });
    if (images) this.#readImages(images, chunks);
    if (!tool_calls) return;
    const earlier = [...(this.#calls ?? [])];
    for (const item of listIn(tool_calls)) {
      const call = objectIn(item);
      if (call && !earlier.some((known) => isAgain(known, call))) this.#readCall(call, chunks);
    }
  }

  #readImages(images: unknown, chunks: MessageChunk[]): void {
    for (const image of listIn(images as readonly unknown[])) {
      const data = textIn(image);
      if (data !== "") chunks.push(mediaChunk(this.#pictures++, mediaFrom(data, undefined, "image/png")));
    }
  }

  /** Reads a call, which comes complete. It is delivered with the end of the reply. */
  #readCall({ id: own, function: called }: WireToolCall, chunks: MessageChunk[]): void {
    const { name: given, arguments: args } = objectIn(called) ?? {};
    const name = textIn(given);
    if (name === "" && isBare(args)) return; // some servers send an empty call with a reply
    if (name === "") throw new SendError("protocol", "A tool call has no name.");
    this.#calls ??= [];
    const index = this.#calls.length;
    const id = uniqueCallId(idIn(own), this.#createdAt, index, this.#takenIds);
    // Emitted before it is parsed, so that unusable arguments are visible.
    chunks.push(
      callDelta({ index, id, name }, typeof args === "string" ? new ModelJson().add(args) : exactJson(args ?? {})),
    );
    this.#calls.push(toolCallOf(id, name, argumentsOf(name, args)));
  }

  #close(wire: WireResponse, chunks: MessageChunk[]): void {
    const facts = this.#facts;
    const usage = ollamaUsageOf(wire);
    if (usage) facts.usage = usage;
    const raw = nameIn(wire.done_reason);
    if (raw !== undefined) facts.rawFinishReason = raw;
    const known = finishReasonOf(raw);
    const failure = known ? undefined : brokenOffError(raw);
    if (failure) throw failure;
    this.#checkPrompt();
    for (const toolCall of this.#calls ?? []) chunks.push({ type: "toolCall", content: "", toolCall, isFinal: false });
    // Calls also end with `stop`.
    const reason = known ?? "unknown";
    facts.finishReason = this.#calls && reason !== "length" ? "toolCalls" : reason;
    if (!this.#thinking) return;
    const data: OllamaReplay = { thinking: this.#thinking.toString() };
    facts.replay = { provider: facts.provider, protocol: OLLAMA, model: this.#model, data };
  }

  /**
   * Reports a prompt that the server cut. Servers since 0.12 refuse such a prompt themselves. Earlier ones ignore
   * `truncate: false`, and only the count shows the cut.
   */
  #checkPrompt(): void {
    const { contextTokens } = (this.#facts.binding?.() ?? {}) as OllamaBinding;
    const kept = this.#facts.usage?.inputTokens;
    if (contextTokens === undefined || kept === undefined) return;
    const estimate = this.#facts.estimateInput?.() ?? 0;
    const isFull = kept >= contextTokens; // no token of a reply would fit behind a complete prompt of this length
    if (isFull || estimate > CERTAINTY * contextTokens) throw cutPromptError(kept, contextTokens, estimate);
  }
}

/** Returns whether a later line has a call again: some servers repeat the calls in the last one. */
function isAgain({ id, name, arguments: args }: ToolCall, { id: own, function: called }: WireToolCall): boolean {
  if (idIn(own) !== id || called?.name !== name) return false;
  return exactJson(args) === exactJson(argumentsOf(name, called.arguments));
}

function argumentsOf(name: string, args: unknown): Record<string, unknown> {
  try {
    return exactCopy(argumentsIn(args));
  } catch (cause) {
    throw malformedCallError(name, cause);
  }
}
