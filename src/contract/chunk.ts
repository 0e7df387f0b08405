/** The pieces of a reply as it arrives. */

import type { AssistantMessage, Citation, Media, ProviderToolCall, ToolCall } from "./message.ts";

/** Fields that every chunk may have. */
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

/**
 * A piece of a tool call's arguments, for showing progress; do not run it. `index` counts the reply's calls from 0.
 */
export interface ToolCallDeltaChunk extends FromEvent {
  readonly type: "toolCallDelta";
  readonly content: "";
  readonly index: number;
  readonly id: string;
  readonly name: string;
  readonly argumentsDelta: string;
  readonly isFinal: false;
}

/** A complete tool call. The provider closed it, and its arguments parsed. */
export interface ToolCallChunk extends FromEvent {
  readonly type: "toolCall";
  readonly content: "";
  readonly toolCall: ToolCall;
  readonly isFinal: false;
}

/** The result of a tool that ran. */
export interface ToolResultChunk {
  readonly type: "toolResult";
  readonly content: "";
  readonly toolCallId: string;
  readonly name: string;
  readonly result: string;
  readonly isError: boolean;
  /** True when the call was not allowed, and so did not run. */
  readonly denied?: true;
  /**
   * The error that the tool threw; not enumerable (see `ToolMessage.error`). Absent when the model made the mistake.
   */
  readonly error?: unknown;
  readonly isFinal: false;
}

/** A call of a tool that the provider ran itself, with its answer. The caller does not answer it. */
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
 * A picture or a sound that the model made, or a part of one. A chunk without `partial` completes its medium. All
 * complete media are in `message.media`. The transcript of a sound arrives as text chunks.
 */
export type MediaChunk = Media &
  FromEvent & {
    readonly type: "media";
    readonly content: "";
    /** Counts the reply's media from 0: chunks of one medium share it. */
    readonly index: number;
    /**
     * True when `data` is a piece: its bytes follow those of earlier chunks with this `index`. Otherwise it replaces
     * them.
     */
    readonly append?: true;
    /** True for a sketch that the model made while thinking. A sketch is always `partial` and never in the message. */
    readonly thought?: true;
    readonly isFinal: false;
  };

/**
 * Discards delivered text: the last `length` UTF-16 units of visible text and the last `reasoningLength` of thinking.
 * The citations of that text and the tool calls that were begun and not delivered are discarded also. The chunks that
 * follow replace them. Only a call with recovery emits it.
 */
export interface RewindChunk {
  readonly type: "rewind";
  readonly content: "";
  readonly length: number;
  readonly reasoningLength: number;
  readonly isFinal: false;
}

/** The end of a reply: the last chunk, and the only one with `isFinal`. */
export interface FinalChunk<Output = unknown> {
  readonly type: "final";
  readonly content: "";
  readonly message: AssistantMessage<Output>;
  readonly isFinal: true;
}

/**
 * One piece of a reply; `type` is the discriminant. Every member has `content` (visible text, or `""`) and `isFinal`,
 * so the simplest loop needs no narrowing.
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
