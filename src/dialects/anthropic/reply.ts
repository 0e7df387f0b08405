/**
 * Replies in the form of Anthropic Messages, streamed and complete. Its libraries need a name on each event, the start
 * of each block, and usage in the first event and in the last but one.
 * @see https://docs.anthropic.com/en/docs/build-with-claude/streaming
 */

import type { CitationChunk, MessageChunk, RewindChunk } from "../../contract/chunk.ts";
import type { AssistantMessage, Citation, ToolCall } from "../../contract/message.ts";
import { completeUsageOf, type ReplyUsage, type TokenUsage } from "../../contract/usage.ts";
import { exactJson, parseExact } from "../../platform/exact-json.ts";
import { isJson } from "../../platform/json-text.ts";
import type { DialectBody } from "../dialect.ts";
import { type CallPart, CallTracker } from "../gateway/call-tracker.ts";
import type { GatewayError, GatewayReply, GatewayWire } from "../gateway/dialect.ts";
import { GatewayEncoder, type ReplyWriter } from "../gateway/encoder.ts";
import { type NamedFinish, namedFinish } from "../gateway/endings.ts";
import { anthropicError } from "./errors.ts";

const STOP_REASON = {
  stop: "end_turn",
  length: "max_tokens",
  budget: "max_tokens",
  toolCalls: "tool_use",
  contentFilter: "refusal",
  refusal: "refusal",
} as const satisfies Record<NamedFinish, string>;

/** The wire of all replies: nothing in a request changes it. */
export const anthropicWire: GatewayWire = {
  encoder: (reply) => new GatewayEncoder(new AnthropicWriter(reply)),
  complete: completeReply,
};

class AnthropicWriter implements ReplyWriter {
  readonly #reply: GatewayReply;
  readonly #calls: CallTracker;
  /** The next block's number. */
  #next = 0;
  /** The block that grows, when it is one of words. */
  #words: { readonly index: number; readonly type: "text" | "thinking" } | undefined;
  /** The block of each call, by its place; those that are open. */
  readonly #callBlocks = new Map<number, { readonly index: number; text: string }>();

  constructor(reply: GatewayReply) {
    this.#reply = reply;
    this.#calls = new CallTracker((place) => callId(reply, place));
  }

  get hasOpenCalls(): boolean {
    return this.#calls.hasOpen;
  }

