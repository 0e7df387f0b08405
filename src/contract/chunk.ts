/** The pieces in which a reply arrives. */

import type { AssistantMessage, Citation, Media, ProviderToolCall, ToolCall } from "./message.ts";

/** What every chunk may carry. */
interface FromEvent {
  /** The provider's event that the chunk was read from, parsed. Present only with `SendOptions.raw`. */
  readonly raw?: unknown;
}

/** Visible text. */
export interface TextChunk extends FromEvent {
  readonly type: "text";
  readonly content: string;
  readonly isFinal: false;
}

/** The model's thinking; not part of the visible text. */
export interface ReasoningChunk extends FromEvent {
  readonly type: "reasoning";
  readonly content: "";
  readonly reasoning: string;
  readonly isFinal: false;
}

/** A piece of a tool call's arguments: to show progress with, not to run. `index` counts the reply's calls from 0. */
export interface ToolCallDeltaChunk extends FromEvent {
  readonly type: "toolCallDelta";
  readonly content: "";
  readonly index: number;
  readonly id: string;
  readonly name: string;
  readonly argumentsDelta: string;
  readonly isFinal: false;
}

/** A whole tool call, after the provider closed it and its arguments parsed. */
export interface ToolCallChunk extends FromEvent {
  readonly type: "toolCall";
  readonly content: "";
  readonly toolCall: ToolCall;
  readonly isFinal: false;
}

/** What a tool that ran answered. */
export interface ToolResultChunk {
  readonly type: "toolResult";
  readonly content: "";
  readonly toolCallId: string;
  readonly name: string;
  readonly result: string;
  readonly isError: boolean;
  /** What the tool threw; not enumerable (see `ToolMessage.error`). Absent when the model made the mistake. */
  readonly error?: unknown;
  readonly isFinal: false;
}

/** A tool that the provider ran itself has answered; nothing is to be done about it. */
export interface ProviderToolCallChunk extends FromEvent {
  readonly type: "providerToolCall";
  readonly content: "";
  readonly providerToolCall: ProviderToolCall;
  readonly isFinal: false;
}

/** A source the model names. */
export interface CitationChunk extends Citation, FromEvent {
  readonly type: "citation";
  readonly content: "";
  readonly isFinal: false;
}

/**
 * A picture or a sound the model made, or a part of one. A chunk without `partial` completes its medium; all complete ones
 * are in `message.media`. The transcript of a sound arrives as text chunks.
 */
export type MediaChunk = Media &
  FromEvent & {
    readonly type: "media";
    readonly content: "";
    /** Counts the reply's media from 0: chunks of one medium share it. */
    readonly index: number;
    /** True when `data` is a piece: its bytes follow those of the chunks of this `index` before it. Else it replaces them. */
    readonly append?: true;
    /** True for a sketch the model made while thinking: always `partial`, never in the message. */
    readonly thought?: true;
    readonly isFinal: false;
  };

/**
 * What was delivered and must be discarded; only with recovery switched on: the last `length` UTF-16 units of visible text and the
 * last `reasoningLength` of the thinking, with the sources named for them, and every tool call that was begun and not
 * delivered. Its place is taken by what follows.
 */
export interface RewindChunk {
  readonly type: "rewind";
  readonly content: "";
  readonly length: number;
  readonly reasoningLength: number;
  readonly isFinal: false;
}

/** The end of a reply: the one chunk with `isFinal`, and the last. */
export interface FinalChunk<Output = unknown> {
  readonly type: "final";
  readonly content: "";
  readonly message: AssistantMessage<Output>;
  readonly isFinal: true;
}

/**
 * One incremental piece of a reply, told apart by `type`. Every member has `content` (visible text, `""` where there is
 * none) and `isFinal`, so the simplest loop needs no narrowing.
 */
export type MessageChunk<Output = unknown> =
  | TextChunk
  | ReasoningChunk
  | ToolCallDeltaChunk
  | ToolCallChunk
  | ToolResultChunk
  | ProviderToolCallChunk
  | CitationChunk
  | MediaChunk
  | RewindChunk
  | FinalChunk<Output>;
