/**
 * Responses: a reply is a row of items (messages, thinking, calls), each begun, filled and ended by events of its own, and
 * told once more, whole, at the end.
 * @see https://platform.openai.com/docs/api-reference/responses-streaming
 */

import type { FinishReason, MessageChunk } from "../chunk.ts";
import { SendError } from "../errors.ts";
import type { ReplyFacts } from "../fold.ts";
import { TextBuffer } from "../text-buffer.ts";
import { errorOf, isError } from "./error-kinds.ts";
import type { BackgroundReplies, Decoder, Protocol, ReplyPosition } from "./protocol.ts";
import { annotationCitation, type WireAnnotation } from "./responses-citations.ts";
import type { ResponsesDialect } from "./responses-dialects.ts";
import { RESPONSES, type ResponseItem, type ResponsesReplay } from "./responses-input.ts";
import { providerToolCallOf, searchQueriesOf } from "./responses-provider-tools.ts";
import { buildResponsesRequest } from "./responses-request.ts";
import { responsesUsageOf } from "./responses-usage.ts";
import { cutCallError, malformedCallError } from "./tool-call-tracker.ts";
import { listIn, meaningOf, objectIn, parsedArguments, textIn } from "./wire-values.ts";

const INCOMPLETE: Readonly<Record<string, FinishReason>> = {
  max_output_tokens: "length",
  content_filter: "contentFilter",
};

/** Items that wait for the caller though they are no calls of functions: shells, patches, screens, approvals. */
const WAITING = ["local_shell_call", "shell_call", "apply_patch_call", "computer_call", "mcp_approval_request"];

type Nullable<T> = T | null | undefined;

/** What crosses the wire; every member may be missing or null somewhere. */
interface WireEvent {
  readonly type?: Nullable<string>;
  readonly sequence_number?: Nullable<number>;
  readonly output_index?: Nullable<number>;
  readonly content_index?: Nullable<number>;
  readonly summary_index?: Nullable<number>;
  readonly delta?: Nullable<string>;
  readonly text?: Nullable<string>;
  readonly refusal?: Nullable<string>;
  readonly arguments?: Nullable<string>;
  readonly input?: Nullable<string>;
  readonly item?: Nullable<WireItem>;
  readonly annotation?: Nullable<WireAnnotation>;
  readonly response?: Nullable<WireResponse>;
  readonly error?: unknown;
}

interface WireResponse {
  readonly id?: Nullable<string>;
  readonly model?: Nullable<string>;
  readonly status?: Nullable<string>;
  readonly incomplete_details?: Nullable<{ readonly reason?: Nullable<string> }>;
  readonly error?: unknown;
  readonly output?: Nullable<readonly Nullable<WireItem>[]>;
  readonly usage?: unknown;
  readonly service_tier?: unknown;
}

interface WireItem extends ResponseItem {
  readonly type?: Nullable<string>;
  readonly status?: Nullable<string>;
  readonly call_id?: Nullable<string>;
  readonly name?: Nullable<string>;
  readonly arguments?: unknown;
  readonly input?: Nullable<string>;
  readonly content?: Nullable<readonly Nullable<WirePart>[]>;
  readonly summary?: Nullable<readonly Nullable<WirePart>[]>;
}

interface WirePart {
  readonly type?: Nullable<string>;
  readonly text?: Nullable<string>;
  readonly refusal?: Nullable<string>;
  readonly annotations?: Nullable<readonly Nullable<WireAnnotation>[]>;
}

/** A text of one item under way. */
interface OpenText {
  readonly text: TextBuffer;
  /** Where it begins in the visible text. */
  readonly start: number;
  /** Citations told already. */
  readonly cited: Set<string>;
}

/** A call under way. */
interface OpenCall {
  readonly index: number;
  readonly id: string;
  readonly name: string;
  readonly text: TextBuffer;
}

/** The protocol in one vendor's dialect. */
export function responses(dialect: ResponsesDialect): Protocol {
  return {
    buildRequest: (messages, options, endpoint, stream) =>
      buildResponsesRequest(messages, options, endpoint, stream, dialect),
    createDecoder: (facts) => new ResponsesDecoder(facts, dialect),
    decodeWhole: (body, facts, chunks) => new ResponsesDecoder(facts, dialect).readWhole(body, chunks),
    readError: errorOf,
    ...(dialect.keepsReplies && { background: BACKGROUND }),
  };
}

/** @see https://platform.openai.com/docs/guides/background */
const BACKGROUND: BackgroundReplies = {
  resumeUrl: ({ id, after }, { baseUrl }) =>
    `${baseUrl}/responses/${encodeURIComponent(id)}?stream=true&starting_after=${after}`,
  cancelUrl: ({ id }, { baseUrl }) => `${baseUrl}/responses/${encodeURIComponent(id)}/cancel`,
};

