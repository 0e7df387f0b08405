/** The calls of a reply of Gemini: those that the caller answers, and those of tools that ran at the provider. */

import type { MessageChunk } from "../../contract/chunk.ts";
import { SendError } from "../../contract/errors.ts";
import { exactCopy, exactJson } from "../../platform/exact-json.ts";
import { isJsonObject } from "../../platform/json-object.ts";
import type { ReplyFacts } from "../../stream/reply-facts.ts";
import { callDelta } from "../common/call-delta.ts";
import { toolCallOf } from "../common/tool-call-arguments.ts";
import { uniqueCallId } from "../common/tool-call-ids.ts";
import { cutCallError, malformedCallError } from "../common/tool-call-tracker.ts";
import { WaitingCalls } from "../common/waiting-calls.ts";
import { argumentsIn, idIn, listIn, nameIn, objectIn, textIn } from "../common/wire-values.ts";
import { addArgument } from "./partial-arguments.ts";
import type { GeminiPart, PartialArgument } from "./wire.ts";

/** A call whose arguments come value by value. */
interface OpenCall {
  readonly part: GeminiPart;
  readonly index: number;
  readonly id: string;
  readonly name: string;
  readonly arguments: Record<string, unknown>;
  /** Whether more of its last string was announced. The event that ends the call may be missing. */
  isCut: boolean;
}

/** A call of the reply. It is the caller's, unless the provider answers it itself. */
interface Call {
  readonly id: string;
  readonly ownId: string | undefined;
  readonly name: string;
  readonly arguments: unknown;
}

/** Collects the calls of one reply. */
export class GeminiCalls {
  /** The ids of the calls of functions, in the order of their parts. */
  readonly ids: string[] = [];
  readonly #facts: ReplyFacts;
  readonly #addPart: (part: GeminiPart) => void;
  /** The calls that the caller answers. */
  readonly #callers = new Set<Call>();
  /** All calls of functions by the ids that the provider gave them. */
  readonly #byOwnId = new Map<string, Call>();
  readonly #takenIds = new Set<string>();
  #open: OpenCall | undefined;
  /** Calls of provider tools that have no result yet. */
  #asked: WaitingCalls<GeminiPart> | undefined;

  /** @param addPart keeps a complete call for the next request */
  constructor(facts: ReplyFacts, addPart: (part: GeminiPart) => void) {
    this.#facts = facts;
    this.#addPart = addPart;
  }

  /** Returns whether a call is left to the caller. */
  get anyForCaller(): boolean {
    return this.#callers.size > 0;
  }

