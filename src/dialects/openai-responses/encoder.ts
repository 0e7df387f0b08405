/**
 * A reply → the events of a Responses stream: its beginning, the events of its items, and its end, which repeats all of
 * them.
 * @see https://platform.openai.com/docs/api-reference/responses-streaming
 */

import type { MessageChunk } from "../../contract/chunk.ts";
import type { SendErrorData } from "../../contract/errors.ts";
import type { AssistantMessage } from "../../contract/message.ts";
import type { JsonObject } from "../../platform/json-object.ts";
import type { ReplyEncoder, ReplyEvent } from "../dialect.ts";
import type { GatewayReply } from "../gateway/dialect.ts";
import { ViewerFold } from "../native/viewer-fold.ts";
import { inDefaultOrder } from "../outline.ts";
import { errorCodeOf, incompleteReasonOf, statusOf } from "./endings.ts";
import { EventNumbers, type NumberedEvents } from "./event-numbers.ts";
import { type ResponseState, responseObject } from "./items.ts";
import type { ResponsesMemo } from "./request.ts";
import { type EventSink, ItemWriter } from "./writer.ts";

/** `response.created` and `response.in_progress` precede every item. */
const FIRST_EVENTS = 2;

const CHANGED =
  "The reply began again, and its words have changed. Fetch the response, or stream it from its beginning.";

/** Encodes one reply for one connection. */
export class ResponsesEncoder implements ReplyEncoder {
  readonly #reply: GatewayReply;
  readonly #memo: ResponsesMemo;
  readonly #numbers: NumberedEvents;
  readonly #fold: ViewerFold;
  #writer: ItemWriter;
  #state: ResponseState;
  #attempt = 1;
  #rewinds = 0;
  isOver = false;

  constructor(reply: GatewayReply, memo: ResponsesMemo, numbers: NumberedEvents) {
    this.#reply = reply;
    this.#memo = memo;
    this.#numbers = numbers;
    this.#state = { status: memo.echo.background === true ? "queued" : "in_progress" };
    this.#writer = this.#newWriter();
    this.#fold = new ViewerFold({ provider: "", model: reply.model, attempts: [] });
  }

  /** A broken connection is noticed by every client; a clean end would pass for the end of the reply. */
  readonly breaksAway = true;

  fromStart(): ResponsesEncoder {
    return new ResponsesEncoder(this.#reply, this.#memo, new EventNumbers(this.#numbers.got));
  }

  /** A program learns the id at once, and can come back by it before the model says a word. */
  begin(): string {
    return this.#event("response.created", { response: this.response });
  }

  encode(event: ReplyEvent): string {
    if (this.isOver) return "";
    switch (event.type) {
      case "opened":
        this.#state = { status: "in_progress" };
        return this.#event("response.in_progress", { response: this.response });
      case "chunks": {
        const changed = this.#attemptIn(event.id);
        return this.isOver ? changed : this.#chunks(event.chunks);
      }
      case "complete":
        return this.#complete(event.message);
      case "failed":
        return this.#failed(event.error);
      case "reconnect":
        return "";
    }
  }

  /** Returns the response so far. */
  get response(): JsonObject {
    return responseObject(this.#reply, this.#memo, this.#state, this.#writer.items);
  }

  /** An id names the process that has written the chunks. */
  #attemptIn(id: string | undefined): string {
    const attempt = id === undefined ? this.#attempt : Number.parseInt(id, 10);
    if (!(attempt > this.#attempt)) return "";
    this.#attempt = attempt;
    return this.#numbers.continueIn(this.#range) ? this.#changed() : "";
  }

  get #range(): number {
    return this.#attempt - 1 + this.#rewinds;
  }

  #chunks(chunks: readonly MessageChunk[]): string {
    const again = chunks.findLastIndex(({ type }) => type === "rewind") + 1;
    let text = again > 0 ? this.#beginAgain(chunks.slice(0, again)) : "";
    for (const chunk of again > 0 ? chunks.slice(again) : chunks) {
      if (this.isOver) break;
      this.#fold.add(chunk);
      text += this.#writer.chunk(chunk);
    }
    return text;
  }

  /** The reply begins again. The wire cannot take back what it has said, and says the rest in the usual order. */
  #beginAgain(chunks: readonly MessageChunk[]): string {
    for (const chunk of chunks) {
      this.#fold.add(chunk);
      if (chunk.type === "rewind") this.#rewinds++;
    }
    this.#writer = this.#newWriter();
    if (this.#numbers.restartIn(this.#range, FIRST_EVENTS)) return this.#changed();
    return inDefaultOrder(this.#folded)
      .map((chunk) => this.#writer.chunk(chunk))
      .join("");
  }

  #newWriter(): ItemWriter {
    const sink: EventSink = {
      event: (type, fields) => this.#event(type, fields),
      delta: (type, place, delta, more) => this.#delta(type, place, delta, more),
    };
    return new ItemWriter(sink, this.#reply.id, this.#memo);
  }

  get #folded(): AssistantMessage {
    return this.#fold.message("drained", () => ({ durationMs: 0, chunks: 0, longestGapMs: 0, attempts: [] }));
  }

  #changed(): string {
    this.isOver = true;
    return this.#error("server_error", CHANGED);
  }

  #error(code: string, message: string): string {
    const error = { type: code, code, message, param: null };
    // The libraries read it in two places: at the top, and under `error`.
    return this.#lastEvent("error", { code, message, param: null, error });
  }

