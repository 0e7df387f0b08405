/** The border to the wire formats in which the loopback server plays scripts. One file each. */

import type { ScriptedError } from "../script.ts";
import type { FinishEvent, ScriptEvent } from "../script-events.ts";

/** What a wire format needs to know of a request. */
export interface WireRequest {
  /** Counts the server's requests from 0. */
  readonly index: number;
  readonly path: string;
  /** Parsed JSON. */
  readonly body: unknown;
  /** Whether usage is told in a stream that did not ask for it. */
  readonly usageUnasked: boolean;
}

/** What a reply consists of: everything but pauses and the ways to end badly, which are the connection's affair. */
export type ContentEvent = Exclude<
  ScriptEvent,
  { readonly type: "pause" | "cut" | "reset" | "hang" | "finish" | "error" }
>;

/** Writes one reply down. */
export interface WireReply {
  /** Whether the client asked for a stream. */
  readonly streamed: boolean;
  readonly contentType: string;
  /** What a streamed body begins with. */
  begin(): string;
  /** What each event adds to a streamed body; `""` where the format has nothing for it. */
  write(event: ContentEvent | FinishEvent): string;
  /** What an error inside a stream looks like. */
  writeError(error: ScriptedError): string;
  /** The same reply as one document. */
  whole(events: readonly ContentEvent[], finish: FinishEvent): unknown;
}

/** One wire format. */
export interface Wire {
  /** Whether requests to this path are in this format. */
  serves(path: string): boolean;
  reply(request: WireRequest, refuses: boolean): WireReply;
  /** The body of a refusal, or of a whole reply that is an error. */
  error(error: ScriptedError): unknown;
}
