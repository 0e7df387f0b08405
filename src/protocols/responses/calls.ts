/** The calls of a Responses reply that the caller answers: each begins, grows and ends by events of its own. */

import type { MessageChunk } from "../../contract/chunk.ts";
import { SendError } from "../../contract/errors.ts";
import type { ToolCall } from "../../contract/message.ts";
import { exactJson } from "../../platform/exact-json.ts";
import { ModelJson } from "../../platform/model-json.ts";
import { TextBuffer } from "../../platform/text-buffer.ts";
import type { ReplyFacts } from "../../stream/reply-facts.ts";
import { callDelta } from "../common/call-delta.ts";
import { toolCallOf } from "../common/tool-call-arguments.ts";
import { uniqueCallId } from "../common/tool-call-ids.ts";
import { cutCallError, malformedCallError } from "../common/tool-call-tracker.ts";
import { argumentsIn, idIn, type Nullable, textIn } from "../common/wire-values.ts";
import type { WireItem } from "./wire.ts";

/** A call that has begun and not ended. */
interface OpenCall {
  readonly index: number;
  readonly id: string;
  /** The id from the server. */
  readonly ownId: string;
  readonly name: string;
  /** The arguments that came in pieces. */
  readonly text: TextBuffer;
  /** The same as it is emitted. */
  readonly json: ModelJson;
  /** The arguments in the event that began the call. */
  readonly begun: string;
  /** The arguments as the server repeats them once they are done. */
  done: string | undefined;
  /** Whether its tool takes plain text. */
  readonly isText: boolean;
}

/** Collects the calls of one reply. */
export class ResponsesCalls {
  readonly #facts: ReplyFacts;
  readonly #keep: () => void;
  readonly #open = new Map<number, OpenCall>();
  /** The ids in the emitted chunks: a tool result must find its call. */
  readonly #ids = new Set<string>();
  readonly #endedIds: string[] = [];
  #count = 0;
  #anyComplete = false;
  /** The name of a call that the server itself calls incomplete. */
  #cut: string | undefined;
  /** The name of a call whose arguments are not JSON. */
  #broken: string | undefined;
  /** A call that ended without arguments and without the status `completed`: later events decide. */
  #bare: ToolCall | undefined;

  /** `keep`: called before each complete call is emitted, so that a cut reply is replayed with what led to the call. */
  constructor(facts: ReplyFacts, keep: () => void) {
    this.#facts = facts;
    this.#keep = keep;
  }

  /** Whether a complete call was emitted. */
  get anyComplete(): boolean {
    return this.#anyComplete;
  }

  /** The ids of the ended calls, as the server gave them; two calls may have one id. */
  get endedIds(): readonly string[] {
    return this.#endedIds;
  }

  /** Returns the places of the open calls by the server's ids; of two calls with one id, the first is last. */
  openPlaces(): ReadonlyMap<string, number[]> {
    const placesOf = new Map<string, number[]>();
    for (const [at, { ownId }] of [...this.#open].reverse()) {
      const places = placesOf.get(ownId);
      if (places) places.push(at);
      else placesOf.set(ownId, [at]);
    }
    return placesOf;
  }

  /** Begins a call, unless it has begun. Without `isEnded`, a call without an id waits: its id may still come. */
  begin(at: number, item: WireItem, chunks: MessageChunk[], isEnded = false): void {
    if (this.#open.has(at)) return;
    const ownId = idIn(item.call_id);
    const name = textIn(item.name);
    if ((!ownId && !isEnded) || !name) return;
    const isText = item.type === "custom_tool_call";
    const begun = jsonTextOf(isText ? item.input : item.arguments) ?? "";
    const index = this.#count++;
    const id = uniqueCallId(ownId, this.#facts.id, index, this.#ids);
    const call = {
      index,
      id,
      ownId,
      name,
      text: new TextBuffer(),
      json: new ModelJson(),
      begun,
      done: undefined,
      isText,
    };
    this.#open.set(at, call);
    chunks.push(callDelta(call, ""));
  }

  /** Returns the id of the open call at a place; `undefined` where there is none. */
  idAt(at: number): string | undefined {
    return this.#open.get(at)?.id;
  }

  addArguments(at: number, delta: string, chunks: MessageChunk[]): void {
    const call = this.#open.get(at);
    if (!call || delta === "") return;
    call.text.add(delta);
    chunks.push(callDelta(call, call.isText ? delta : call.json.add(delta)));
  }

  /**
   * Takes the arguments as the server repeats them when they are done. They replace the pieces, which no tool has run
   * with.
   */
  completeArguments(at: number, wire: unknown, chunks: MessageChunk[]): void {
    const call = this.#open.get(at);
    if (!call) return;
    const args = jsonTextOf(wire) ?? "";
    const emitted = call.text.toString();
    if (args.startsWith(emitted)) this.addArguments(at, args.slice(emitted.length), chunks);
    call.done = args || call.done;
  }

  /**
   * Ends the call at a place.
   * @throws {SendError} kind `protocol` where no call has begun there
   */
  end(at: number, item: WireItem, chunks: MessageChunk[]): void {
    const call = this.#open.get(at);
    if (!call) throw new SendError("protocol", "A tool call has no name.");
    // Each event replaces the ones before it only if it holds arguments: some servers leave out what came in pieces.
    this.completeArguments(at, call.isText ? item.input : item.arguments, chunks);
    if (call.done === undefined && call.text.toString() === "") this.completeArguments(at, call.begun, chunks);
    this.#open.delete(at);
    const { id, name, isText } = call;
    const text = call.done ?? call.text.toString();
    this.#endedIds.push(call.ownId);
    if (item.status === "incomplete") {
      this.#cut = name;
      return;
    }
    let args: unknown = text;
    this.#emitBare(chunks);
    try {
      if (!isText) args = argumentsIn(text);
    } catch {
      this.#broken = name; // the end of the reply says why
      return;
    }
    this.#bare = toolCallOf(id, name, args);
    if (text.trim() !== "" || item.status === "completed") this.#emitBare(chunks);
  }

  /**
   * Ends the reply. In a completed reply, a call whose arguments are done lacks only the event that ends it.
   * @throws {SendError} kind `truncated` or `protocol` for a call that is not complete
   */
  close(status: Nullable<string>, chunks: MessageChunk[]): void {
    if (status === "completed")
      for (const [at, { done, isText }] of this.#open)
        if (done !== undefined) this.end(at, { type: isText ? "custom_tool_call" : "function_call", status }, chunks);
    const [open] = this.#open.values();
    const lacking = this.#broken ?? this.#bare?.name;
    const cut = this.#cut ?? open?.name ?? (status === "incomplete" ? lacking : undefined);
    if (cut !== undefined) throw cutCallError(cut);
    if (this.#broken !== undefined) throw malformedCallError(this.#broken);
    this.#emitBare(chunks);
  }

  #emitBare(chunks: MessageChunk[]): void {
    if (!this.#bare) return;
    this.#keep();
    chunks.push({ type: "toolCall", content: "", toolCall: this.#bare, isFinal: false });
    this.#bare = undefined;
    this.#anyComplete = true;
  }
}

/** Some servers send the object itself instead of its JSON. */
function jsonTextOf(args: unknown): string | undefined {
  if (args === undefined || args === null) return undefined;
  return typeof args === "string" ? args : exactJson(args);
}