class ResponsesDecoder implements Decoder {
  readonly #facts: ReplyFacts;
  readonly #dialect: ResponsesDialect;
  readonly #model: string;
  /** By output index and place within: item ids change from event to event at some vendors. */
  readonly #texts = new Map<string, OpenText>();
  #lastKey = { at: 0, index: 0, key: "0.0" };
  readonly #calls = new Map<number, OpenCall>();
  readonly #items = new Map<number, ResponseItem>();
  readonly #queries: string[] = [];
  #searches = 0;
  #textLength = 0;
  #callCount = 0;
  #refused = false;
  #waits = false;
  #cutCall: string | undefined;
  #brokenCall: string | undefined;
  /** A call that ended without arguments and does not say that it is whole: what follows tells. */
  #bareCall: { readonly id: string; readonly name: string; readonly arguments: unknown } | undefined;
  readonly #calledIds = new Set<string>();
  /** The highest number of an event so far; absent while none has come that was numbered. */
  #lastNumber: number | undefined;
  #isOver = false;

  constructor(facts: ReplyFacts, dialect: ResponsesDialect) {
    this.#facts = facts;
    this.#dialect = dialect;
    this.#model = facts.model;
  }

  push(event: object, type: string, chunks: MessageChunk[]): boolean {
    const wire = event as WireEvent;
    if (isError(event, type)) {
      this.#isOver = true;
      throw errorOf(this.#facts.provider, 0, event);
    }
    if (this.#isRepeated(wire.sequence_number)) return false;
    const at = wire.output_index ?? 0;
    switch (wire.type ?? type) {
      case "response.output_text.delta":
        this.#addText(this.#textKey(at, wire.content_index ?? 0), textIn(wire.delta), chunks);
        break;
      case "response.output_text.done":
        this.#completeText(this.#textKey(at, wire.content_index ?? 0), textIn(wire.text), chunks);
        break;
      case "response.output_text.annotation.added":
        if (wire.annotation) this.#cite(this.#textKey(at, wire.content_index ?? 0), wire.annotation, false, chunks);
        break;
      case "response.refusal.delta":
        this.#refused = true;
        this.#addText(this.#textKey(at, wire.content_index ?? 0), textIn(wire.delta), chunks);
        break;
      case "response.refusal.done":
        this.#refused = true;
        this.#completeText(this.#textKey(at, wire.content_index ?? 0), textIn(wire.refusal), chunks);
        break;
      case "response.reasoning_summary_text.delta":
        this.#addReasoning(`${at}.s${wire.summary_index ?? 0}`, textIn(wire.delta), chunks);
        break;
      case "response.reasoning_summary_text.done":
        this.#completeReasoning(`${at}.s${wire.summary_index ?? 0}`, textIn(wire.text), chunks);
        break;
      case "response.reasoning_text.delta":
        this.#addReasoning(`${at}.r${wire.content_index ?? 0}`, textIn(wire.delta), chunks);
        break;
      case "response.reasoning_text.done":
        this.#completeReasoning(`${at}.r${wire.content_index ?? 0}`, textIn(wire.text), chunks);
        break;
      case "response.function_call_arguments.delta":
      case "response.custom_tool_call_input.delta":
        this.#addArguments(at, textIn(wire.delta), chunks);
        break;
      case "response.output_item.added":
        this.#beginItem(at, objectIn(wire.item) ?? {}, chunks);
        break;
      case "response.output_item.done":
        this.#endItem(at, objectIn(wire.item) ?? {}, chunks);
        break;
      case "response.created":
      case "response.queued":
      case "response.in_progress":
        this.#readResponse(objectIn(wire.response) ?? {});
        break;
      case "response.completed":
      case "response.incomplete":
      case "response.failed":
      case "response.done":
        this.#close(ended(objectIn(wire.response) ?? {}, wire.type ?? type), chunks);
        return true;
    }
    return false;
  }

  end(): void {
    throw new SendError("truncated", "The reply ended before its last event: what came is not all of it.");
  }

  /** A server that does not number its events cannot be asked for those that are missing. */
  position(): ReplyPosition | undefined {
    const { id } = this.#facts;
    if (this.#isOver || id === undefined || this.#lastNumber === undefined) return undefined;
    return { id, after: this.#lastNumber };
  }

  readWhole(body: unknown, chunks: MessageChunk[]): void {
    const response = (typeof body === "object" && body !== null ? body : {}) as WireResponse;
    if (response.error && !response.output) throw errorOf(this.#facts.provider, 0, body);
    if (!Array.isArray(response.output)) throw new SendError("protocol", "The answer holds no output.");
    this.#close(response, chunks);
  }

  /** A stream that is resumed may tell some events again. Vendors that do not count say nothing, or always 0. */
  #isRepeated(number: Nullable<number>): boolean {
    if (typeof number !== "number") return false;
    if (number > 0 && number <= (this.#lastNumber ?? -1)) return true;
    this.#lastNumber = number;
    return false;
  }

  #readResponse({ id, model, usage, service_tier }: WireResponse): void {
    if (id && this.#facts.id === undefined) this.#facts.id = id;
    if (model) this.#facts.model = model;
    // What was asked for at first (such as `auto`), in the last event what it was.
    if (typeof service_tier === "string") this.#facts.serviceTier = service_tier;
    const read = responsesUsageOf(usage, this.#facts.serviceTier);
    if (read) this.#facts.usage = read;
  }

  /** Nearly always the same as for the event before. */
  #textKey(at: number, index: number): string {
    const last = this.#lastKey;
    if (last.at !== at || last.index !== index) this.#lastKey = { at, index, key: `${at}.${index}` };
    return this.#lastKey.key;
  }

  #openText(key: string): OpenText {
    const known = this.#texts.get(key);
    if (known) return known;
    const open = { text: new TextBuffer(), start: this.#textLength, cited: new Set<string>() };
    this.#texts.set(key, open);
    return open;
  }

  #addText(key: string, content: string, chunks: MessageChunk[]): void {
    if (content === "") return;
    this.#openText(key).text.add(content);
    this.#textLength += content.length;
    chunks.push({ type: "text", content, isFinal: false });
  }

  /** Some servers send a text only once it is done. */
  #completeText(key: string, text: string, chunks: MessageChunk[]): void {
    if (!this.#texts.has(key)) this.#addText(key, text, chunks);
  }

  #addReasoning(key: string, reasoning: string, chunks: MessageChunk[]): void {
    if (reasoning === "") return;
    this.#openText(key);
    chunks.push({ type: "reasoning", content: "", reasoning, isFinal: false });
  }

  #completeReasoning(key: string, text: string, chunks: MessageChunk[]): void {
    if (!this.#texts.has(key)) this.#addReasoning(key, text, chunks);
  }

  #cite(key: string, annotation: WireAnnotation, isDone: boolean, chunks: MessageChunk[]): void {
    const open = this.#openText(key);
    const citation = annotationCitation(annotation, open.text.toString(), open.start, isDone);
    // One that reaches beyond the text so far is told when the item is done.
    if (!citation) return;
    const mark = JSON.stringify(citation);
    if (open.cited.has(mark)) return;
    open.cited.add(mark);
    chunks.push({ type: "citation", content: "", ...citation, isFinal: false });
  }

  #beginItem(at: number, item: WireItem, chunks: MessageChunk[]): void {
    if (!this.#isCallersCall(item) || this.#calls.has(at)) return;
    const id = textIn(item.call_id);
    const name = textIn(item.name);
    if (!id || !name) return;
    const call: OpenCall = { index: this.#callCount++, id, name, text: new TextBuffer() };
    this.#calls.set(at, call);
    chunks.push(deltaOf(call, ""));
  }

  #addArguments(at: number, delta: string, chunks: MessageChunk[]): void {
    const call = this.#calls.get(at);
    if (!call || delta === "") return;
    call.text.add(delta);
    chunks.push(deltaOf(call, delta));
  }

  #isCallersCall({ type }: WireItem): boolean {
    return type === "function_call" || (type === "custom_tool_call" && !this.#dialect.runsCustomTools);
  }

  #endItem(at: number, item: WireItem, chunks: MessageChunk[]): void {
    if (this.#items.has(at)) return;
    this.#items.set(at, item);
    if (this.#isCallersCall(item)) this.#endCall(at, item, chunks);
    else if (item.type === "message") this.#endMessage(at, item, chunks);
    else if (item.type === "reasoning") this.#endReasoning(at, item, chunks);
    else this.#endProviderTool(item, chunks);
  }

  #endMessage(at: number, { content }: WireItem, chunks: MessageChunk[]): void {
    for (const [index, part] of listIn(content).entries()) {
      const key = `${at}.${index}`;
      if (part?.refusal) this.#refused = true;
      this.#completeText(key, textIn(part?.text ?? part?.refusal), chunks);
      for (const annotation of part?.annotations ?? []) if (annotation) this.#cite(key, annotation, true, chunks);
    }
  }

  #endReasoning(at: number, { summary, content }: WireItem, chunks: MessageChunk[]): void {
    for (const [index, part] of listIn(summary).entries())
      this.#completeReasoning(`${at}.s${index}`, textIn(part?.text), chunks);
    for (const [index, part] of listIn(content).entries())
      this.#completeReasoning(`${at}.r${index}`, textIn(part?.text), chunks);
  }

  /** Only a completed call is whole. */
  #endCall(at: number, item: WireItem, chunks: MessageChunk[]): void {
    this.#beginItem(at, item, chunks);
    const call = this.#calls.get(at);
    if (!call) throw new SendError("protocol", "A tool call came without its id or the name of the tool.");
    const told = call.text.toString();
    const text = textOf(item.type === "custom_tool_call" ? item.input : item.arguments) ?? told;
    if (told === "" && text !== "") this.#addArguments(at, text, chunks);
    this.#calls.delete(at);
    const { id, name } = call;
    this.#calledIds.add(id);
    if (item.status === "incomplete") {
      this.#cutCall = name;
      return;
    }
    let args: unknown = text;
    this.#tellBareCall(chunks);
    try {
      if (item.type === "function_call") args = text.trim() === "" ? {} : parsedArguments(text);
    } catch {
      this.#brokenCall = name; // why, is told by how the reply ends
      return;
    }
    this.#bareCall = { id, name, arguments: args };
    if (text.trim() !== "" || item.status === "completed") this.#tellBareCall(chunks);
  }

  #tellBareCall(chunks: MessageChunk[]): void {
    if (!this.#bareCall) return;
    chunks.push({ type: "toolCall", content: "", toolCall: this.#bareCall, isFinal: false });
    this.#bareCall = undefined;
    this.#waits = true;
  }

  #endProviderTool(item: WireItem, chunks: MessageChunk[]): void {
    if (WAITING.includes(item.type ?? "")) this.#waits = true;
    const providerToolCall = providerToolCallOf(item);
    if (!providerToolCall) return;
    const queries = searchQueriesOf(item);
    if (queries) {
      this.#searches++;
      this.#queries.push(...queries);
    }
    chunks.push({ type: "providerToolCall", content: "", providerToolCall, isFinal: false });
  }

  #close(response: WireResponse, chunks: MessageChunk[]): void {
    const facts = this.#facts;
    this.#isOver = true;
    this.#readResponse(response);
    const { status, error, incomplete_details: details, output } = response;
    this.#readOutput(listIn(output), chunks); // also what came of one that failed
    if (status === "failed" || status === "cancelled" || error) {
      throw errorOf(facts.provider, 0, { error: error ?? { message: `The response was ${status}.` } });
    }
    const raw = textIn(details?.reason ?? status) || undefined;
    if (raw !== undefined) facts.rawFinishReason = raw;
    const [open] = this.#calls.values();
    const lacking = this.#brokenCall ?? this.#bareCall?.name;
    const cut = this.#cutCall ?? open?.name ?? (status === "incomplete" ? lacking : undefined);
    if (cut !== undefined) throw cutCallError(cut);
    if (this.#brokenCall !== undefined) throw malformedCallError(this.#brokenCall);
    this.#tellBareCall(chunks);
    facts.finishReason = this.#finishReason(status, raw);
    if (this.#searches > 0) facts.search = { queries: this.#queries, count: this.#searches };
    const items = [...this.#items].sort(([a], [b]) => a - b).map(([, item]) => item);
    const data: ResponsesReplay = { items };
    if (items.length > 0) facts.replay = { provider: facts.provider, protocol: RESPONSES, model: this.#model, data };
  }

  /**
   * What came without events of its own is in the whole response: everything, or a call that was never ended. Its places
   * are not those of the events.
   */
  #readOutput(output: readonly Nullable<WireItem>[], chunks: MessageChunk[]): void {
    if (this.#items.size === 0) {
      for (const [at, item] of output.entries()) if (item) this.#endItem(at, item, chunks);
      return;
    }
    for (const item of output) {
      if (!item || !this.#isCallersCall(item) || this.#calledIds.has(item.call_id ?? "")) continue;
      const [at] = [...this.#calls].find(([, { id }]) => id === item.call_id) ?? [this.#items.size + output.length];
      this.#endItem(at, item, chunks);
    }
  }

  #finishReason(status: Nullable<string>, raw: string | undefined): FinishReason {
    if (status === "incomplete") return meaningOf(INCOMPLETE, raw) ?? "unknown";
    if (status !== "completed") return "unknown";
    if (this.#waits) return "toolCalls";
    return this.#refused ? "refusal" : "stop";
  }
}

/** A response whose status is missing ended as the event that ends it says; what is called failed has. */
function ended(response: WireResponse, type: string): WireResponse {
  const named = /^response\.(completed|incomplete|failed)$/.exec(type)?.[1];
  return { ...response, status: named === "failed" ? named : (response.status ?? named) };
}

function deltaOf({ index, id, name }: OpenCall, argumentsDelta: string): MessageChunk {
  return { type: "toolCallDelta", content: "", index, id, name, argumentsDelta, isFinal: false };
}

/** Some servers send the object itself. */
function textOf(args: unknown): string | undefined {
  if (args === undefined || args === null) return undefined;
  return typeof args === "string" ? args : JSON.stringify(args);
}
