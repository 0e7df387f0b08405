/** Tool calls that arrive in pieces, told apart the way each server marks them. */

import type { MessageChunk } from "../chunk.ts";
import { SendError } from "../errors.ts";
import { argumentsIn } from "./wire-values.ts";

interface OpenCall {
  readonly index: number;
  /** The provider's; made up, where it gives none, once somebody must be told of the call. */
  id: string;
  madeUpId: boolean;
  name: string;
  argumentsText: string;
  isText: boolean;
  /** Pieces that came before the name, not yet told to anybody. */
  untold: string;
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

/** Collects calls until the reply is over: that arguments parse says nothing about their being whole. */
export class ToolCallTracker {
  readonly #calls: OpenCall[] = [];
  readonly #madeUpId: (index: number) => string;
  /** The call last seen at each wire index; indices may start anywhere, or be all the same. */
  readonly #byIndex = new Map<number, OpenCall>();

  /** `madeUpId` names calls whose provider does not; unique within a conversation. */
  constructor(madeUpId: (index: number) => string) {
    this.#madeUpId = madeUpId;
  }

  get size(): number {
    return this.#calls.length;
  }

  /** Adds a piece and tells of it in a `toolCallDelta`, once the call has a name. */
  add(piece: ToolCallPiece, chunks: MessageChunk[]): void {
    const call = this.#callOf(piece);
    if (piece.index !== undefined) this.#byIndex.set(piece.index, call);
    // Later pieces may repeat the id and the name, or carry empty ones: nothing is glued, nothing overwritten.
    if (call.name === "" && piece.name) call.name = piece.name;
    if (piece.id && (call.id === "" || call.madeUpId)) Object.assign(call, { id: piece.id, madeUpId: false });
    call.isText ||= piece.isText ?? false;
    call.argumentsText += piece.argumentsDelta;
    call.untold += piece.argumentsDelta;
    if (call.name === "") return;
    if (call.id === "") Object.assign(call, { id: this.#madeUpId(call.index), madeUpId: true });
    const { index, id, name, untold } = call;
    call.untold = "";
    chunks.push({ type: "toolCallDelta", content: "", index, id, name, argumentsDelta: untold, isFinal: false });
  }

  /**
   * The reply is over: appends every call whole.
   * @param cut whether the reply was cut, at a token limit or otherwise: then its last call may lack its arguments
   * @throws {SendError} kind `truncated` or `protocol` when arguments are no JSON object
   */
  close(cut: boolean, chunks: MessageChunk[]): void {
    for (const call of this.#calls) {
      const { id, name } = call;
      if (name === "") throw new SendError("protocol", "A tool call came without the name of the tool.");
      const toolCall = { id, name, arguments: wholeArguments(call, cut && call === this.#calls.at(-1)) };
      chunks.push({ type: "toolCall", content: "", toolCall, isFinal: false });
    }
  }

  /** A known id, else a new one, else the index, else the latest call: in this order. */
  #callOf(piece: ToolCallPiece): OpenCall {
    const { id, index } = piece;
    const latest = index === undefined ? this.#calls.at(-1) : this.#byIndex.get(index);
    if (id) {
      const known = this.#calls.find((call) => call.id === id);
      if (known) return known;
      // Some servers make up an id for each piece: what brings no name, and comes while a call is open, goes on with that.
      const isMore = index !== undefined && latest && !piece.name && (piece.argumentsDelta === "" || !isWhole(latest));
      if (isMore && latest.name !== "") return latest;
      // A call that still lacks the provider's id gets it now; at the index of one that has another id begins a new call.
      return index !== undefined && latest && (latest.id === "" || latest.madeUpId) ? latest : this.#open();
    }
    if (!latest) return this.#open();
    const isAnother = piece.name && (piece.argumentsDelta.startsWith("{") || piece.name !== latest.name);
    return isAnother && isWhole(latest) ? this.#open() : latest;
  }

  #open(): OpenCall {
    const index = this.#calls.length;
    const call = { index, id: "", madeUpId: false, name: "", argumentsText: "", isText: false, untold: "" };
    this.#calls.push(call);
    return call;
  }
}

/** Whether a server that sends neither ids nor indices, but whole calls, has sent this one. */
function isWhole({ argumentsText }: OpenCall): boolean {
  try {
    return typeof JSON.parse(argumentsText) === "object";
  } catch {
    return false;
  }
}

function wholeArguments({ name, argumentsText: text, isText }: OpenCall, cut: boolean): unknown {
  // Nothing tells whether a text is whole.
  if ((text.trim() === "" || isText) && cut) throw cutCallError(name);
  if (isText) return text;
  try {
    return argumentsIn(text);
  } catch (cause) {
    throw cut ? cutCallError(name) : malformedCallError(name, cause);
  }
}

/** The reply was cut inside a call: at a limit, or by a provider that never closed it. */
export function cutCallError(name: string): SendError {
  const message = `The reply was cut inside a call of ${name}; raise maxOutputTokens if that was its limit.`;
  return new SendError("truncated", message, { retryable: false });
}

/** The provider closed the call, and its arguments are no JSON object all the same. */
export function malformedCallError(name: string, cause?: unknown): SendError {
  return new SendError("protocol", `The arguments of the call of ${name} are not a JSON object.`, { cause });
}
