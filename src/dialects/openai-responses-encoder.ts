/**
 * A reply → the events of a Responses stream: items one after another, each begun, filled and ended, and all of them
 * repeated in the last event.
 * @see https://platform.openai.com/docs/api-reference/responses-streaming
 */

import type { MessageChunk, ToolCallDeltaChunk } from "../contract/chunk.ts";
import type { SendErrorData } from "../contract/errors.ts";
import type { AssistantMessage, Citation, ProviderToolCall, ToolCall } from "../contract/message.ts";
import { isJsonObject, type JsonObject } from "../platform/json-object.ts";
import type { ReplyEncoder, ReplyEvent } from "./dialect.ts";
import { EventNumbers, type NumberedEvents } from "./event-numbers.ts";
import { argumentsText } from "./machine-calls.ts";
import type { MachineReply } from "./machine-dialect.ts";
import { errorCodeOf, incompleteReasonOf, statusOf } from "./openai-responses-endings.ts";
import {
  annotationOf,
  type CallItem,
  type Item,
  plainInput,
  type ResponseState,
  responseObject,
  summaryPart,
  textPart,
  wireItem,
} from "./openai-responses-items.ts";
import type { ResponsesMemo } from "./openai-responses-request.ts";
import { inDefaultOrder } from "./outline.ts";
import { ViewerFold } from "./viewer-fold.ts";

type Fields = Readonly<Record<string, unknown>>;

/** `response.created` and `response.in_progress` precede every item. */
const FIRST_EVENTS = 2;

const CHANGED =
  "The reply began again, and its words have changed. Fetch the response, or stream it from its beginning.";

/** Encodes one reply for one connection. */
export class ResponsesEncoder implements ReplyEncoder {
  readonly #reply: MachineReply;
  readonly #memo: ResponsesMemo;
  readonly #numbers: NumberedEvents;
  readonly #items: Item[] = [];
  /** The open calls, by id. */
  readonly #calls = new Map<string, CallItem>();
  /** Sources that were named before there was a text. */
  #early: Citation[] = [];
  readonly #fold: ViewerFold;
  /** Of the text in the items, in UTF-16 units. */
  #saidLength = 0;
  #state: ResponseState;
  #attempt = 1;
  #rewinds = 0;
  isOver = false;

  constructor(reply: MachineReply, memo: ResponsesMemo, numbers: NumberedEvents) {
    this.#reply = reply;
    this.#memo = memo;
    this.#numbers = numbers;
    this.#state = { status: memo.echo.background === true ? "queued" : "in_progress" };
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
      case "chunks":
        return this.#attemptIn(event.id) + this.#chunks(event.chunks);
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
    return responseObject(this.#reply, this.#memo, this.#state, this.#items);
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
      text += this.#chunk(chunk);
    }
    return text;
  }

  /** The reply begins again. The wire cannot take back what it has said, and says the rest in the usual order. */
  #beginAgain(chunks: readonly MessageChunk[]): string {
    for (const chunk of chunks) {
      this.#fold.add(chunk);
      if (chunk.type === "rewind") this.#rewinds++;
    }
    this.#items.length = 0;
    this.#calls.clear();
    this.#early = [];
    this.#saidLength = 0;
    if (this.#numbers.restartIn(this.#range, FIRST_EVENTS)) return this.#changed();
    return inDefaultOrder(this.#folded)
      .map((chunk) => this.#chunk(chunk))
      .join("");
  }

  get #folded(): AssistantMessage {
    return this.#fold.message("drained", () => ({ durationMs: 0, chunks: 0, longestGapMs: 0, attempts: [] }));
  }

  #chunk(chunk: MessageChunk): string {
    switch (chunk.type) {
      case "text":
        return chunk.content === "" ? "" : this.#text(chunk.content);
      case "reasoning":
        return chunk.reasoning === "" ? "" : this.#reasoning(chunk.reasoning);
      case "toolCallDelta":
        return this.#callDelta(chunk);
      case "toolCall":
        return this.#call(chunk.toolCall);
      case "citation":
        return this.#citation(chunk);
      case "providerToolCall":
        return this.#search(chunk.providerToolCall);
      case "media":
        if (chunk.partial || chunk.append || chunk.data === undefined) return "";
        return chunk.mediaType.startsWith("image/") ? this.#picture(chunk.data) : "";
      case "rewind":
      case "toolResult":
      case "final":
        return "";
    }
  }

