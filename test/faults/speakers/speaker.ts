/** What every wire format can say, so that one table of faults serves all of them. */

import type { ClientOptions, ProviderClient } from "cloudllm";

/** Tokens as a provider counts them. */
export interface Counts {
  readonly input: number;
  readonly output: number;
}

/** A call the model makes; all its arguments are texts, so that every format can cut them. */
export interface PlannedCall {
  readonly id: string;
  readonly name: string;
  readonly arguments: Readonly<Record<string, string>>;
}

/** How a reply ends. */
export type Reason = "stop" | "length" | "toolCalls";

/** One streamed reply, event by event: every method appends the format's own events. */
export interface Speech {
  /** Each with its blank line. */
  readonly events: readonly string[];
  text(...deltas: readonly string[]): this;
  reasoning(...deltas: readonly string[]): this;
  /**
   * Calls whose arguments come in pieces. `interleaved`: the pieces of all calls take turns. `cut`: the last call's arguments
   * stop in the middle, though the reply goes on to its end as if they had not.
   */
  calls(calls: readonly PlannedCall[], how?: { readonly interleaved?: boolean; readonly cut?: boolean }): this;
  /** Running totals. */
  counts(counts: Counts): this;
  /** The provider's error, in its own form, in the middle of a stream. */
  failure(message: string): this;
  /** Any events as they stand. */
  raw(...events: readonly string[]): this;
  /** Closes what is open, gives the reason and the bill, and says whatever is said last. */
  finish(reason?: Reason, counts?: Counts): this;
}

/** One wire format and the client that speaks it. */
export interface Speaker {
  readonly protocol: "Chat Completions" | "Anthropic Messages" | "OpenAI Responses" | "Gemini" | "Ollama";
  readonly provider: string;
  /** Its client in `clients.mjs`; default: the one of the protocol. */
  readonly program?: string;
  /** Whether an event says that the reply is over; elsewhere only the end of the body does. */
  readonly hasTerminalEvent: boolean;
  speech(): Speech;
  /** Fields and event types that nobody knows. */
  readonly unknownEvents: readonly string[];
  /** The reply as one JSON document, as a server sends it that ignores the wish for a stream. */
  whole(text: string, counts: Counts): string;
  /** The body of an HTTP error. */
  refusal(status: number, message: string): string;
  /** Whether its client asks for another credential after a 401, and sends the request again with it. */
  readonly asksAgain?: boolean;
  /** A client of this format at the address of a server, without a path. */
  client(origin: string, options: Omit<ClientOptions, "baseUrl" | "model">): ProviderClient;
}

/** One event whose type is in its data alone, or in its own line as well. */
export function sse(data: object | string, type?: string): string {
  const line = typeof data === "string" ? data : JSON.stringify(data);
  return `${type === undefined ? "" : `event: ${type}\n`}data: ${line}\n\n`;
}

/** An event with this data in the framing of a format, whatever the format makes of it. */
export function framed({ protocol }: Speaker, data: object | string): string {
  const text = typeof data === "string" ? data : JSON.stringify(data);
  return protocol === "Ollama" ? `${text}\n` : sse(text);
}

/** The pieces of one text; a pair of surrogates may be cut. */
export function cut(text: string, pieces: number): string[] {
  const length = Math.max(1, Math.ceil(text.length / pieces));
  return Array.from({ length: Math.ceil(text.length / length) }, (_, at) => text.slice(at * length, (at + 1) * length));
}

/** How the pieces of several calls follow each other: call after call, or in turns. */
export function inOrder<T>(calls: readonly (readonly T[])[], interleaved: boolean): { call: number; piece: T }[] {
  const all = calls.flatMap((pieces, call) => pieces.map((piece, turn) => ({ call, piece, turn })));
  return interleaved ? all.sort((a, b) => a.turn - b.turn || a.call - b.call) : all;
}

/** Leaves out what stands after the middle, so that the text is no JSON any more. */
export function firstHalf<T>(pieces: readonly T[]): readonly T[] {
  return pieces.slice(0, Math.ceil(pieces.length / 2));
}
