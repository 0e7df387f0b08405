/**
 * Replies in the form of Chat Completions, streamed and complete. Its helpers throw without a role in the first delta
 * and without a finish reason, and lose the calls of fragments without an `index`.
 * @see https://platform.openai.com/docs/api-reference/chat-streaming
 */

import type { MessageChunk, RewindChunk } from "../../contract/chunk.ts";
import type { AssistantMessage, Citation, Media } from "../../contract/message.ts";
import { completeUsageOf, type TokenUsage } from "../../contract/usage.ts";
import { type DialectBody, jsonBody } from "../dialect.ts";
import { type CallPart, CallTracker } from "../gateway/call-tracker.ts";
import { argumentsText } from "../gateway/calls.ts";
import type { GatewayError, GatewayReply, GatewayWire } from "../gateway/dialect.ts";
import { GatewayEncoder, type ReplyWriter } from "../gateway/encoder.ts";
import { type NamedFinish, namedFinish } from "../gateway/endings.ts";
import { openAiError } from "../gateway/openai-errors.ts";

const FINISH = {
  stop: "stop",
  length: "length",
  budget: "length",
  toolCalls: "tool_calls",
  contentFilter: "content_filter",
  refusal: "content_filter",
} as const satisfies Record<NamedFinish, string>;

const DONE = "data: [DONE]\n\n";

/** Returns the wire of one request. */
export function chatWire(includesUsage: boolean): GatewayWire {
  return {
    encoder: (reply) => new GatewayEncoder(new ChatWriter(reply, includesUsage)),
    complete: completeReply,
  };
}

class ChatWriter implements ReplyWriter {
  readonly #reply: GatewayReply;
  readonly #includesUsage: boolean;
  #citations = 0;
  readonly #calls: CallTracker;
  /** The beginning of each event, up to `choices`. */
  readonly #head: string;

  constructor(reply: GatewayReply, includesUsage: boolean) {
    const { id, createdAt: created, model } = reply;
    this.#reply = reply;
    this.#includesUsage = includesUsage;
    this.#calls = new CallTracker((place) => callId(reply, place));
    const head = JSON.stringify({ id: `chatcmpl-${id}`, object: "chat.completion.chunk", created, model });
    this.#head = `data: ${head.slice(0, -1)},"choices":`;
  }

  get hasOpenCalls(): boolean {
    return this.#calls.hasOpen;
  }

  begin(): string {
    return this.#delta('{"role":"assistant","content":""}');
  }

  chunk(chunk: Exclude<MessageChunk, RewindChunk>): string {
    switch (chunk.type) {
      case "text":
        return this.#delta(`{"content":${JSON.stringify(chunk.content)}}`);
      case "reasoning":
        return this.#delta(`{"reasoning_content":${JSON.stringify(chunk.reasoning)}}`);
      case "toolCallDelta":
        return this.#call(this.#calls.delta(chunk));
      case "toolCall":
        return this.#call(this.#calls.complete(chunk));
      case "citation":
        // OpenAI's helper for Python joins the entries of a list by their index, and fails where there is none.
        return this.#delta(JSON.stringify({ annotations: [{ index: this.#citations++, ...annotationOf(chunk) }] }));
      case "media": {
        const image = chunk.partial ? undefined : imageOf(chunk);
        return image ? this.#delta(JSON.stringify({ images: [{ index: chunk.index, ...image }] })) : "";
      }
      case "toolResult":
      case "providerToolCall":
      case "final":
        return "";
    }
  }

  #call({ call, isNew, text }: CallPart): string {
    const { place: index, id, name } = call;
    const begun = { index, id, type: "function", function: { name, arguments: "" } };
    const beginning = isNew ? this.#delta(JSON.stringify({ tool_calls: [begun] })) : "";
    if (text === "") return beginning;
    return beginning + this.#delta(JSON.stringify({ tool_calls: [{ index, function: { arguments: text } }] }));
  }

  #delta(json: string): string {
    return `${this.#head}[{"index":0,"delta":${json},"logprobs":null,"finish_reason":null}]}\n\n`;
  }

  complete(message: AssistantMessage, finishReason: NamedFinish): string {
    const choice = { index: 0, delta: {}, logprobs: null, finish_reason: FINISH[finishReason] };
    const finish = `${this.#head}${JSON.stringify([choice])}}\n\n`;
    if (!this.#includesUsage) return finish + DONE;
    return `${finish}${this.#head}[],"usage":${JSON.stringify(usageOf(message, this.#reply))}}\n\n${DONE}`;
  }

  fail(error: GatewayError): string {
    return `data: ${JSON.stringify({ error: openAiError(error) })}\n\n${DONE}`;
  }
}

function completeReply(message: AssistantMessage, reply: GatewayReply): DialectBody {
  const { id, createdAt: created, model } = reply;
  const { content, reasoning, toolCalls, citations, media = [] } = message;
  const finishReason = namedFinish(message.finishReason);
  const calls = toolCalls.map((call, place) => ({
    id: call.id || callId(reply, place),
    type: "function",
    function: { name: call.name, arguments: argumentsText(call) },
  }));
  const images = media.map(imageOf).filter((image) => image !== undefined);
  return jsonBody({
    id: `chatcmpl-${id}`,
    object: "chat.completion",
    created,
    model,
    choices: [
      {
        index: 0,
        message: {
          role: "assistant",
          content: content === "" && calls.length > 0 ? null : content,
          refusal: null,
          ...(reasoning !== "" && { reasoning_content: reasoning }),
          ...(calls.length > 0 && { tool_calls: calls }),
          ...(images.length > 0 && { images }),
          ...(citations.length > 0 && { annotations: citations.map(annotationOf) }),
        },
        finish_reason: FINISH[finishReason],
        logprobs: null,
      },
    ],
    usage: usageOf(message, reply),
  });
}

function callId({ id }: GatewayReply, place: number): string {
  return `call_${id}_${place}`;
}

function usageOf(message: AssistantMessage, reply: GatewayReply): object {
  const {
    inputTokens = reply.inputTokens ?? 0,
    outputTokens = 0,
    ...more
  }: Partial<TokenUsage> = completeUsageOf(message) ?? {};
  return {
    prompt_tokens: inputTokens,
    completion_tokens: outputTokens,
    total_tokens: more.totalTokens ?? inputTokens + outputTokens,
    prompt_tokens_details: { cached_tokens: more.cachedInputTokens ?? 0 },
    completion_tokens_details: { reasoning_tokens: more.reasoningTokens ?? 0 },
  };
}

/** @see https://platform.openai.com/docs/guides/tools-web-search (`url_citation`) */
function annotationOf({ url, title, startIndex, endIndex }: Citation): object {
  const place = { start_index: startIndex ?? 0, end_index: endIndex ?? 0 };
  return { type: "url_citation", url_citation: { url, title: title ?? url, ...place } };
}

/** OpenRouter's form of pictures, which Chat Completions itself does not have. Other media are left out. */
function imageOf({ mediaType, data, url }: Media): object | undefined {
  if (!mediaType.startsWith("image/")) return undefined;
  const address = data === undefined ? url : `data:${mediaType};base64,${data}`;
  return address === undefined ? undefined : { type: "image_url", image_url: { url: address } };
}
