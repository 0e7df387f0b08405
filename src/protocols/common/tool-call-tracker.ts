/** Tool calls that arrive in pieces, distinguished by the marks of each server. */

import type { MessageChunk } from "../../contract/chunk.ts";
import { SendError } from "../../contract/errors.ts";
import { exactJson } from "../../platform/exact-json.ts";
import { ModelJson } from "../../platform/model-json.ts";
import { callDelta } from "./call-delta.ts";
import { JsonProgress } from "./json-progress.ts";
import { toolCallOf } from "./tool-call-arguments.ts";
import { argumentsIn } from "./wire-values.ts";

interface OpenCall {
  readonly index: number;
  /**
   * The provider's id. It is made up, once the call is emitted, where the provider gives none or gives one to two
   * calls.
   */
  id: string;
  madeUpId: boolean;
  /** The id from the provider. */
  ownId: string;
  /** The index of its last piece on the wire. */
  wireIndex: number | undefined;
  name: string;
  argumentsText: string;
  /** Its arguments as they are emitted. */
  readonly json: ModelJson;
  /** Created when the tracker first needs to know whether the call is complete. */
  progress: JsonProgress | undefined;
  isText: boolean;
  /** The name came again, alone, when the call was complete: the next piece decides whether that began another call. */
  maybeOver: boolean;
  /** Pieces that came before the name and are not emitted yet. */
  notEmitted: string;
}

/** One piece of a call; what is absent on the wire is `undefined` or empty. */
export interface ToolCallPiece {
  readonly index?: number | undefined;
  readonly id?: string | undefined;
  readonly name?: string | undefined;
  readonly argumentsDelta: string;
  /** Whether its tool takes plain text: then its arguments are one. */
  readonly isText?: boolean | undefined;
}

/** Arguments without any value, trimmed. */
const EMPTY = /^(\{\s*\})?$/;

/**
 * Collects calls until the reply is over: arguments that parse may still be incomplete.
 *
 * Servers mark the pieces of a call differently: an id or an index may be missing, or be the same for two calls. One
 * differing mark (id, index or name) begins another call; a piece without a name always continues a call.
 */
export class ToolCallTracker {
  readonly #calls: OpenCall[] = [];
  readonly #madeUpId: (index: number) => string;
  /** The call last seen at each wire index; indices may start anywhere, or be all the same. */
  readonly #byIndex = new Map<number, OpenCall>();
  /** The call last seen under each id of the provider's. */
  readonly #byId = new Map<string, OpenCall>();
  /** The ids of the calls that have one. */
  readonly #ids = new Set<string>();
  /** The calls that the current list has named already. */
  readonly #named = new Set<OpenCall>();

  /** `madeUpId` names calls whose provider does not; unique within a conversation. */
  constructor(madeUpId: (index: number) => string) {
    this.#madeUpId = madeUpId;
  }

