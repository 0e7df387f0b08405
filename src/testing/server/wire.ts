/** The interface of the wire formats in which the loopback server plays scripts. Each format has a file. */

import type { ScriptEnding, ScriptedError, ScriptedUsage } from "../script.ts";
import type { FinishEvent, ScriptEvent } from "../script-events.ts";
import type { Recorded, Signatures } from "./rules.ts";

/** The facts of a request that a wire format needs. */
export interface WireRequest {
  /** Counts the server's requests from 0. */
  readonly index: number;
  /** The path of the request, without its query. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** The body of the request, parsed as JSON. */
  readonly body: unknown;
  /** Whether streams report usage without a request for it. */
  readonly usageUnasked: boolean;
  /** The signatures of all that the server wrote. */
  readonly signatures: Signatures;
  /** The signatures of the recordings that the server sent, which only their provider can verify. */
  readonly recorded: Recorded;
}

/** An event of a reply's content. Pauses and failures belong to the connection. */
export type ContentEvent = Exclude<
  ScriptEvent,
  { readonly type: "pause" | "cut" | "reset" | "hang" | "finish" | "error" }
>;

/** Writes one reply. */
export interface WireReply {
  /** Whether the client asked for a stream. */
  readonly streamed: boolean;
  readonly contentType: string;
  /** Returns the beginning of a streamed body. */
  begin(): string;
  /** Returns the text that an event adds to a streamed body; `""` where the format has nothing for it. */
  write(event: ContentEvent | FinishEvent): string;
  /** Returns the text of an error inside a stream. */
  writeError(error: ScriptedError): string;
  /** Returns the same reply as one document. */
  complete(events: readonly ContentEvent[], finish: FinishEvent): unknown;
  /** Returns the document, with status 200, of a non-streamed reply that failed. */
  completeError(error: ScriptedError): unknown;
}

/** One wire format. */
export interface Wire {
  /** Whether requests to this path are in this format. */
  serves(path: string): boolean;
  /** The whole path at the providers that speak this format; `serves` takes any base before it. */
  readonly path: RegExp;
  /**
   * Notes the signatures in a recorded reply, so that later requests may return them. Absent in formats without any.
   */
  note?(request: WireRequest, body: string): void;
  /** Returns the provider's refusal, in its words; `undefined` for a valid request. */
  fault(request: WireRequest): string | undefined;
  /**
   * Returns a writer for the reply. `ending` is how the reply will end: some formats send a part of it, such as the
   * input tokens, at the beginning.
   */
  reply(request: WireRequest, ending: ScriptEnding): WireReply;
  /** Returns the body of a refusal with this status. */
  refusal(status: number, error: ScriptedError): unknown;
}

/** The message of an error whose script has none. */
export const NO_MESSAGE = "The script says so.";

/** Returns the tokens that a reply will have cost. */
export function usageIn(ending: ScriptEnding): ScriptedUsage | undefined {
  return typeof ending === "object" && "usage" in ending ? ending.usage : undefined;
}

/** Returns whether the reply will be the model's refusal. */
export function isRefusal(ending: ScriptEnding): boolean {
  return typeof ending === "object" && "finishReason" in ending && ending.finishReason === "refusal";
}

/** Returns one event of a stream, with the name that some formats give it. */
export function sseEvent(data: unknown, name?: string): string {
  return `${name === undefined ? "" : `event: ${name}\n`}data: ${JSON.stringify(data)}\n\n`;
}
