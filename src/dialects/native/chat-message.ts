/** Messages as a page shows them. Types only. */

import type { FinishReason } from "../../contract/finish-reason.ts";
import type { Citation, FilePart, ImagePart, Media, ProviderToolCall, ToolCall } from "../../contract/message.ts";
import type { ReplyMetrics } from "../../contract/metrics.ts";
import type { TokenUsage } from "../../contract/usage.ts";

/** One message of a chat. An object never changes; a message that changes is another object with the same `id`. */
export type ChatMessage = ChatUserMessage | ChatReply;

/** A message of the user. */
export interface ChatUserMessage {
  /** Says its place in the chat (`m0`, `m1` …): the same after a reload. */
  readonly id: string;
  readonly role: "user";
  /** The text. */
  readonly content: string;
  /** Images and files. Absent when there are none. */
  readonly attachments?: readonly (ImagePart | FilePart)[] | undefined;
  /** `failed`: it got no reply. `retry` sends it again. */
  readonly state: "sending" | "sent" | "failed";
}

/** A reply: all of it up to the next message of the user, with the tools that ran for it. */
export interface ChatReply {
  readonly id: string;
  readonly role: "assistant";
  /** The visible text. */
  readonly content: string;
  /** The thinking, where the relay exposes it; else `""`. */
  readonly reasoning: string;
  readonly toolCalls: readonly ChatToolCall[];
  readonly citations: readonly Citation[];
  /** Pictures and sounds that are complete. */
  readonly media: readonly Media[];
  /** Tools that the provider ran itself, where the relay exposes them. */
  readonly providerToolCalls: readonly ProviderToolCall[];
  /** `interrupted`: it was stopped, or it failed on the way. */
  readonly state: "writing" | "complete" | "interrupted";
  /** Absent while it is being written, and where the relay keeps none. */
  readonly finishReason?: FinishReason | undefined;
  /** The tokens that the provider reported, where the relay exposes them. */
  readonly usage?: TokenUsage | undefined;
  readonly estimatedUsage?: TokenUsage | undefined;
  readonly metrics?: ReplyMetrics | undefined;
  readonly provider?: string | undefined;
  /** The model that answered. */
  readonly model?: string | undefined;
}

/**
 * A call of a tool.
 * - `writing`: the arguments are being written; `argumentsText` has them so far.
 * - `running`: the server runs it.
 * - `needsApproval`: it waits for `answer(id, true)`, or `answer(id, { deny })`.
 * - `needsResult`: it waits for the page to run it, and for `answer(id, result)`.
 * - `answered`: it has an answer, which the server keeps. The reply continues when no call of it waits any more.
 * - `done`, `failed`: it has a result. `result` is empty where the relay does not expose it.
 * - `denied`: a person has refused it.
 */
export interface ChatToolCall extends Pick<ToolCall, "id" | "name"> {
  /** Absent while they are being written. */
  readonly arguments?: unknown;
  /** The arguments as JSON, as far as they have come. Only while they are being written. */
  readonly argumentsText?: string | undefined;
  readonly state: "writing" | "running" | "needsApproval" | "needsResult" | "answered" | "done" | "failed" | "denied";
  readonly result?: string | undefined;
  /** Where in the `content` it was called, in UTF-16 units: the text before it was written before it. */
  readonly at: number;
}
