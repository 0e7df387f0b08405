/** What a reply does, in no provider's words. Played in memory by `scriptedClient`, over HTTP by `startProviderServer`. */

import type { FinishReason } from "../contract/finish-reason.ts";
import type { Citation, Media } from "../contract/message.ts";
import type { Pause } from "./pause.ts";

/** A tool call the model makes: its arguments as a value, or as the pieces of text in which they arrive. */
export type ScriptedToolCall = {
  readonly name: string;
  /** Default: `call_1`, `call_2` … within the reply. */
  readonly id?: string;
  /** The provider never closes the call, even if its arguments look whole. Fragments that are not JSON imply it. */
  readonly unfinished?: boolean;
} & ({ readonly arguments?: unknown } | { readonly fragments: readonly string[] });

/**
 * A picture or a sound the model makes. `previews`: pictures shown before it, in base64. `pieces`: the sound in pieces of base64 instead
 * of its `data`. A wire that has no words for one of them leaves it out: previews are told by Responses alone, sounds by
 * Chat Completions and Gemini, transcripts by Chat Completions, addresses by all but Anthropic's.
 */
export type ScriptedMedia = { readonly previews?: readonly string[] } & (
  | Media
  | (Pick<Media, "mediaType" | "id" | "transcript" | "expiresAt"> & { readonly pieces: readonly string[] })
);

/** One thing a reply does. A list of texts is a list of chunks. */
export type ScriptStep =
  | { readonly text: string | Iterable<string> }
  | { readonly reasoning: string | Iterable<string> }
  | { readonly toolCall: ScriptedToolCall }
  | { readonly citation: Citation }
  | { readonly media: ScriptedMedia }
  | { readonly pause: Pause };

/** Token counts as the provider reports them; `totalTokens` defaults to the sum. */
export interface ScriptedUsage {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly totalTokens?: number;
  readonly cachedInputTokens?: number;
  readonly cacheWriteTokens?: number;
  readonly reasoningTokens?: number;
}

/** A normal end. */
export interface ScriptedFinish {
  /** Default: `toolCalls` after a tool call, `unknown` when only the raw reason is given, else `stop`. */
  readonly finishReason?: Exclude<FinishReason, "stopped" | "interrupted">;
  /** The provider's own word, such as one that nobody knows. Default: what it usually says. */
  readonly rawFinishReason?: string;
  /** Absent: the provider does not say. */
  readonly usage?: ScriptedUsage;
}

/** An error in the provider's words. */
export interface ScriptedError {
  readonly message?: string;
  /** The provider's own code, such as `server_error`. */
  readonly code?: string;
}

/**
 * How a reply ends. `cut`: the body ends as if nothing were missing, but the provider's own end never came. `reset`: the
 * connection breaks. `hang`: nothing more comes, and the connection stays open. `error`: the provider reports an error
 * inside the reply.
 */
export type ScriptEnding = ScriptedFinish | { readonly error: ScriptedError } | "cut" | "reset" | "hang";

/** The provider says no before a reply begins. */
export interface ScriptedRefusal extends ScriptedError {
  /** The HTTP status, 400 to 599. */
  readonly status: number;
  /** Such as `{ "retry-after": "2" }`. */
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * One reply: its text alone, or step by step, or a refusal.
 *
 * @example
 * ```ts
 * import { Gate, type ReplyScript } from "cloudllm/testing";
 *
 * export const scripts: ReplyScript[] = [
 *   { text: "Hello" },
 *   { text: ["Hel", "lo"], ending: { usage: { inputTokens: 3, outputTokens: 2 } } },
 *   { text: "It was a dark and", ending: "cut" },
 *   { steps: [{ reasoning: "Hm." }, { pause: 50 }, { toolCall: { name: "weather", arguments: { city: "Oslo" } } }] },
 *   { refusal: { status: 429, message: "Slow down.", headers: { "retry-after": "2" } } },
 *   { text: "never seen", opensAfter: new Gate() },
 * ];
 * ```
 */
export type ReplyScript = {
  /** What passes before the provider answers at all. */
  readonly opensAfter?: Pause;
} & (
  | { readonly text: string | Iterable<string>; readonly ending?: ScriptEnding }
  | { readonly steps: Iterable<ScriptStep>; readonly ending?: ScriptEnding }
  | { readonly refusal: ScriptedRefusal }
);

/** A reply the provider accepts to give. */
export type AcceptedScript = Exclude<ReplyScript, { readonly refusal: ScriptedRefusal }>;