  /** Reads a call of a function, or the next piece of one. */
  read(part: GeminiPart, call: NonNullable<GeminiPart["functionCall"]>, chunks: MessageChunk[]): void {
    const name = textIn(call.name);
    if (name !== "") {
      this.#close();
      const index = this.ids.length;
      const own = idIn(call.id);
      const id = uniqueCallId(own, this.#facts.id, index, this.#takenIds);
      this.ids.push(id);
      // Emitted before it is parsed, so that unusable arguments are visible.
      chunks.push(callDelta({ index, id, name }, call.willContinue ? "" : exactJson(call.args ?? {})));
      this.#open = { part, index, id, name, arguments: argumentsOf(name, call.args), isCut: false };
    }
    const open = this.#open;
    if (!open && (call.args || call.partialArgs)) throw new SendError("protocol", "A tool call has no name.");
    if (!open) return;
    for (const item of listIn(call.partialArgs)) {
      const piece = objectIn(item) ?? {};
      if (!addArgument(open.arguments, piece))
        throw new SendError("protocol", `An argument of ${open.name} has no valid path.`);
      open.isCut = piece.willContinue === true;
      chunks.push(callDelta(open, valueText(piece)));
    }
    if (!call.willContinue) this.#close();
  }

  /** Reads tools that ran at the provider: code, its own searches, its own MCP servers. */
  readProviderTool(part: GeminiPart, chunks: MessageChunk[]): void {
    const { executableCode, codeExecutionResult, toolCall, toolResponse, functionResponse } = part;
    if (executableCode || toolCall) {
      this.#asked ??= new WaitingCalls();
      this.#asked.add(part, waitingIdIn(executableCode ?? toolCall, executableCode ? "code" : "tool"));
    }
    if (codeExecutionResult) {
      const code = this.#askedBy(waitingIdIn(codeExecutionResult, "code"))?.executableCode;
      this.#emit("code_execution", code, codeExecutionResult, chunks, isFailed(codeExecutionResult));
    } else if (toolResponse) {
      const call = this.#askedBy(waitingIdIn(toolResponse, "tool"))?.toolCall;
      this.#emit(toolName(call ?? toolResponse), call?.args, toolResponse.response, chunks);
    } else if (functionResponse) {
      this.#close();
      const { id, name, response } = functionResponse;
      const call = this.#answeredCall(id, name);
      this.#emit(name ?? "function", call?.arguments, response, chunks, false, call?.id);
    }
  }

  /**
   * Emits the calls that the caller answers.
   * @throws {SendError} when the reply was cut inside a call
   */
  end(isComplete: boolean, chunks: MessageChunk[]): void {
    if (this.#open && !isComplete) throw cutCallError(this.#open.name);
    this.#close();
    for (const { id, name, arguments: args } of this.#callers) {
      chunks.push({ type: "toolCall", content: "", toolCall: toolCallOf(id, name, args), isFinal: false });
    }
  }

  /** Emits the calls of provider tools that got no result. */
  emitUnanswered(chunks: MessageChunk[]): void {
    for (const { executableCode, toolCall } of this.#asked ?? []) {
      if (executableCode) this.#emit("code_execution", executableCode, undefined, chunks);
      else if (toolCall) this.#emit(toolName(toolCall), toolCall.args, undefined, chunks);
    }
  }

  /** Ends the open call. The provider may still answer it itself, so it is emitted at the end of the reply. */
  #close(): void {
    const open = this.#open;
    if (!open) return;
    this.#open = undefined;
    const { part, id, name, arguments: args, isCut } = open;
    if (isCut) throw cutCallError(name);
    const ownId = idIn(part.functionCall?.id) || undefined;
    const functionCall = { ...(ownId && { id: ownId }), name, args };
    this.#addPart({ ...part, functionCall });
    const call = { id, ownId, name, arguments: args };
    this.#callers.add(call);
    if (ownId !== undefined) this.#byOwnId.set(ownId, call);
  }

  /** Returns the caller's call that the provider has answered itself: by its id, or else the first of the name. */
  #answeredCall(id: unknown, name: unknown): Call | undefined {
    const known = typeof id === "string" ? this.#byOwnId.get(id) : undefined;
    let call = known && this.#callers.has(known) ? known : undefined;
    for (const other of call ? [] : this.#callers) {
      if (id && other.ownId ? other.ownId !== id : other.name !== name) continue;
      call = other;
      break;
    }
    if (call) this.#callers.delete(call);
    return call;
  }

  /** Returns the call that a result belongs to: the call of its id, or else the first without a result. */
  #askedBy(id: string | undefined): GeminiPart | undefined {
    return this.#asked?.take(id) ?? this.#asked?.takeFirst();
  }

  #emit(name: string, args: unknown, result: unknown, chunks: MessageChunk[], failed = false, id?: string): void {
    const providerToolCall = {
      ...(id && { id }),
      name,
      ...(args !== undefined && { arguments: args }),
      ...(result !== undefined && { result }),
      ...(failed && { isError: true as const }),
    };
    chunks.push({ type: "providerToolCall", content: "", providerToolCall, isFinal: false });
  }
}

/** Returns the arguments of a call. More of them may come in pieces. */
function argumentsOf(name: string, args: unknown): Record<string, unknown> {
  try {
    return exactCopy(argumentsIn(args));
  } catch (cause) {
    throw malformedCallError(name, cause);
  }
}

/** Returns the id by which a result finds its call, among those of its kind. */
function waitingIdIn(asked: { readonly id?: unknown } | null | undefined, kind: "code" | "tool"): string | undefined {
  return typeof asked?.id === "string" && asked.id !== "" ? `${kind} ${asked.id}` : undefined;
}

function toolName({ toolType }: { readonly toolType?: unknown }): string {
  return (nameIn(toolType) ?? "tool").toLowerCase();
}

/** Returns a value as text, without its path. */
function valueText({ stringValue, numberValue, boolValue }: PartialArgument): string {
  return stringValue ?? String(numberValue ?? boolValue ?? "null");
}

function isFailed(result: unknown): boolean {
  return isJsonObject(result) && typeof result.outcome === "string" && result.outcome !== "OUTCOME_OK";
}