  /** Begins a list of pieces: one that names a call twice names two calls. */
  beginList(): void {
    if (this.#named.size > 0) this.#named.clear();
  }

  /**
   * Adds a piece, and emits it in a `toolCallDelta` once the call has a name.
   * @param isComplete whether the piece is a complete call, as in a message. It may repeat one that came in pieces.
   * @returns the id of the call; `""` while it has none
   */
  add(piece: ToolCallPiece, chunks: MessageChunk[], isComplete = false): string {
    const known = isComplete ? this.#repeatedBy(piece) : undefined;
    if (known) return this.#restore(known, piece.argumentsDelta, chunks);
    const call = isComplete ? this.#open() : this.#callOf(piece);
    const isAgain = call.id !== "" && call.id === piece.id && isSame(call, piece) && !this.#named.has(call);
    if (piece.index !== undefined) this.#byIndex.set(piece.index, call);
    call.wireIndex = piece.index ?? call.wireIndex;
    // Later pieces may repeat the id and the name, or carry empty ones: nothing is glued, nothing overwritten.
    if (piece.name && (call.name === "" || isMoreOfName(call, piece))) {
      const isWhole = piece.name.startsWith(call.name);
      call.name = isWhole ? piece.name : call.name + piece.name;
    }
    if (piece.name && piece.argumentsDelta === "" && !call.isText && progressOf(call).isComplete) call.maybeOver = true;
    if (piece.id && (call.id === "" || call.madeUpId)) this.#name(call, piece.id);
    if (piece.name) this.#named.add(call);
    if (isAgain) return call.id; // a call that is reported twice is one
    call.isText ||= piece.isText ?? false;
    call.argumentsText += piece.argumentsDelta;
    call.progress?.add(piece.argumentsDelta);
    call.notEmitted += piece.argumentsDelta;
    if (call.name === "") return "";
    if (call.id === "") Object.assign(call, { id: this.#madeUpId(call.index), madeUpId: true });
    chunks.push(callDelta(call, call.isText ? call.notEmitted : call.json.add(call.notEmitted)));
    call.notEmitted = "";
    return call.id;
  }

  /** Whether any call has a name. */
  get anyNamed(): boolean {
    return this.#calls.some(({ name }) => name !== "");
  }

  /**
   * Ends the reply: appends every complete call. Some servers send an empty one with every reply: neither name nor
   * arguments.
   * @param isForCalls whether the reply ended for its calls, so that an empty one is a call that was lost
   * @param cut whether the reply was cut, so that its last call may lack arguments
   * @throws {SendError} kind `truncated` or `protocol` when arguments are not a JSON object
   */
  close(isForCalls: boolean, cut: boolean, chunks: MessageChunk[]): void {
    const mayBeEmpty = !isForCalls || this.anyNamed;
    for (const call of this.#calls) {
      const { id, name, argumentsText } = call;
      if (name === "" && EMPTY.test(argumentsText.trim()) && mayBeEmpty) continue;
      if (name === "") throw new SendError("protocol", "A tool call has no name.");
      const toolCall = toolCallOf(id, name, completeArguments(call, cut && call === this.#calls.at(-1)));
      chunks.push({ type: "toolCall", content: "", toolCall, isFinal: false });
    }
  }

  /** Returns the call that a complete one repeats: that with its id, or else one that equals it. */
  #repeatedBy(piece: ToolCallPiece): OpenCall | undefined {
    const rest = this.#calls.filter((call) => call.name === piece.name && !this.#named.has(call));
    const byId = piece.id ? rest.find(({ ownId }) => ownId === piece.id) : undefined;
    return byId ?? rest.find(({ argumentsText }) => isOneValue(argumentsText, piece.argumentsDelta));
  }

  /** Takes the arguments of a complete call instead of its pieces, and emits what the pieces lack. */
  #restore(call: OpenCall, complete: string, chunks: MessageChunk[]): string {
    const { argumentsText: pieces, isText } = call;
    this.#named.add(call);
    if (EMPTY.test(complete.trim()) || complete === pieces) return call.id;
    call.argumentsText = complete;
    call.progress = undefined;
    const rest = complete.startsWith(pieces) ? complete.slice(pieces.length) : "";
    if (rest !== "") chunks.push(callDelta(call, isText ? rest : call.json.add(rest)));
    return call.id;
  }

  /** A known id, else a new one, else the index, else the latest call: in this order. */
  #callOf(piece: ToolCallPiece): OpenCall {
    const call = this.#markedCallOf(piece);
    if (!call) return this.#open();
    if (!call.maybeOver || piece.argumentsDelta.trim() === "") return call;
    call.maybeOver = false;
    return Object.assign(this.#open(), { name: call.name });
  }

  /** Returns `undefined` where the marks belong to another call. */
  #markedCallOf(piece: ToolCallPiece): OpenCall | undefined {
    const { id, index } = piece;
    const latest = index === undefined ? this.#calls.at(-1) : this.#byIndex.get(index);
    if (!id) return latest ? (this.#isAnother(piece, latest) ? undefined : latest) : this.#openCallOf(piece);
    const known = this.#byId.get(id);
    if (known) {
      // Of two calls with one id, the piece belongs to that at its index.
      const isElsewhere = latest && latest !== known && index !== undefined && known.wireIndex !== index;
      if (isElsewhere && (latest.madeUpId || !piece.name)) return latest;
      if (isElsewhere && latest.ownId === id && !this.#isAnother(piece, latest)) return latest;
      return this.#isAnother(piece, known) ? undefined : known;
    }
    // Some servers make up an id for each piece: a piece without a name continues the open call.
    const { argumentsDelta: args, name } = piece;
    const isMore = latest && !name && (args === "" ? index !== undefined : !isComplete(latest));
    if (isMore && latest.name !== "") return latest;
    if (isMoreOfArguments(latest, piece)) return latest;
    // A call that still lacks the provider's id gets it now; at the index of one that has another id begins a new call.
    const isUnnamed = index !== undefined && latest && (latest.id === "" || latest.madeUpId);
    return isUnnamed && !this.#isAnother(piece, latest) ? latest : undefined;
  }

  /** Some servers count the pieces of a call under another index than its beginning. */
  #openCallOf({ name, argumentsDelta }: ToolCallPiece): OpenCall | undefined {
    const last = this.#calls.at(-1);
    return last && !name && last.name !== "" && argumentsDelta !== "" && !isComplete(last) ? last : undefined;
  }

  /** Whether a piece that has the marks of a call begins one of its own. */
  #isAnother(piece: ToolCallPiece, call: OpenCall): boolean {
    if (!piece.name || call.name === "") return false;
    if (isMoreOfName(call, piece) && !this.#named.has(call)) return false;
    if (piece.name !== call.name || (this.#named.has(call) && (!piece.id || isComplete(call)))) return true;
    if (piece.index !== undefined && call.wireIndex !== undefined && piece.index !== call.wireIndex)
      return progressOf(call).isEmpty || isComplete(call);
    if (piece.id && isSame(call, piece)) return false;
    return piece.argumentsDelta.trimStart().startsWith("{") && isComplete(call);
  }

  /** Gives a call the provider's id, or a made up one where another call has that id: a result must find its call. */
  #name(call: OpenCall, id: string): void {
    const isTaken = this.#ids.has(id);
    call.ownId = id;
    Object.assign(call, isTaken ? { id: this.#madeUpId(call.index), madeUpId: true } : { id, madeUpId: false });
    this.#ids.add(call.id);
    this.#byId.set(id, call);
  }

  #open(): OpenCall {
    const call: OpenCall = {
      index: this.#calls.length,
      id: "",
      madeUpId: false,
      ownId: "",
      wireIndex: undefined,
      name: "",
      argumentsText: "",
      json: new ModelJson(),
      progress: undefined,
      isText: false,
      maybeOver: false,
      notEmitted: "",
    };
    this.#calls.push(call);
    return call;
  }
}

/** Returns whether the call is complete: every bracket that was opened is closed. */
function isComplete(call: OpenCall): boolean {
  return progressOf(call).isComplete;
}

function progressOf(call: OpenCall): JsonProgress {
  call.progress ??= new JsonProgress(call.argumentsText);
  return call.progress;
}

/**
 * Returns whether the piece holds more of the call's name: it has the call's marks, and nothing of the arguments has
 * come.
 */
function isMoreOfName({ ownId, wireIndex, name: known, argumentsText }: OpenCall, piece: ToolCallPiece): boolean {
  const { id, index, name } = piece;
  if (!name || known === "" || name === known || ownId === "" || argumentsText !== "") return false;
  const isAtIndex = index === undefined || wireIndex === undefined || index === wireIndex;
  return isAtIndex && (id ? id === ownId : index !== undefined && wireIndex !== undefined);
}

/** Returns whether the piece belongs to the open call at its index, although it has another id and the name again. */
function isMoreOfArguments(call: OpenCall | undefined, { index, name, argumentsDelta }: ToolCallPiece): boolean {
  if (!call || index === undefined || !name || name !== call.name) return false;
  const isOpen = !progressOf(call).isEmpty && !isComplete(call);
  return isOpen && argumentsDelta.trim() !== "" && !argumentsDelta.trimStart().startsWith("{");
}

/** Returns whether the piece repeats the complete call. */
function isSame(call: OpenCall, { name, argumentsDelta }: ToolCallPiece): boolean {
  return name === call.name && argumentsDelta === call.argumentsText && argumentsDelta.trim() !== "";
}

/** Returns whether two texts are the same arguments, which may differ in white space. */
function isOneValue(one: string, other: string): boolean {
  if (one === other) return true;
  try {
    return exactJson(argumentsIn(one)) === exactJson(argumentsIn(other));
  } catch {
    return false;
  }
}

function completeArguments({ name, argumentsText: text, isText }: OpenCall, cut: boolean): unknown {
  // Plain text does not show whether it is complete.
  if ((text.trim() === "" || isText) && cut) throw cutCallError(name);
  if (isText) return text;
  try {
    return argumentsIn(text);
  } catch (cause) {
    throw cut ? cutCallError(name) : malformedCallError(name, cause);
  }
}

/** Returns the error of a reply that was cut inside a call, at a limit or by a provider that never closed the call. */
export function cutCallError(name: string): SendError {
  const message = `The reply was cut inside a call of ${name}. Raise \`maxOutputTokens\` if that was its limit.`;
  return new SendError("truncated", message, { retryable: false });
}

/** Returns the error of a reply that ended for its calls, but has neither a call nor text. */
export function lostCallError(): SendError {
  return new SendError("protocol", "The reply ended for a tool call that did not arrive.");
}

/** Returns the error of a call that the provider closed although its arguments are not a JSON object. */
export function malformedCallError(name: string, cause?: unknown): SendError {
  return new SendError("protocol", `The arguments of the call of ${name} are not a JSON object.`, { cause });
}
