/**
 * Anthropic Messages as Anthropic's own servers write it: blocks one after another, each begun, filled and ended.
 * @see https://docs.anthropic.com/en/api/messages-streaming
 */

import type { JsonObject } from "../../platform/json-object.ts";
import { claudeCapabilitiesOf } from "../../protocols/capabilities/claude.ts";
import type { ScriptEnding, ScriptedError, ScriptedUsage } from "../script.ts";
import type { FinishEvent } from "../script-events.ts";
import { recordedBlocks } from "./anthropic-recording.ts";
import { anthropicFault, pauseMark, thinkerMark } from "./anthropic-rules.ts";
import { noteRecorded, signatureOf } from "./anthropic-signatures.ts";
import { objectOr, type Signatures } from "./rules.ts";
import { textSignatureOf } from "./signatures.ts";
import {
  type ContentEvent,
  NO_MESSAGE,
  sseEvent,
  usageIn,
  type Wire,
  type WireReply,
  type WireRequest,
} from "./wire.ts";

const STOP_REASONS = {
  stop: "end_turn",
  length: "max_tokens",
  toolCalls: "tool_use",
  contentFilter: "refusal", // its classifiers and the model itself say the same
  refusal: "refusal",
  unknown: "unheard_of",
} as const satisfies Record<FinishEvent["finishReason"], string>;

const ERROR_TYPES: Readonly<Record<number, string>> = {
  400: "invalid_request_error",
  401: "authentication_error",
  402: "billing_error",
  403: "permission_error",
  404: "not_found_error",
  409: "conflict_error",
  413: "request_too_large",
  429: "rate_limit_error",
  504: "timeout_error",
  529: "overloaded_error",
};

const MAX_BLANKS = 15;

/** The fields of a request's body that the wire reads. */
interface MessagesBody {
  readonly model?: string;
  readonly stream?: boolean;
}

/** The open block, as far as it has been written. */
type Block =
  | { readonly type: "text"; text: string; citations?: unknown[] }
  | { readonly type: "image"; readonly source: object }
  | { readonly type: "thinking"; thinking: string; signature: string }
  | { readonly type: "tool_use"; readonly id: string; readonly name: string; input: unknown };

/** Google Cloud names the model in the path, and the version of the protocol in the body. */
const AT_GOOGLE = /\/publishers\/anthropic\/models\/([^/:]+):(?:streamRawPredict|rawPredict)$/;

/** Returns the body as Anthropic's own address would get it. */
function bodyIn({ path, body }: WireRequest): unknown {
  const [, model] = AT_GOOGLE.exec(path) ?? [];
  if (model === undefined || objectOr(body).anthropic_version !== "vertex-2023-10-16") return body;
  const { anthropic_version: _version, ...others } = objectOr(body);
  return { model: decodeURIComponent(model), ...others };
}

/** `POST /v1/messages`, also under `/anthropic` as at Amazon and Azure, and the paths of Google Cloud. */
export const anthropicWire: Wire = {
  serves: (path) => path.endsWith("/v1/messages") || AT_GOOGLE.test(path),
  path: /^(?:\/api|\/anthropic)?\/v1\/messages$|^\/v1\/projects\/[^/]+\/locations\/[^/]+\/publishers\/anthropic\/models\/[^/]+$/,
  note: (request, reply) => noteRecorded(objectOr(bodyIn(request)), recordedBlocks(reply), request.recorded),
  fault: (request) => anthropicFault(bodyIn(request), request.signatures, request.recorded),
  reply: (request, ending) => new MessagesReply(request, ending),
  refusal: (status, error) => errorBody({ code: ERROR_TYPES[status] ?? "api_error", ...error }),
};