  #complete(message: AssistantMessage): string {
    const rest = this.#rest(message);
    if (rest === undefined) return this.#changed();
    const status = statusOf(message);
    const reason = incompleteReasonOf(message);
    const isComplete = status === "completed";
    const left = this.#writer.leave(isComplete);
    this.#state = { status, reason, message };
    const type = isComplete ? "response.completed" : "response.incomplete";
    return rest + left + this.#event(type, { response: this.response });
  }

  /** Returns what only the end holds; `undefined` when it holds other words. */
  #rest(message: AssistantMessage): string | undefined {
    const { content, reasoning, toolCalls } = message;
    const { content: contentBefore, reasoning: reasoningBefore } = this.#fold;
    if (!content.startsWith(contentBefore)) return undefined;
    const thought = reasoning.startsWith(reasoningBefore) ? reasoning.slice(reasoningBefore.length) : "";
    const rest = content.slice(contentBefore.length);
    const known = new Set(this.#writer.items.map((item) => ("callId" in item && item.isOver ? item.callId : "")));
    const calls = toolCalls.filter(({ id }) => id !== "" && !known.has(id));
    const more = { content: "", isFinal: false } as const;
    const chunks: readonly MessageChunk[] = [
      { ...more, type: "reasoning", reasoning: thought },
      { ...more, type: "text", content: rest },
      ...calls.map((toolCall) => ({ ...more, type: "toolCall", toolCall }) as const),
    ];
    return chunks.map((chunk) => this.#writer.chunk(chunk)).join("");
  }

  #failed(error: SendErrorData): string {
    const code = errorCodeOf(error.kind);
    const { message, partial } = error;
    const rest = (partial && this.#rest(partial)) ?? "";
    const reported = rest + this.#error(code, message);
    this.#state = { status: "failed", error: { code, message }, message: partial };
    return reported + this.#lastEvent("response.failed", { response: this.response });
  }

  #event(type: string, fields: JsonObject): string {
    const part = this.#numbers.take();
    return part ? frame(type, part.number, fields) : "";
  }

  #lastEvent(type: string, fields: JsonObject): string {
    return frame(type, this.#numbers.takeLast(), fields);
  }

  #delta(type: string, place: JsonObject, delta: string, more?: JsonObject): string {
    const part = this.#numbers.take(delta.length);
    return part ? frame(type, part.number, { ...place, delta: delta.slice(part.known), ...more }) : "";
  }
}

/** The `event` line is for clients that do not look into the data. */
function frame(type: string, sequence_number: number, fields: JsonObject): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, sequence_number, ...fields })}\n\n`;
}