  begin(): string {
    const usage = { ...usageOf({}, this.#reply), output_tokens: 0 };
    const message = { ...headOf(this.#reply), content: [], stop_reason: null, stop_sequence: null, usage };
    return frame("message_start", { message });
  }

  chunk(chunk: Exclude<MessageChunk, RewindChunk>): string {
    switch (chunk.type) {
      case "text":
        return this.#grow("text", { type: "text_delta", text: chunk.content });
      case "reasoning":
        return this.#grow("thinking", { type: "thinking_delta", thinking: chunk.reasoning });
      case "toolCallDelta":
        return this.#call(this.#calls.delta(chunk));
      case "toolCall":
        return this.#call(this.#calls.complete(chunk));
      case "citation":
        return this.#cite(chunk);
      case "media": // this API has none in replies
      case "toolResult":
      case "providerToolCall":
      case "final":
        return "";
    }
  }

  /** Adds words to the open block of their type, or to a new one. */
  #grow(type: "text" | "thinking", delta: object): string {
    let before = "";
    if (this.#words?.type !== type) {
      before = this.#closeWords();
      const block = type === "text" ? { type, text: "" } : { type, thinking: "", signature: "" };
      this.#words = { index: this.#next, type };
      before += this.#beginBlock(block);
    }
    return before + frame("content_block_delta", { index: this.#words?.index, delta });
  }

  #call({ call, isNew, text }: CallPart): string {
    const { place, id, name, isComplete } = call;
    let written = "";
    if (isNew) {
      written = this.#closeWords() + this.#closeCalls((block) => isJson(block.text));
      this.#callBlocks.set(place, { index: this.#next, text: "" });
      written += this.#beginBlock({ type: "tool_use", id, name, input: {} });
    }
    const block = this.#callBlocks.get(place);
    if (!block) return written; // it was closed when the next one began
    block.text += text;
    const delta = { type: "input_json_delta", partial_json: text };
    if (text !== "") written += frame("content_block_delta", { index: block.index, delta });
    return isComplete ? written + this.#closeCalls((other) => other === block) : written;
  }

  #cite(citation: CitationChunk): string {
    if (this.#words?.type !== "text") return "";
    const delta = { type: "citations_delta", citation: citationOf(citation) };
    return frame("content_block_delta", { index: this.#words.index, delta });
  }

  #beginBlock(block: object): string {
    return frame("content_block_start", { index: this.#next++, content_block: block });
  }

  #closeWords(): string {
    const words = this.#words;
    if (!words) return "";
    this.#words = undefined;
    const { index, type } = words;
    const delta = { type: "signature_delta", signature: signatureOf(this.#reply) };
    const signature = type === "thinking" ? frame("content_block_delta", { index, delta }) : "";
    return signature + frame("content_block_stop", { index });
  }

  #closeCalls(isToClose: (block: { readonly index: number; readonly text: string }) => boolean): string {
    let text = "";
    for (const [place, block] of this.#callBlocks) {
      if (!isToClose(block)) continue;
      this.#callBlocks.delete(place);
      text += frame("content_block_stop", { index: block.index });
    }
    return text;
  }

  complete(message: AssistantMessage, finishReason: NamedFinish): string {
    const closed = this.#closeWords() + this.#closeCalls(() => true);
    const delta = { stop_reason: STOP_REASON[finishReason], stop_sequence: null };
    const usage = usageOf(message, this.#reply);
    return `${closed}${frame("message_delta", { delta, usage })}${frame("message_stop", {})}`;
  }

  fail(error: GatewayError): string {
    return `event: error\ndata: ${JSON.stringify(anthropicError({ requestId: this.#reply.id, ...error }))}\n\n`;
  }
}

function completeReply(message: AssistantMessage, reply: GatewayReply): DialectBody {
  const { content: text, reasoning, toolCalls, citations } = message;
  const finishReason = namedFinish(message.finishReason);
  const thinking = { type: "thinking", thinking: reasoning, signature: signatureOf(reply) };
  const cited = citations.length > 0 && { citations: citations.map(citationOf) };
  const body = {
    ...headOf(reply),
    content: [
      ...(reasoning === "" ? [] : [thinking]),
      ...(text === "" ? [] : [{ type: "text", text, ...cited }]),
      ...toolCalls.map((call, place) => ({
        type: "tool_use",
        id: call.id || callId(reply, place),
        name: call.name,
        input: inputOf(call),
      })),
    ],
    stop_reason: STOP_REASON[finishReason],
    stop_sequence: null,
    usage: usageOf(message, reply),
  };
  return { contentType: "application/json; charset=utf-8", text: exactJson(body) };
}

function headOf({ id, model }: GatewayReply): object {
  return { id: `msg_${id}`, type: "message", role: "assistant", model };
}

function callId({ id }: GatewayReply, place: number): string {
  return `toolu_${id}_${place}`;
}

/**
 * Programs keep thinking only with a signature, and send it back. The gateway itself keeps the data that the provider
 * wants back, so this one only has to be there.
 */
function signatureOf({ id }: GatewayReply): string {
  return `cloudllm-${id}`;
}

/** Input that is not an object is a mistake of the model, which this API cannot express. */
function inputOf({ arguments: args, rawArguments }: ToolCall): unknown {
  const input = rawArguments === undefined ? args : parseExact(rawArguments);
  return typeof input === "object" && input !== null && !Array.isArray(input) ? input : { input };
}

/**
 * Anthropic counts cached input apart, and programs take `input_tokens` of the first event for the size of the request.
 */
function usageOf(message: ReplyUsage, reply: GatewayReply): object {
  const counts: Partial<TokenUsage> = completeUsageOf(message) ?? {};
  const {
    inputTokens = reply.inputTokens ?? 0,
    cachedInputTokens = 0,
    cacheWriteTokens = 0,
    outputTokens = 0,
  } = counts;
  return {
    input_tokens: Math.max(0, inputTokens - cachedInputTokens - cacheWriteTokens),
    cache_creation_input_tokens: cacheWriteTokens,
    cache_read_input_tokens: cachedInputTokens,
    output_tokens: outputTokens,
  };
}

function citationOf({ url, title, citedText }: Citation): object {
  return {
    type: "web_search_result_location",
    url,
    title: title ?? null,
    cited_text: citedText ?? "",
    encrypted_index: "",
  };
}

function frame(type: string, fields: object): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;
}
