/** Chunks → the items of a response, and their events: each item is begun, filled and ended. */

import type { MessageChunk, ToolCallDeltaChunk } from "../../contract/chunk.ts";
import type { Citation, ProviderToolCall, ToolCall } from "../../contract/message.ts";
import { isJsonObject, type JsonObject } from "../../platform/json-object.ts";
import { argumentsText } from "../gateway/calls.ts";
import { type CallForms, namesOnWire } from "./call-forms.ts";
import { annotationOf, type CallItem, type Item, plainInput, summaryPart, textPart, wireItem } from "./items.ts";

/** Makes events. Each is an empty text for a connection that has got it. */
export interface EventSink {
  event(type: string, fields: JsonObject): string;
  /** An event that holds a piece of text as `delta`. */
  delta(type: string, place: JsonObject, delta: string, more?: JsonObject): string;
}

const CALL_PREFIX = { function_call: "fc", custom_tool_call: "ctc", tool_search_call: "tsc" } as const;

/** Writes the items of one response. */
export class ItemWriter {
  readonly items: Item[] = [];
  readonly #sink: EventSink;
  /** The id of the reply, which the ids of its items contain. */
  readonly #reply: string;
  readonly #forms: CallForms;
  /** The open calls, by id. */
  readonly #calls = new Map<string, CallItem>();
  /** Sources that were named before there was a text. */
  #early: Citation[] = [];
  /** Of the text in the items, in UTF-16 units. */
  #textLength = 0;

  constructor(sink: EventSink, reply: string, forms: CallForms) {
    this.#sink = sink;
    this.#reply = reply;
    this.#forms = forms;
  }

