/**
 * Decodes Responses: one state machine. A reply is a row of items (messages, thinking, calls). Each begins, grows and
 * ends by events of its own, and the last event repeats all of them.
 * @see https://platform.openai.com/docs/api-reference/responses-streaming
 */

import type { MessageChunk } from "../../contract/chunk.ts";
import { SendError } from "../../contract/errors.ts";
import type { FinishReason } from "../../contract/finish-reason.ts";
import type { ReplyFacts } from "../../stream/reply-facts.ts";
import { errorOf, isErrorEvent, isForeignError, noReplyError, saysError } from "../common/error-kinds.ts";
import { brokenOffError, finishReasonOf } from "../common/finish-reasons.ts";
import { addLogprobs } from "../common/logprobs.ts";
import { lostTextError } from "../common/text-comparison.ts";
import { laterUsage } from "../common/usage-counts.ts";
import { idIn, isPathSegment, listIn, type Nullable, nameIn, objectIn, textIn } from "../common/wire-values.ts";
import type { Decoder, ReplyPosition } from "../protocol.ts";
import { ResponsesCalls } from "./calls.ts";
import { anyWaits, isCallersCall } from "./client-tools.ts";
import type { ResponsesDialect } from "./dialects.ts";
import { KeptItems } from "./kept-items.ts";
import { ended } from "./last-event.ts";
import { PICTURE_CALL, ResponsesMedia } from "./media.ts";
import { RESPONSES, type ResponsesReplay } from "./messages.ts";
import { ItemPlaces } from "./output-index.ts";
import { providerToolCallOf, searchQueriesOf } from "./provider-tools.ts";
import { NumberSequence } from "./sequence-numbers.ts";
import { ResponsesTexts, summaryAt, type TextPlace, thoughtAt } from "./texts.ts";
import { responsesUsageOf } from "./usage.ts";
import type { ResponseItem, WireEvent, WireItem, WirePart, WireResponse } from "./wire.ts";

/** The first place of items that only the last event holds. */
const AFTER_ALL = 2_000_000;

