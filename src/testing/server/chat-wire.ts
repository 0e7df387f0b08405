/**
 * Chat Completions as OpenAI's own servers write it.
 * @see https://platform.openai.com/docs/api-reference/chat-streaming
 */

import type { ScriptedError, ScriptedUsage } from "../script.ts";
import type { FinishEvent } from "../script-events.ts";
import { chatFault } from "./chat-rules.ts";
import { openaiError } from "./openai-error.ts";
import { chatMedia, scriptedMedia } from "./scripted-media.ts";
import { type ContentEvent, isRefusal, sseEvent, type Wire, type WireReply, type WireRequest } from "./wire.ts";

const FINISH_REASONS = {
  stop: "stop",
  length: "length",
  toolCalls: "tool_calls",
  contentFilter: "content_filter",
  refusal: "stop", // said by the field that its text comes in
  unknown: "unheard_of",
} as const satisfies Record<FinishEvent["finishReason"], string>;

/** The fields of a request's body that the wire reads. */
interface ChatBody {
  readonly model?: string;
  readonly stream?: boolean;
  readonly stream_options?: { readonly include_usage?: boolean };
  /** The field by which OpenRouter is asked for usage. */
  readonly usage?: { readonly include?: boolean };
}

/** `POST …/chat/completions`. */
export const chatWire: Wire = {
  serves: (path) => path.endsWith("/chat/completions"),
  path: /^(?:(?:\/api|\/openai)?\/v1|\/v1beta\/openai|\/v1\/projects\/[^/]+\/locations\/[^/]+\/endpoints\/openapi)?\/chat\/completions$/,
  fault: ({ body }) => chatFault(body),
  reply: (request, ending) => new ChatReply(request, isRefusal(ending)),
  refusal: (_status, error) => openaiError(error),
};

class ChatReply implements WireReply {
  readonly streamed: boolean;
  readonly contentType: string;
  readonly #textField: "content" | "refusal";
  readonly #usageWanted: boolean;
  readonly #common: { readonly id: string; readonly created: number; readonly model: string };
  #text = "";

  constructor({ index, body, usageUnasked }: WireRequest, refuses: boolean) {
    const { model = "unnamed", stream, stream_options, usage } = (body ?? {}) as ChatBody;
    this.streamed = stream === true;
    this.contentType = this.streamed ? "text/event-stream; charset=utf-8" : "application/json";
    this.#textField = refuses ? "refusal" : "content";
    this.#usageWanted = usageUnasked || stream_options?.include_usage === true || usage?.include === true;
    this.#common = { id: `chatcmpl-${index + 1}`, created: 1_700_000_000, model };
  }

  begin(): string {
    return this.#choice({ role: "assistant", content: "", refusal: null });
  }

  write(event: ContentEvent | FinishEvent): string {
    switch (event.type) {
      case "text":
        this.#text += event.text;
        return this.#choice({ [this.#textField]: event.text });
      case "reasoning":
        return this.#choice({ reasoning_content: event.text });
      case "toolCallDelta": {
        const { index, id, name, argumentsDelta, opens } = event;
        const call = opens
          ? { index, id, type: "function", function: { name, arguments: argumentsDelta } }
          : { index, function: { arguments: argumentsDelta } };
        return this.#choice({ tool_calls: [call] });
      }
      case "toolCallEnd":
        return ""; // only the end of the reply closes a call
      case "citation":
        return this.#choice({ annotations: [annotationOf(event, this.#text)] });
      case "media": {
        const media = chatMedia(event);
        return Object.keys(media).length > 0 ? this.#choice(media) : "";
      }
      case "finish": {
        const usage = event.usage && this.#usageWanted ? this.#chunk({ choices: [], usage: usageOf(event.usage) }) : "";
        return `${this.#choice({}, rawReasonOf(event))}${usage}data: [DONE]\n\n`;
      }
    }
  }

  writeError(error: ScriptedError): string {
    return sseEvent(this.completeError(error));
  }