  /** Returns the events of a chunk. */
  chunk(chunk: MessageChunk): string {
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
    this.#textLength += delta.length;
    const place = { ...this.#place(item), content_index: 0 };
    return text + this.#sink.delta("response.output_text.delta", place, delta, { logprobs: [] });
  }

  #enterMessage(): { readonly text: string; readonly item: Extract<Item, { type: "message" }> } {
    const last = this.#open;
    if (last?.type === "message") return { text: "", item: last };
    const left = this.leave();
    const item = {
      type: "message" as const,
      id: this.#id("msg"),
      text: "",
      annotations: [],
      start: this.#textLength,
      isOver: false,
    };
    const begun = this.#begin(item);
    const part = this.#sink.event("response.content_part.added", {
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
      text = this.leave();
      item = { type: "reasoning", id: this.#id("rs"), text: "", isOver: false };
      text += this.#begin(item);
      const place = { ...this.#place(item), summary_index: 0 };
      text += this.#sink.event("response.reasoning_summary_part.added", { ...place, part: summaryPart("") });
    }
    item.text += delta;
    const place = { ...this.#place(item), summary_index: 0 };
    return text + this.#sink.delta("response.reasoning_summary_text.delta", place, delta);
  }

  #callDelta({ index, id, name, argumentsDelta }: ToolCallDeltaChunk): string {
    const key = id || `${index}`;
    const known = this.#calls.get(key);
    const item = known ?? this.#newCall(id, name);
    const begun = known ? "" : this.leave() + this.#begin(item);
    this.#calls.set(key, item);
    item.text += argumentsDelta;
    if (item.type !== "function_call" || argumentsDelta === "") return begun;
    return begun + this.#sink.delta("response.function_call_arguments.delta", this.#place(item), argumentsDelta);
  }

  /** Some models make up calls without an id. */
  #newCall(callId: string, name: string): CallItem {
    const { textTools, toolSearch } = this.#forms;
    const isText = textTools.includes(name);
    const type = isText ? "custom_tool_call" : name === toolSearch ? "tool_search_call" : "function_call";
    const id = this.#id(CALL_PREFIX[type]);
    const names = namesOnWire(name, this.#forms);
    return { type, id, callId: callId || `call_${id}`, name, names, text: "", isOver: false };
  }

  #call(call: ToolCall): string {
    const open = [...this.#calls].find(([key, { name }]) => key === call.id || (call.id === "" && name === call.name));
    const item = open?.[1] ?? this.#newCall(call.id, call.name);
    let text = open ? "" : this.leave() + this.#begin(item);
    if (open) this.#calls.delete(open[0]);
    const place = this.#place(item);
    const json = argumentsText(call);
    if (item.text === "") {
      item.text = json;
      if (item.type === "function_call")
        text += this.#sink.delta("response.function_call_arguments.delta", place, json);
    } else if (!isObjectJson(item.text)) item.text = json; // the provider has replaced its pieces
    if (item.type === "function_call") {
      const { names, text: args } = item;
      text += this.#sink.event("response.function_call_arguments.done", { ...place, ...names, arguments: args });
    } else if (item.type === "custom_tool_call") {
      const input = plainInput(item.text);
      if (input !== "") text += this.#sink.delta("response.custom_tool_call_input.delta", place, input);
      text += this.#sink.event("response.custom_tool_call_input.done", { ...place, input });
    }
    return text + this.#end(item);
  }

  #citation(citation: Citation): string {
    const { startIndex = 0 } = citation;
    const messages = this.items.filter((item) => item.type === "message");
    const item = messages.findLast(({ start }) => citation.startIndex === undefined || start <= startIndex);
    if (!item) {
      this.#early.push(citation);
      return "";
    }
    const annotation = annotationOf(citation, item.text, item.start);
    const annotation_index = item.annotations.push(annotation) - 1;
    const place = { ...this.#place(item), content_index: 0, annotation_index };
    return this.#sink.event("response.output_text.annotation.added", { ...place, annotation });
  }

  /** Only a search has an item of this wire, and only where its query is known. */
  #search({ name, arguments: args }: ProviderToolCall): string {
    const { query } = isJsonObject(args) ? args : {};
    if (!/^web_search/.test(name) || typeof query !== "string") return "";
    const action = { type: "search", query };
    return this.#completeItem({ type: "web_search_call", id: this.#id("ws"), action, isOver: false }, [
      "response.web_search_call.in_progress",
      "response.web_search_call.searching",
      "response.web_search_call.completed",
    ]);
  }

  #picture(result: string): string {
    return this.#completeItem({ type: "image_generation_call", id: this.#id("ig"), result, isOver: false }, [
      "response.image_generation_call.in_progress",
      "response.image_generation_call.completed",
    ]);
  }

  #completeItem(item: Item, events: readonly string[]): string {
    const begun = this.leave() + this.#begin(item);
    const place = this.#place(item);
    return begun + events.map((type) => this.#sink.event(type, place)).join("") + this.#end(item);
  }

  /** The last item, if it is text that continues. */
  get #open(): Item | undefined {
    const last = this.items.at(-1);
    return last?.isOver ? undefined : last;
  }

  /** Ends a text. Calls end by themselves. @param isComplete whether nothing of it is missing */
  leave(isComplete = true): string {
    const item = this.#open;
    if (item?.type === "message") {
      const { text, annotations } = item;
      const place = { ...this.#place(item), content_index: 0 };
      const done = this.#sink.event("response.output_text.done", { ...place, text, logprobs: [] });
      const part = this.#sink.event("response.content_part.done", { ...place, part: textPart(text, annotations) });
      return done + part + this.#end(item, isComplete);
    }
    if (item?.type !== "reasoning") return "";
    const place = { ...this.#place(item), summary_index: 0 };
    const done = this.#sink.event("response.reasoning_summary_text.done", { ...place, text: item.text });
    const part = this.#sink.event("response.reasoning_summary_part.done", { ...place, part: summaryPart(item.text) });
    return done + part + this.#end(item, isComplete);
  }

  #begin(item: Item): string {
    this.items.push(item);
    const fields = { output_index: this.items.length - 1, item: wireItem(item, "in_progress") };
    return this.#sink.event("response.output_item.added", fields);
  }

  #end(item: Item, isComplete = true): string {
    item.isOver = isComplete;
    const { output_index } = this.#place(item);
    return this.#sink.event("response.output_item.done", { output_index, item: wireItem(item, "incomplete") });
  }

  #place(item: Item): { readonly item_id: string; readonly output_index: number } {
    return { item_id: item.id, output_index: this.items.lastIndexOf(item) };
  }

  #id(prefix: string): string {
    return `${prefix}_${this.#reply}_${this.items.length}`;
  }
}

function isObjectJson(text: string): boolean {
  try {
    return isJsonObject(JSON.parse(text));
  } catch {
    return false;
  }
}