  #text(delta: string): string {
    const { text, item } = this.#enterMessage();
    item.text += delta;
    this.#saidLength += delta.length;
    const place = { ...this.#place(item), content_index: 0 };
    return text + this.#delta("response.output_text.delta", place, delta, { logprobs: [] });
  }

  #enterMessage(): { readonly text: string; readonly item: Extract<Item, { type: "message" }> } {
    const last = this.#open;
    if (last?.type === "message") return { text: "", item: last };
    const left = this.#leave();
    const item = {
      type: "message" as const,
      id: this.#id("msg"),
      text: "",
      annotations: [],
      start: this.#saidLength,
      isOver: false,
    };
    const begun = this.#begin(item);
    const part = this.#event("response.content_part.added", {
      ...this.#place(item),
      content_index: 0,
      part: textPart("", []),
    });
    const early = this.#early;
    this.#early = [];
    return { text: left + begun + part + early.map((citation) => this.#citation(citation)).join(""), item };
  }

  #reasoning(delta: string): string {
    let text = "";
    let item = this.#open;
    if (item?.type !== "reasoning") {
      text = this.#leave();
      item = { type: "reasoning", id: this.#id("rs"), text: "", isOver: false };
      text += this.#begin(item);
      const place = { ...this.#place(item), summary_index: 0 };
      text += this.#event("response.reasoning_summary_part.added", { ...place, part: summaryPart("") });
    }
    item.text += delta;
    const place = { ...this.#place(item), summary_index: 0 };
    return text + this.#delta("response.reasoning_summary_text.delta", place, delta);
  }

  #callDelta({ index, id, name, argumentsDelta }: ToolCallDeltaChunk): string {
    const key = id || `${index}`;
    const known = this.#calls.get(key);
    const item = known ?? this.#newCall(id, name);
    const begun = known ? "" : this.#leave() + this.#begin(item);
    this.#calls.set(key, item);
    item.text += argumentsDelta;
    if (item.type === "custom_tool_call" || argumentsDelta === "") return begun;
    return begun + this.#delta("response.function_call_arguments.delta", this.#place(item), argumentsDelta);
  }

  /** Some models make up calls without an id. */
  #newCall(callId: string, name: string): CallItem {
    const isText = this.#memo.textTools.includes(name);
    const type = isText ? "custom_tool_call" : "function_call";
    const id = this.#id(isText ? "ctc" : "fc");
    return { type, id, callId: callId || `call_${id}`, name, text: "", isOver: false };
  }

  #call(call: ToolCall): string {
    const open = [...this.#calls].find(([key, { name }]) => key === call.id || (call.id === "" && name === call.name));
    const item = open?.[1] ?? this.#newCall(call.id, call.name);
    let text = open ? "" : this.#leave() + this.#begin(item);
    if (open) this.#calls.delete(open[0]);
    const place = this.#place(item);
    const json = argumentsText(call);
    if (item.text === "") {
      item.text = json;
      if (item.type === "function_call") text += this.#delta("response.function_call_arguments.delta", place, json);
    } else if (!isObjectJson(item.text)) item.text = json; // the provider has replaced its pieces
    if (item.type === "function_call") {
      const { name, text: args } = item;
      text += this.#event("response.function_call_arguments.done", { ...place, name, arguments: args });
    } else {
      const input = plainInput(item.text);
      if (input !== "") text += this.#delta("response.custom_tool_call_input.delta", place, input);
      text += this.#event("response.custom_tool_call_input.done", { ...place, input });
    }
    return text + this.#end(item);
  }

  #citation(citation: Citation): string {
    const { startIndex = 0 } = citation;
    const messages = this.#items.filter((item) => item.type === "message");
    const item = messages.findLast(({ start }) => citation.startIndex === undefined || start <= startIndex);
    if (!item) {
      this.#early.push(citation);
      return "";
    }
    const annotation = annotationOf(citation, item.text, item.start);
    const annotation_index = item.annotations.push(annotation) - 1;
    const place = { ...this.#place(item), content_index: 0, annotation_index };
    return this.#event("response.output_text.annotation.added", { ...place, annotation });
  }

  /** Only a search has an item of this wire, and only where its query is known. */
  #search({ name, arguments: args }: ProviderToolCall): string {
    const { query } = isJsonObject(args) ? args : {};
    if (!/^web_search/.test(name) || typeof query !== "string") return "";
    const action = { type: "search", query };
    return this.#wholeItem({ type: "web_search_call", id: this.#id("ws"), action, isOver: false }, [
      "response.web_search_call.in_progress",
      "response.web_search_call.searching",
      "response.web_search_call.completed",
    ]);
  }

  #picture(result: string): string {
    return this.#wholeItem({ type: "image_generation_call", id: this.#id("ig"), result, isOver: false }, [
      "response.image_generation_call.in_progress",
      "response.image_generation_call.completed",
    ]);
  }

  #wholeItem(item: Item, events: readonly string[]): string {
    const begun = this.#leave() + this.#begin(item);
    const place = this.#place(item);
    return begun + events.map((type) => this.#event(type, place)).join("") + this.#end(item);
  }

  /** The last item, if it is text that goes on. */
  get #open(): Item | undefined {
    const last = this.#items.at(-1);
    return last?.isOver ? undefined : last;
  }

  /** Ends a text. Calls end by themselves. @param isComplete whether nothing of it is missing */
  #leave(isComplete = true): string {
    const item = this.#open;
    if (item?.type === "message") {
      const { text, annotations } = item;
      const place = { ...this.#place(item), content_index: 0 };
      const done = this.#event("response.output_text.done", { ...place, text, logprobs: [] });
      const part = this.#event("response.content_part.done", { ...place, part: textPart(text, annotations) });
      return done + part + this.#end(item, isComplete);
    }
    if (item?.type !== "reasoning") return "";
    const place = { ...this.#place(item), summary_index: 0 };
    const done = this.#event("response.reasoning_summary_text.done", { ...place, text: item.text });
    const part = this.#event("response.reasoning_summary_part.done", { ...place, part: summaryPart(item.text) });
    return done + part + this.#end(item, isComplete);
  }

  #begin(item: Item): string {
    this.#items.push(item);
    const fields = { output_index: this.#items.length - 1, item: wireItem(item, "in_progress") };
    return this.#event("response.output_item.added", fields);
  }

  #end(item: Item, isComplete = true): string {
    item.isOver = isComplete;
    const { output_index } = this.#place(item);
    return this.#event("response.output_item.done", { output_index, item: wireItem(item, "incomplete") });
  }

  #place(item: Item): { readonly item_id: string; readonly output_index: number } {
    return { item_id: item.id, output_index: this.#items.lastIndexOf(item) };
  }

  #id(prefix: string): string {
    return `${prefix}_${this.#reply.id}_${this.#items.length}`;
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
    const left = this.#leave(isComplete);
    this.#state = { status, reason, message };
    const type = isComplete ? "response.completed" : "response.incomplete";
    return rest + left + this.#event(type, { response: this.response });
  }

  /** Returns what only the end holds; `undefined` when it holds other words. */
  #rest(message: AssistantMessage): string | undefined {
    const { content, reasoning, toolCalls } = message;
    const { content: saidBefore, reasoning: thoughtBefore } = this.#fold;
    if (!content.startsWith(saidBefore)) return undefined;
    const thought = reasoning.startsWith(thoughtBefore) ? reasoning.slice(thoughtBefore.length) : "";
    const said = content.slice(saidBefore.length);
    const known = new Set(this.#items.map((item) => ("callId" in item && item.isOver ? item.callId : undefined)));
    const calls = toolCalls.filter(({ id }) => !known.has(id));
    const shown = (thought && this.#reasoning(thought)) + (said && this.#text(said));
    return shown + calls.map((call) => this.#call(call)).join("");
  }

  #failed(error: SendErrorData): string {
    const code = errorCodeOf(error.kind);
    const { message, partial } = error;
    const failed = { code, message };
    const reported = this.#error(code, message);
    this.#state = { status: "failed", error: failed, message: partial };
    return reported + this.#lastEvent("response.failed", { response: this.response });
  }

  #event(type: string, fields: Fields): string {
    const part = this.#numbers.take();
    return part ? frame(type, part.number, fields) : "";
  }

  #lastEvent(type: string, fields: Fields): string {
    return frame(type, this.#numbers.takeLast(), fields);
  }

  #delta(type: string, place: Fields, delta: string, more?: Fields): string {
    const part = this.#numbers.take(delta.length);
    return part ? frame(type, part.number, { ...place, delta: delta.slice(part.known), ...more }) : "";
  }
}

function isObjectJson(text: string): boolean {
  try {
    return isJsonObject(JSON.parse(text));
  } catch {
    return false;
  }
}

/** The `event` line is for clients that do not look into the data. */
function frame(type: string, sequence_number: number, fields: Fields): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, sequence_number, ...fields })}\n\n`;
}