  completeError(error: ScriptedError): unknown {
    return openaiError({ code: "server_error", ...error });
  }

  complete(events: readonly ContentEvent[], finish: FinishEvent): unknown {
    const join = (type: "text" | "reasoning") =>
      events.map((event) => (event.type === type ? event.text : "")).join("");
    const text = join("text");
    const reasoning = join("reasoning");
    const calls = callsOf(events);
    const annotations = events.filter((event) => event.type === "citation").map((event) => annotationOf(event, text));
    const media = scriptedMedia(events).map((medium) => chatMedia({ medium }));
    const images = media.flatMap((fields) => fields.images ?? []);
    const sound = media.find(({ audio }) => audio);
    const message = {
      role: "assistant",
      content: null,
      refusal: null,
      ...(text !== "" && { [this.#textField]: text }),
      ...(reasoning !== "" && { reasoning_content: reasoning }),
      ...(annotations.length > 0 && { annotations }),
      ...(images.length > 0 && { images }),
      ...sound,
      ...(calls.length > 0 && {
        tool_calls: calls.map(({ id, name, argumentsText }) => ({
          id,
          type: "function",
          function: { name, arguments: argumentsText },
        })),
      }),
    };
    return {
      ...this.#common,
      object: "chat.completion",
      choices: [{ index: 0, message, logprobs: null, finish_reason: rawReasonOf(finish) }],
      ...(finish.usage && { usage: usageOf(finish.usage) }),
    };
  }

  #choice(delta: object, finishReason: string | null = null): string {
    return this.#chunk({ choices: [{ index: 0, delta, logprobs: null, finish_reason: finishReason }] });
  }

  #chunk(fields: object): string {
    return sseEvent({ ...this.#common, object: "chat.completion.chunk", ...fields });
  }
}

interface Call {
  readonly id: string;
  readonly name: string;
  argumentsText: string;
}

/** Returns all calls, also those that were cut, with the received part of their arguments. */
function callsOf(events: readonly ContentEvent[]): readonly Call[] {
  const calls: Call[] = [];
  for (const event of events) {
    if (event.type !== "toolCallDelta") continue;
    const { index, id, name, argumentsDelta } = event;
    const call = calls[index];
    if (call) call.argumentsText += argumentsDelta;
    else calls[index] = { id, name, argumentsText: argumentsDelta };
  }
  return calls;
}

function rawReasonOf({ finishReason, rawFinishReason }: FinishEvent): string {
  return rawFinishReason ?? FINISH_REASONS[finishReason];
}

/** Positions on this wire count code points. */
function annotationOf({ citation }: Extract<ContentEvent, { type: "citation" }>, text: string): unknown {
  const { url, title = "", citedText, startIndex = 0, endIndex = 0 } = citation;
  const codePoints = (offset: number) => [...text.slice(0, offset)].length;
  return {
    type: "url_citation",
    url_citation: {
      url,
      title,
      ...(citedText !== undefined && { content: citedText }),
      start_index: codePoints(startIndex),
      end_index: codePoints(endIndex),
    },
  };
}

function usageOf(usage: ScriptedUsage): unknown {
  const {
    inputTokens,
    outputTokens,
    totalTokens = inputTokens + outputTokens,
    cachedInputTokens,
    cacheWriteTokens,
    reasoningTokens,
  } = usage;
  const cache = {
    ...(cachedInputTokens !== undefined && { cached_tokens: cachedInputTokens }),
    ...(cacheWriteTokens !== undefined && { cache_write_tokens: cacheWriteTokens }),
  };
  return {
    prompt_tokens: inputTokens,
    completion_tokens: outputTokens,
    total_tokens: totalTokens,
    ...(Object.keys(cache).length > 0 && { prompt_tokens_details: cache }),
    ...(reasoningTokens !== undefined && { completion_tokens_details: { reasoning_tokens: reasoningTokens } }),
  };
}
