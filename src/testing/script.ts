/**
 * Scripts of replies, independent of any provider. `scriptedClient` plays them in memory, `startProviderServer` over
 * HTTP.
 */

import type { FinishReason } from "../contract/finish-reason.ts";
import type { Citation, Media } from "../contract/message.ts";
import type { Pause } from "./pause.ts";

/** A tool call of the model. Its arguments are a value, or the pieces of JSON in which they arrive. */
export type ScriptedToolCall = {
  readonly name: string;
  /**
   * The call's id.
   * @default `call_1`, `call_2` … within the reply
   */
  readonly id?: string;
  /**
   * Whether the provider never closes the call, even if its arguments look complete. Fragments that are not JSON imply
   * it.
   */
  readonly unfinished?: boolean;
} & ({ readonly arguments?: unknown } | { readonly fragments: readonly string[] });

/**
 * An image or a sound that the model generates. `previews` are images before it, in base64. `pieces` are the sound in
 * pieces of base64, instead of its `data`. A wire format omits what it does not support. Only Responses has previews.
 * Chat Completions and Gemini have sounds. Only Chat Completions has transcripts. All but Anthropic Messages have URLs.
 */
export type ScriptedMedia = { readonly previews?: readonly string[] } & (
  | Media
  | (Pick<Media, "mediaType" | "id" | "transcript" | "expiresAt"> & { readonly pieces: readonly string[] })
);

/** One step of a reply. An array of strings is one chunk for each string. */
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
  /**
   * The finish reason.
   * @default `toolCalls` after a tool call, `unknown` when only the raw reason is given, else `stop`
   */
  readonly finishReason?: Exclude<FinishReason, "stopped" | "interrupted" | "budget">;
  /**
   * The provider's own word, which may be unknown.
   * @default the provider's usual word
   */
  readonly rawFinishReason?: string;
  /** Absent: the provider does not report it. */
  readonly usage?: ScriptedUsage;
}

/** An error in the provider's words. */
export interface ScriptedError {
  readonly message?: string;
  /** The provider's own code, such as `server_error`. */
  readonly code?: string;
}

/**
 * How a reply ends. `cut`: the body ends normally, but without the provider's own end. `reset`: the connection breaks.
 * `hang`: no more data comes, and the connection stays open. `error`: the provider reports an error inside the reply.
 */
export type ScriptEnding = ScriptedFinish | { readonly error: ScriptedError } | "cut" | "reset" | "hang";

/** A refusal before the reply begins. */
export interface ScriptedRefusal extends ScriptedError {
  /** The HTTP status, 400 to 599. */
  readonly status: number;
  /** Such as `{ "retry-after": "2" }`. */
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * One reply: its text, its steps, or a refusal.
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
  /** The pause before the provider answers. */
  readonly opensAfter?: Pause;
} & (
  | { readonly text: string | Iterable<string>; readonly ending?: ScriptEnding }
  | { readonly steps: Iterable<ScriptStep>; readonly ending?: ScriptEnding }
  | { readonly refusal: ScriptedRefusal }
);

/** A script without a refusal. */
export type AcceptedScript = Exclude<ReplyScript, { readonly refusal: ScriptedRefusal }>;