/** Decodes one reply. */
export class ResponsesDecoder implements Decoder {
  readonly #facts: ReplyFacts;
  readonly #dialect: ResponsesDialect;
  readonly #model: string;
  readonly #numbers = new NumberSequence();
  readonly #texts = new ResponsesTexts(this.#numbers);
  /** Most replies have none. */
  #anyMedia: ResponsesMedia | undefined;
  #lastPart: { readonly at: number; readonly index: number; readonly place: TextPlace } = {
    at: 0,
    index: 0,
    place: "0.0",
  };
  /** Most replies have none. */
  #anyCalls: ResponsesCalls | undefined;
  readonly #items = new KeptItems();
  readonly #placed = (item: ResponseItem): ResponseItem => this.#anyMedia?.placed(item) ?? item;
  readonly #places = new ItemPlaces();
  readonly #queries: string[] = [];
  #searches = 0;
  #refused = false;
  #isMessageCut = false;
  #isOver = false;

  constructor(facts: ReplyFacts, dialect: ResponsesDialect) {
    this.#facts = facts;
    this.#dialect = dialect;
    this.#model = facts.model;
  }

  get #calls(): ResponsesCalls {
    this.#anyCalls ??= new ResponsesCalls(this.#facts, () => this.#keep(this.#items.listedSoFar(this.#placed)));
    return this.#anyCalls;
  }

  get #media(): ResponsesMedia {
    this.#anyMedia ??= new ResponsesMedia();
    return this.#anyMedia;
  }

  push(event: object, type: string, chunks: MessageChunk[]): boolean {
    const wire = event as WireEvent;
    if (isErrorEvent(event, type) || (wire.type === undefined && isForeignError(event))) {
      this.#isOver = true;
      throw errorOf(this.#facts.provider, 0, event);
    }
    if (typeof wire.sequence_number === "number" && this.#numbers.isRepeated(wire.sequence_number)) return false;
    const what = textIn(wire.type ?? type);
    // Events about the complete reply have no place in it. A delta states its own, and its name need not be looked at.
    const statesPlace = typeof wire.output_index === "number" && !wire.item;
    const isPlaced = !wire.response && (statesPlace || what.startsWith("response."));
    const at = isPlaced ? this.#places.placeOf(wire, what) : 0;
    switch (what) {
      case "response.output_text.delta":
        this.#texts.add(this.#partAt(at, wire), textIn(wire.delta), chunks);
        break;
      case "response.output_text.done":
        this.#texts.complete(this.#partAt(at, wire), textIn(wire.text), chunks);
        break;
      case "response.output_text.annotation.added":
        if (wire.annotation) this.#texts.cite(this.#partAt(at, wire), wire.annotation, false, chunks);
        break;
      case "response.refusal.delta":
        this.#refused = true;
        this.#texts.add(this.#partAt(at, wire), textIn(wire.delta), chunks);
        break;
      case "response.refusal.done":
        this.#refused = true;
        this.#texts.complete(this.#partAt(at, wire), textIn(wire.refusal), chunks);
        break;
      case "response.content_part.added":
      case "response.content_part.done":
        this.#completePart(
          objectIn(wire.part)?.type === "reasoning_text" ? thoughtAt(at, wire) : this.#partAt(at, wire),
          wire.part,
          chunks,
        );
        break;
      case "response.reasoning_summary_text.delta":
        this.#texts.add(summaryAt(at, wire), textIn(wire.delta), chunks);
        break;
      case "response.reasoning_summary_text.done":
        this.#texts.complete(summaryAt(at, wire), textIn(wire.text), chunks);
        break;
      case "response.reasoning_summary_part.added":
      case "response.reasoning_summary_part.done":
        this.#completePart(summaryAt(at, wire), wire.part, chunks);
        break;
      case "response.reasoning_text.delta":
        this.#texts.add(thoughtAt(at, wire), textIn(wire.delta), chunks);
        break;
      case "response.reasoning_text.done":
        this.#texts.complete(thoughtAt(at, wire), textIn(wire.text), chunks);
        break;
      case "response.function_call_arguments.delta":
      case "response.custom_tool_call_input.delta":
        this.#calls.addArguments(at, textIn(wire.delta), chunks);
        break;
      case "response.function_call_arguments.done":
        this.#calls.completeArguments(at, wire.arguments, chunks);
        break;
      case "response.custom_tool_call_input.done":
        this.#calls.completeArguments(at, textIn(wire.input), chunks);
        break;
      case "response.output_item.added":
        this.#beginItem(at, objectIn(wire.item) ?? {}, chunks);
        break;
      case "response.output_item.done":
        this.#endItem(at, objectIn(wire.item) ?? {}, chunks);
        break;
      case "response.image_generation_call.partial_image":
        this.#media.addPreview(at, { ...wire }, chunks);
        break;
      case "response.created":
      case "response.queued":
      case "response.in_progress":
        this.#readResponse(objectIn(wire.response) ?? {});
        break;
      case "response.completed":
      case "response.incomplete":
      case "response.failed":
      case "response.cancelled":
      case "response.done":
        this.#close(ended(objectIn(wire.response) ?? {}, what), chunks);
        return true;
    }
    return false;
  }

  end(): void {
    throw new SendError("truncated", "The reply ended before its last event, so it is incomplete.");
  }

  /** A server that does not count its events cannot be asked for those that are missing. */
  position(): ReplyPosition | undefined {
    const { id } = this.#facts;
    const { last, areRising } = this.#numbers;
    const isLost = this.#isOver || id === undefined || last === undefined || !areRising;
    return isLost || !isPathSegment(id) ? undefined : { id, after: last };
  }

  resume(): void {
    this.#numbers.resume();
  }

  readComplete(body: unknown, chunks: MessageChunk[]): void {
    const response = (typeof body === "object" && body !== null ? body : {}) as WireResponse;
    if (!response.output && (saysError(response.error) || isForeignError(response)))
      throw errorOf(this.#facts.provider, 0, body);
    if (!Array.isArray(response.output)) throw noReplyError(this.#facts.provider, body, "output");
    this.#close(response, chunks);
  }

  #readResponse({ id, model, usage, service_tier, tool_usage }: WireResponse): void {
    const name = nameIn(id);
    if (name !== undefined && this.#facts.id === undefined) this.#facts.id = name;
    this.#facts.model = nameIn(model) ?? this.#facts.model;
    // The first event holds the requested tier (such as `auto`), the last one the actual tier.
    if (typeof service_tier === "string") this.#facts.serviceTier = service_tier;
    const read = responsesUsageOf(usage, this.#facts.serviceTier, tool_usage);
    if (read) this.#facts.usage = laterUsage(this.#facts.usage, read);
  }

  /** Returns the place of a part, which is nearly always that of the event before. */
  #partAt(at: number, { content_index }: WireEvent): TextPlace {
    const index = content_index ?? 0;
    if (this.#lastPart.at !== at || this.#lastPart.index !== index)
      this.#lastPart = { at, index, place: `${at}.${index}` };
    return this.#lastPart.place;
  }

  /** Reads a part of an item at its beginning or at its end. */
  #completePart(place: TextPlace, part: Nullable<WirePart>, chunks: MessageChunk[]): void {
    const { text, refusal, transcript } = objectIn(part) ?? {};
    if (refusal) this.#refused = true;
    this.#texts.complete(place, textIn(text ?? refusal ?? transcript), chunks);
  }

  #beginItem(at: number, item: WireItem, chunks: MessageChunk[]): void {
    if (this.#isCallersCall(item)) this.#calls.begin(at, item, chunks);
  }

  #isCallersCall(item: WireItem): boolean {
    return isCallersCall(item, this.#dialect);
  }

  #endItem(at: number, item: WireItem, chunks: MessageChunk[]): void {
    if (this.#items.has(at)) return;
    this.#items.set(at, item);
    if (this.#isCallersCall(item)) this.#endCall(at, item, chunks);
    else if (item.type === "message") this.#endMessage(at, item, chunks);
    else if (item.type === "reasoning") this.#endReasoning(at, item, chunks);
    else if (item.type === PICTURE_CALL) this.#items.set(at, this.#media.end(at, item, chunks));
    else this.#endProviderTool(item, chunks);
  }

  #endMessage(at: number, { content, status }: WireItem, chunks: MessageChunk[]): void {
    this.#isMessageCut ||= status === "incomplete";
    for (const [index, part] of listIn(content).entries()) {
      const place = `${at}.${index}` as const;
      this.#completePart(place, part, chunks);
      addLogprobs(this.#facts, part?.logprobs);
      // A part of text, as nearly every part is, holds no image and no sound.
      if (part && part.type !== "output_text") this.#media.readPart(place, { ...part }, chunks);
      for (const annotation of listIn(part?.annotations))
        if (annotation) this.#texts.cite(place, annotation, true, chunks);
    }
  }

  #endReasoning(at: number, { summary, content }: WireItem, chunks: MessageChunk[]): void {
    for (const [index, part] of listIn(summary).entries()) this.#completePart(`${at}.s${index}`, part, chunks);
    for (const [index, part] of listIn(content).entries()) this.#completePart(`${at}.r${index}`, part, chunks);
  }

  /** The item goes back under the id in the call's chunks. */
  #endCall(at: number, item: WireItem, chunks: MessageChunk[]): void {
    this.#calls.begin(at, item, chunks, true);
    const id = this.#calls.idAt(at);
    if (id !== undefined && id !== item.call_id) this.#items.set(at, { ...item, call_id: id });
    this.#calls.end(at, item, chunks);
  }

  #endProviderTool(item: WireItem, chunks: MessageChunk[]): void {
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
    const { error, incomplete_details: details, output } = response;
    // Gateways that make this reply of another report `completed` next to the reason why it is not.
    const isCut = response.status === "completed" && isCutWord(details?.reason);
    const status = isCut ? "incomplete" : response.status;
    this.#readOutput(listIn(output), response.output_text, chunks); // also what came of one that failed
    if (status === "failed" || status === "cancelled" || saysError(error)) {
      throw errorOf(facts.provider, 0, { error: error ?? { message: `The response was ${status}.` } });
    }
    const raw = textIn(details?.reason ?? status) || undefined;
    if (raw !== undefined) facts.rawFinishReason = raw;
    const broken = status === "completed" || finishReasonOf(raw) ? undefined : brokenOffError(raw);
    if (broken) throw broken;
    this.#anyCalls?.close(status, chunks);
    this.#texts.citeAll(listIn(response.citations), chunks);
    if (this.#texts.difference === "lost") throw lostTextError();
    facts.finishReason = this.#finishReason(status, raw);
    if (this.#searches > 0) facts.search = { queries: this.#queries, count: this.#searches };
    if (this.#items.size > 0) this.#keep(this.#items.listed(this.#placed));
  }

  /** Keeps the reply so far for the next request. */
  #keep(items: readonly ResponseItem[]): void {
    const { provider } = this.#facts;
    const data: ResponsesReplay = { items };
    this.#facts.replay = { provider, protocol: RESPONSES, model: this.#model, data };
  }

  /**
   * Reads the complete response, which holds what came without events: all items, a call that never ended, the rest of
   * the text. Its places are not those of the events.
   */
  #readOutput(output: readonly Nullable<WireItem>[], allText: unknown, chunks: MessageChunk[]): void {
    const anyItem = this.#items.size > 0;
    const anyText = this.#texts.anyVisible;
    // Of the calls that came in events; made for the first call that the response holds.
    let called: Map<string, number> | undefined;
    let begun: ReadonlyMap<string, number[]> | undefined;
    for (const [place, item] of output.entries()) {
      if (!item) continue;
      if (this.#isCallersCall(item)) {
        called ??= countsOf(this.#calls.endedIds);
        begun ??= this.#calls.openPlaces();
        const id = idIn(item.call_id);
        const known = called.get(id) ?? 0;
        if (known > 0) called.set(id, known - 1);
        else
          this.#endItem(
            begun.get(id)?.pop() ?? (anyItem || this.#calls.idAt(place) !== undefined ? AFTER_ALL + place : place),
            item,
            chunks,
          );
      } else if (!anyItem) {
        // A text in another place has been emitted from there.
        if (item.type !== "message" || !anyText || this.#texts.has(`${place}.0`)) this.#endItem(place, item, chunks);
        else this.#items.set(place, item);
      } else if (item.type === PICTURE_CALL && !this.#media.hasEnded(item.id)) {
        this.#endItem(this.#items.has(place) ? AFTER_ALL + place : place, item, chunks);
      }
    }
    if (!anyItem) this.#items.renumber();
    const parts = output.flatMap((item) => (item?.type === "message" ? listIn(item.content) : []));
    const texts = parts.map((part) => textIn(part?.text ?? part?.refusal));
    // Some gateways send nothing but the text of all messages together.
    const isAlone = texts.length === 0 && !anyText && typeof allText === "string";
    this.#texts.completeAll(isAlone ? [allText] : texts, chunks);
  }

  #finishReason(status: Nullable<string>, raw: string | undefined): FinishReason {
    if (status === "incomplete") return finishReasonOf(raw) ?? "unknown";
    // A server that drops pieces still reports `completed`.
    if (status !== "completed" || this.#isMessageCut || this.#texts.difference) return "unknown";
    if (this.#anyCalls?.anyComplete || anyWaits(this.#items.values())) return "toolCalls";
    return this.#refused ? "refusal" : "stop";
  }
}

/** Returns whether a word says that a reply is not complete. */
function isCutWord(word: unknown): boolean {
  const reason = finishReasonOf(nameIn(word));
  return reason !== undefined && reason !== "stop" && reason !== "toolCalls";
}

function countsOf(ids: Iterable<string>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const id of ids) counts.set(id, (counts.get(id) ?? 0) + 1);
  return counts;
}