class MessagesReply implements WireReply {
  readonly streamed: boolean;
  readonly contentType: string;
  readonly #message: {
    readonly id: string;
    readonly model: string;
    readonly type: "message";
    readonly role: "assistant";
  };
  readonly #usage: ScriptedUsage | undefined;
  readonly #signatures: Signatures;
  /** The facts that signatures are tied to; absent at models that tie them to nothing. */
  readonly #bound: JsonObject | undefined;
  /** Whether the request has switched thinking on. */
  readonly #thinks: boolean;
  readonly #blocks: Block[] = [];
  #open: Block | undefined;

  constructor(request: WireRequest, ending: ScriptEnding) {
    const { index, signatures } = request;
    const body = bodyIn(request);
    const { model = "unnamed", stream } = (body ?? {}) as MessagesBody;
    this.streamed = stream === true;
    this.contentType = this.streamed ? "text/event-stream; charset=utf-8" : "application/json";
    this.#message = { model, id: `msg_${index + 1}`, type: "message", role: "assistant" };
    this.#usage = usageIn(ending);
    this.#signatures = signatures;
    this.#thinks = objectOr(objectOr(body).thinking).type === "enabled";
    this.#bound = claudeCapabilitiesOf(model).bindsThinking ? objectOr(body) : undefined;
  }

  begin(): string {
    // Input tokens are known at once; output tokens are counted on the way.
    const usage = usageOf(this.#usage && { ...this.#usage, outputTokens: 1 });
    const message = { ...this.#message, content: [], stop_reason: null, stop_sequence: null, usage };
    return event("message_start", { message }) + event("ping");
  }

  write(piece: ContentEvent | FinishEvent): string {
    switch (piece.type) {
      case "text": {
        // A statement with citations is a block of its own.
        const isCited = this.#open?.type === "text" && this.#open.citations !== undefined;
        const block = this.#open?.type === "text" && !isCited ? this.#open : { type: "text" as const, text: "" };
        const begun = this.#enter(block);
        block.text += piece.text;
        return begun + this.#delta({ type: "text_delta", text: piece.text });
      }
      case "reasoning": {
        const fresh = { type: "thinking" as const, thinking: "", signature: "" };
        const block = this.#open?.type === "thinking" ? this.#open : fresh;
        const begun = this.#enter(block);
        block.thinking += piece.text;
        return begun + this.#delta({ type: "thinking_delta", thinking: piece.text });
      }
      case "citation": {
        const block = this.#open?.type === "text" ? this.#open : { type: "text" as const, text: "" };
        const begun = this.#enter(block);
        const citation = citationOf(piece);
        block.citations = [...(block.citations ?? []), citation];
        return begun + this.#delta({ type: "citations_delta", citation });
      }
      case "media": {
        // Anthropic's own models do not send this; others behind this format do.
        const { mediaType, data, partial } = piece.medium;
        if (!mediaType.startsWith("image/") || data === undefined || partial) return "";
        return this.#enter({ type: "image", source: { type: "base64", media_type: mediaType, data } }) + this.#leave();
      }
      case "toolCallDelta": {
        const { id, name, argumentsDelta, opens } = piece;
        const begun = opens ? this.#enter({ type: "tool_use", id, name, input: {} }) : "";
        const thought = this.#blocks.findLast((block) => block.type === "thinking");
        if (thought) this.#signatures.set(id, thought.signature);
        if (thought && this.#thinks) this.#signatures.set(thinkerMark(id), "");
        return begun + this.#delta({ type: "input_json_delta", partial_json: argumentsDelta });
      }
      case "toolCallEnd":
        if (this.#open?.type === "tool_use") this.#open.input = JSON.parse(piece.argumentsText || "{}");
        return this.#leave();
      case "finish": {
        // A call that was cut does not get an end.
        const left = this.#open?.type === "tool_use" ? "" : this.#leave();
        if (rawReasonOf(piece) === "pause_turn") this.#signatures.set(pauseMark(this.#blocks), "");
        const delta = { stop_reason: rawReasonOf(piece), stop_sequence: null };
        return left + event("message_delta", { delta, usage: usageOf(piece.usage) }) + event("message_stop");
      }
    }
  }

  writeError(error: ScriptedError): string {
    return sseEvent(errorBody(error), "error");
  }

  complete(events: readonly ContentEvent[], finish: FinishEvent): unknown {
    for (const piece of [...events, finish]) this.write(piece);
    return {
      ...this.#message,
      content: this.#blocks,
      stop_reason: rawReasonOf(finish),
      stop_sequence: null,
      usage: usageOf(finish.usage),
    };
  }

  completeError(error: ScriptedError): unknown {
    return errorBody(error);
  }

  #enter(block: Block): string {
    if (block === this.#open) return "";
    const left = this.#open?.type === "tool_use" ? "" : this.#leave();
    this.#open = block;
    const index = this.#blocks.push(block) - 1;
    return left + event("content_block_start", { index, content_block: { ...block } });
  }

  #leave(): string {
    const block = this.#open;
    if (!block) return "";
    let signed = "";
    if (block.type === "thinking") {
      const before = this.#blocks.slice(0, -1);
      block.signature = this.#bound
        ? signatureOf(block.thinking, this.#bound, before)
        : textSignatureOf(block.thinking);
      signed = this.#delta({ type: "signature_delta", signature: block.signature });
    }
    this.#open = undefined;
    return signed + event("content_block_stop", { index: this.#blocks.length - 1 });
  }

  #delta(delta: object): string {
    return event("content_block_delta", { index: this.#blocks.length - 1, delta });
  }
}

/** Returns the event padded with blanks before the last brace: Anthropic hides the lengths of its texts. */
function event(type: string, fields: object = {}): string {
  const json = JSON.stringify({ type, ...fields });
  return `event: ${type}\ndata: ${json.slice(0, -1)}${" ".repeat(json.length % MAX_BLANKS)}}\n\n`;
}

function rawReasonOf({ finishReason, rawFinishReason }: FinishEvent): string {
  return rawFinishReason ?? STOP_REASONS[finishReason];
}

function errorBody({ message = NO_MESSAGE, code = "api_error" }: ScriptedError): unknown {
  return { type: "error", error: { type: code, message }, request_id: "req_1" };
}

/** Returns a citation. It has no position: it belongs to its complete block. */
function citationOf({ citation }: Extract<ContentEvent, { type: "citation" }>): unknown {
  const { url, title = null, citedText = "" } = citation;
  const encrypted_index = textSignatureOf(url);
  return { type: "web_search_result_location", url, title, cited_text: citedText, encrypted_index };
}

/**
 * Returns the counts; an empty object where a script has none, because Anthropic always counts. Tokens that were read
 * from the cache or written to it are not input here.
 */
function usageOf(usage: ScriptedUsage | undefined): unknown {
  if (!usage) return {};
  const { inputTokens, outputTokens, cachedInputTokens = 0, cacheWriteTokens = 0, reasoningTokens } = usage;
  return {
    input_tokens: inputTokens - cachedInputTokens - cacheWriteTokens,
    cache_creation_input_tokens: cacheWriteTokens,
    cache_read_input_tokens: cachedInputTokens,
    output_tokens: outputTokens,
    ...(reasoningTokens !== undefined && { output_tokens_details: { thinking_tokens: reasoningTokens } }),
  };
}
