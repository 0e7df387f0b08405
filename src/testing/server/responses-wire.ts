/**
 * Responses as OpenAI's own servers write it: items one after another, each begun, filled and ended, and all of them
 * repeated in the last event.
 * @see https://platform.openai.com/docs/api-reference/responses-streaming
 */

import type { JsonObject } from "../../platform/json-object.ts";
import type { ScriptedError, ScriptedUsage } from "../script.ts";
import type { FinishEvent } from "../script-events.ts";
import { openaiError } from "./openai-error.ts";
import { responsesFault, writerMark } from "./responses-rules.ts";
import { listOf, objectOr, objectsIn, type Recorded, type Signatures } from "./rules.ts";
import type { MediaEvent } from "./scripted-media.ts";
import { textSignatureOf } from "./signatures.ts";
import {
  type ContentEvent,
  isRefusal,
  NO_MESSAGE,
  sseEvent,
  type Wire,
  type WireReply,
  type WireRequest,
} from "./wire.ts";

/** Why a response is not complete; the wire has no words for the other reasons. */
const INCOMPLETE: Readonly<Partial<Record<FinishEvent["finishReason"], string>>> = {
  length: "max_output_tokens",
  contentFilter: "content_filter",
  unknown: "unheard_of",
};

/** The fields of a request's body that the wire reads. */
interface ResponsesBody {
  readonly model?: string;
  readonly stream?: boolean;
  readonly include?: readonly string[];
}

interface Part {
  readonly type: "output_text" | "refusal" | "summary_text";
  text: string;
  readonly annotations: unknown[];
}

/** The open item, as far as it has been written. */
type Item =
  | { readonly type: "message"; readonly id: string; readonly part: Part; readonly start: number }
  | { readonly type: "reasoning"; readonly id: string; readonly part: Part }
  | {
      readonly type: "function_call";
      readonly id: string;
      readonly callId: string;
      readonly name: string;
      text: string;
    }
  | {
      readonly type: "image_generation_call";
      readonly id: string;
      readonly index: number;
      previews: number;
      result?: string;
    };

type Status = "in_progress" | "completed" | "incomplete";

/** `POST /v1/responses`. */
export const responsesWire: Wire = {
  serves: (path) => path.endsWith("/responses"),
  path: /^(?:\/api|\/openai)?\/v1\/responses$/,
  note: ({ recorded }, body) => {
    for (const { encrypted_content } of itemsIn(body))
      if (encrypted_content) recorded.set(String(encrypted_content), true);
  },
  fault: ({ body, signatures, recorded }) => responsesFault(body, signatures, recorded),
  reply: (request, ending) => new ResponsesReply(request, isRefusal(ending)),
  refusal: (_status, error) => openaiError(error),
};

class ResponsesReply implements WireReply {
  readonly streamed: boolean;
  readonly contentType: string;
  readonly #common: Readonly<Record<string, unknown>>;
  /** The number of this response, which the ids of its items contain. */
  readonly #number: number;
  readonly #refuses: boolean;
  readonly #encrypts: boolean;
  readonly #signatures: Signatures;
  readonly #recorded: Recorded;
  readonly #output: unknown[] = [];
  #open: Item | undefined;
  /** The encrypted content of the latest thinking, if a request must return it. */
  #signature: string | undefined;
  #textLength = 0;
  #events = 0;

  constructor({ index, body, signatures, recorded }: WireRequest, refuses: boolean) {
    const { model = "unnamed", stream, include } = (body ?? {}) as ResponsesBody;
    this.streamed = stream === true;
    this.contentType = this.streamed ? "text/event-stream; charset=utf-8" : "application/json";
    this.#number = index + 1;
    this.#common = { id: `resp_${index + 1}`, object: "response", created_at: 1_700_000_000, model };
    this.#refuses = refuses;
    this.#signatures = signatures;
    this.#recorded = recorded;
    this.#encrypts = include?.includes("reasoning.encrypted_content") === true;
  }

  begin(): string {
    const response = this.#response("in_progress");
    return this.#event("response.created", { response }) + this.#event("response.in_progress", { response });
  }

  write(piece: ContentEvent | FinishEvent): string {
    switch (piece.type) {
      case "text": {
        const begun = this.#enterMessage();
        if (this.#open?.type === "message") this.#open.part.text += piece.text;
        this.#textLength += piece.text.length;
        const type = this.#refuses ? "response.refusal.delta" : "response.output_text.delta";
        return begun + this.#event(type, { ...this.#place(), delta: piece.text });
      }
      case "reasoning": {
        const part: Part = { type: "summary_text", text: "", annotations: [] };
        const begun =
          this.#open?.type === "reasoning" ? "" : this.#enter({ type: "reasoning", id: this.#id("rs"), part });
        if (this.#open?.type === "reasoning") this.#open.part.text += piece.text;
        return begun + this.#event("response.reasoning_summary_text.delta", { ...this.#place(), delta: piece.text });
      }
      case "citation": {
        const begun = this.#enterMessage();
        if (this.#open?.type !== "message") return begun;
        const { part, start } = this.#open;
        const annotation = annotationOf(piece, part.text, start);
        const annotation_index = part.annotations.push(annotation) - 1;
        const fields = { ...this.#place(), annotation_index, annotation };
        return begun + this.#event("response.output_text.annotation.added", fields);
      }
      case "media":
        return this.#writePicture(piece);
      case "toolCallDelta": {
        const { id: callId, name, argumentsDelta, opens } = piece;
        const item: Item = { type: "function_call", id: this.#id("fc"), callId, name, text: "" };
        const begun = opens ? this.#enter(item) : "";
        if (this.#signature !== undefined) {
          this.#signatures.set(callId, this.#signature);
          this.#signatures.set(writerMark(callId), String(this.#common.model));
        }
        if (this.#open?.type === "function_call") this.#open.text += argumentsDelta;
        return (
          begun + this.#event("response.function_call_arguments.delta", { ...this.#place(), delta: argumentsDelta })
        );
      }
      case "toolCallEnd":
        return this.#leave("completed");
      case "finish": {
        const isCut = this.#open?.type === "function_call";
        const left = this.#leave(isCut || statusOf(piece) === "incomplete" ? "incomplete" : "completed");
        return left + this.#event(`response.${statusOf(piece)}`, { response: this.#finished(piece) });
      }
    }
  }

  writeError(error: ScriptedError): string {
    const { message = NO_MESSAGE, code = "server_error" } = error;
    const reported = { type: code, code, message, param: null };
    return (
      this.#event("error", { error: reported }) +
      this.#event("response.failed", { response: this.completeError(error) })
    );
  }

  complete(events: readonly ContentEvent[], finish: FinishEvent): unknown {
    for (const piece of [...events, finish]) this.write(piece);
    return this.#finished(finish);
  }

  completeError({ message = NO_MESSAGE, code = "server_error" }: ScriptedError): unknown {
    return { ...this.#response("failed"), error: { code, message } };
  }

  /** Returns the events of a picture; `""` for sound, which this format does not have. */
  #writePicture({ index, medium }: MediaEvent): string {
    const { mediaType, data, url, partial } = medium;
    const [kind, output_format = ""] = mediaType.split("/");
    if (kind !== "image" || (data ?? url) === undefined) return "";
    const isOpen = this.#open?.type === "image_generation_call" && this.#open.index === index;
    const id = medium.id ?? this.#id("ig");
    const begun = isOpen ? "" : this.#enter({ type: "image_generation_call", id, index, previews: 0 });
    if (this.#open?.type !== "image_generation_call") return begun;
    const place = this.#place();
    if (partial) {
      const fields = { ...place, partial_image_index: this.#open.previews++, partial_image_b64: data, output_format };
      return begun + this.#event("response.image_generation_call.partial_image", fields);
    }
    this.#open.result = data ?? url ?? "";
    return begun + this.#event("response.image_generation_call.completed", place) + this.#leave("completed");
  }

  #enterMessage(): string {
    if (this.#open?.type === "message") return "";
    const part: Part = { type: this.#refuses ? "refusal" : "output_text", text: "", annotations: [] };
    return this.#enter({ type: "message", id: this.#id("msg"), part, start: this.#textLength });
  }

  #enter(item: Item): string {
    const left = this.#leave(this.#open?.type === "function_call" ? "incomplete" : "completed");
    this.#open = item;
    const begun = this.#event("response.output_item.added", { ...this.#at(), item: this.#itemOf(item, "in_progress") });
    if (item.type === "function_call" || item.type === "image_generation_call") return left + begun;
    const added = item.type === "message" ? "response.content_part.added" : "response.reasoning_summary_part.added";
    return left + begun + this.#event(added, { ...this.#place(), part: partOf(item.part) });
  }

  /** Ends the item. The text, its part and its item are each repeated. */
  #leave(status: Status): string {
    const item = this.#open;
    if (!item) return "";
    let done = "";
    if (item.type === "message" || item.type === "reasoning") {
      const { part } = item;
      const [text, ofPart] = DONE[part.type];
      const fields = part.type === "refusal" ? { refusal: part.text } : { text: part.text };
      done =
        this.#event(text, { ...this.#place(), ...fields }) +
        this.#event(ofPart, { ...this.#place(), part: partOf(part) });
    } else if (item.type === "function_call" && status === "completed") {
      done = this.#event("response.function_call_arguments.done", { ...this.#place(), arguments: item.text });
    }
    if (item.type === "reasoning" && this.#encrypts) {
      this.#signature = textSignatureOf(item.part.text);
      this.#recorded.set(this.#signature, "scripted");
    }
    const wire = this.#itemOf(item, status);
    done += this.#event("response.output_item.done", { ...this.#at(), item: wire });
    this.#output.push(wire);
    this.#open = undefined;
    return done;
  }

  #itemOf(item: Item, status: Status): unknown {
    const { id, type } = item;
    const isBegun = status === "in_progress";
    switch (item.type) {
      case "message":
        return { id, type, status, role: "assistant", content: isBegun ? [] : [partOf(item.part)] };
      case "reasoning": {
        // It grows with the thinking; the last one is valid.
        const encrypted = this.#encrypts && { encrypted_content: textSignatureOf(item.part.text) };
        return { id, type, ...encrypted, summary: isBegun ? [] : [partOf(item.part)] };
      }
      case "function_call":
        return { id, type, status, arguments: item.text, call_id: item.callId, name: item.name };
      case "image_generation_call":
        return { id, type, status, result: item.result ?? null };
    }
  }

  #id(prefix: string): string {
    return `${prefix}_${this.#number}_${this.#output.length + (this.#open ? 1 : 0)}`;
  }

  #at(): { readonly output_index: number } {
    return { output_index: this.#output.length };
  }

  /** Returns the position of the open item's text. */
  #place(): Readonly<Record<string, unknown>> {
    const item = this.#open;
    const index =
      item?.type === "message" ? { content_index: 0 } : item?.type === "reasoning" ? { summary_index: 0 } : {};
    return { item_id: item?.id, ...this.#at(), ...index };
  }

  #finished(finish: FinishEvent): unknown {
    const { usage } = finish;
    const status = statusOf(finish);
    const reason = finish.rawFinishReason ?? INCOMPLETE[finish.finishReason];
    const details = status === "incomplete" ? { reason } : null;
    return { ...this.#response(status), incomplete_details: details, usage: usage ? usageOf(usage) : null };
  }

  #response(status: Status | "failed"): Readonly<Record<string, unknown>> {
    return {
      ...this.#common,
      status,
      error: null,
      incomplete_details: null,
      output: [...this.#output],
      parallel_tool_calls: true,
      store: false,
      usage: null,
      metadata: {},
    };
  }

  #event(type: string, fields: object): string {
    return sseEvent({ type, sequence_number: this.#events++, ...fields }, type);
  }
}

const DONE = {
  output_text: ["response.output_text.done", "response.content_part.done"],
  refusal: ["response.refusal.done", "response.content_part.done"],
  summary_text: ["response.reasoning_summary_text.done", "response.reasoning_summary_part.done"],
} as const satisfies Record<Part["type"], readonly [string, string]>;

function partOf({ type, text, annotations }: Part): unknown {
  if (type === "refusal") return { type, refusal: text };
  return type === "summary_text" ? { type, text } : { type, annotations: [...annotations], logprobs: [], text };
}

function statusOf({ finishReason, rawFinishReason }: FinishEvent): Status {
  if (rawFinishReason !== undefined) return rawFinishReason === "completed" ? "completed" : "incomplete";
  return INCOMPLETE[finishReason] === undefined ? "completed" : "incomplete";
}

/** Returns a citation. Positions are code points of the text of the part. */
function annotationOf({ citation }: Extract<ContentEvent, { type: "citation" }>, text: string, start: number): unknown {
  const { url, title = "", startIndex = start, endIndex = start } = citation;
  const codePoints = (offset: number) => [...text.slice(0, Math.max(0, offset - start))].length;
  return { type: "url_citation", start_index: codePoints(startIndex), end_index: codePoints(endIndex), title, url };
}

function usageOf(usage: ScriptedUsage): unknown {
  const {
    inputTokens,
    outputTokens,
    totalTokens,
    cachedInputTokens = 0,
    cacheWriteTokens = 0,
    reasoningTokens = 0,
  } = usage;
  return {
    input_tokens: inputTokens,
    input_tokens_details: { cached_tokens: cachedInputTokens, cache_write_tokens: cacheWriteTokens },
    output_tokens: outputTokens,
    output_tokens_details: { reasoning_tokens: reasoningTokens },
    total_tokens: totalTokens ?? inputTokens + outputTokens,
  };
}

/** Returns the items of a recorded body. */
function itemsIn(body: string): readonly JsonObject[] {
  return objectsIn(body).flatMap(({ item, output, response }) => [
    ...(item === undefined ? [] : [objectOr(item)]),
    ...listOf(output),
    ...listOf(objectOr(response).output),
  ]);
}
