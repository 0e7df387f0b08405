/** The turns of a conversation, and what one whole reply is. Data only: everything here survives `JSON.stringify`. */

import type { FinishReason } from "./finish-reason.ts";
import type { ReplyMetrics } from "./metrics.ts";
import type { TokenUsage } from "./usage.ts";

/** Who speaks in a turn. The constant makes `Role.User` work as well as `"user"`. */
export const Role = {
  System: "system",
  User: "user",
  Assistant: "assistant",
  Tool: "tool",
} as const;

/** `"system" | "user" | "assistant" | "tool"`. */
export type Role = (typeof Role)[keyof typeof Role];

/** Text inside a user turn that also holds images or files. */
export interface TextPart {
  readonly type: "text";
  readonly text: string;
}

/**
 * Where an attachment's bytes are: inline (`data`: bytes, or the same in base64), at a public `url`, or already uploaded
 * to the provider (`fileId`).
 */
export type AttachmentSource =
  | { readonly data: Uint8Array | string; readonly mediaType: string }
  | { readonly url: string; readonly mediaType?: string }
  | { readonly fileId: string; readonly mediaType?: string };

/** An image inside a user turn. `mediaType` is an IANA type such as `image/png`. */
export type ImagePart = { readonly type: "image" } & AttachmentSource;

/** A document or a sound inside a user turn, for example `application/pdf` or `audio/wav`. */
export type FilePart = { readonly type: "file"; readonly filename?: string } & AttachmentSource;

/** One piece of a user turn. */
export type ContentPart = TextPart | ImagePart | FilePart;

/** Where the bytes of a medium are: inline as base64, at a URL, or in the provider's file store. Exactly one is present. */
type MediaSource =
  | { readonly data: string; readonly url?: undefined; readonly fileId?: undefined }
  | { readonly url: string; readonly data?: undefined; readonly fileId?: undefined }
  | { readonly fileId: string; readonly data?: undefined; readonly url?: undefined };

/**
 * A picture, a sound or another file that the model made. `data` is base64, so that a message survives JSON;
 * `Buffer.from(data, "base64")` gives the bytes.
 */
export type Media = MediaSource & {
  /** An IANA type such as `image/png`. Raw sound names its rate: `audio/pcm;rate=24000` (16-bit little-endian, mono). */
  readonly mediaType: string;
  /** The provider's id of it. */
  readonly id?: string;
  /** A file name, as the provider gives it: never a path to write to unchecked. */
  readonly name?: string;
  /** What a sound says; also part of the message's `content`. */
  readonly transcript?: string;
  /** When the provider forgets the `id` or the `url`, in milliseconds since 1970. */
  readonly expiresAt?: number;
  /** True when not all of it came: a preview of a picture, the beginning of a sound. Never in a complete reply. */
  readonly partial?: true;
};

/** Instructions that hold for the whole conversation. */
export interface SystemMessage {
  readonly role: "system";
  readonly content: string;
}

/** What the user says: text, or text with images and files. */
export interface UserMessage {
  readonly role: "user";
  readonly content: string | readonly ContentPart[];
}

/**
 * A function the model wants called. `arguments` is an object, parsed from its JSON (`{}` for a call without arguments, `null`
 * among them); only of a tool that takes plain text, which must be asked for with `providerOptions`, it is a text.
 */
export interface ToolCall {
  readonly id: string;
  readonly name: string;
  readonly arguments: unknown;
  /**
   * The arguments as JSON with all digits, which is what goes back to the model. Present only where `arguments` hold an integer that a
   * double cannot hold: such an integer is a string of decimal digits there (`"2512292042121000001"`), and a number beyond
   * every double (`1e400`) a string, too. JSON Schema judges the integer, a Standard Schema sees the string.
   */
  readonly rawArguments?: string;
}

/** A call whose provider never closed it, or whose arguments are no JSON object: for people and logs, never to be run. */
export interface UnfinishedToolCall {
  readonly id: string;
  readonly name: string;
  /** The raw text of the arguments as far as it came. */
  readonly argumentsText: string;
}

/**
 * A source that the model names. Where known, `startIndex` (inclusive) and `endIndex` (exclusive) are UTF-16 offsets into the message's
 * `content`: `content.slice(startIndex, endIndex)` is the text that the source supports.
 */
export interface Citation {
  readonly url: string;
  readonly title?: string;
  readonly citedText?: string;
  readonly startIndex?: number;
  readonly endIndex?: number;
}

/** A tool that the provider ran itself (a search, code …), as it reports it: already answered, never to be run here. */
export interface ProviderToolCall {
  readonly id?: string;
  /** The provider's name for the tool, such as `web_search`. */
  readonly name: string;
  /** What the tool was given, where the provider shows it. */
  readonly arguments?: unknown;
  /** What the tool answered, where the provider shows it. */
  readonly result?: unknown;
  /** True when the provider says that its tool failed; the model goes on without it. */
  readonly isError?: true;
}

/** A token the model wrote, and how likely it found it. */
export interface TokenLogprob {
  readonly token: string;
  /** The natural logarithm of its probability. */
  readonly logprob: number;
  /** The bytes of the token in UTF-8, where the provider gives them: a token may be half a character. */
  readonly bytes?: readonly number[];
  /** The likeliest tokens in its place, where they were asked for; the token itself may be among them. */
  readonly alternatives?: readonly Omit<TokenLogprob, "alternatives">[];
}

/** What was searched for on the web. */
export interface SearchActivity {
  /** In the order in which they were sent; empty where the provider does not show them. */
  readonly queries: readonly string[];
  /** How many searches the provider counts. */
  readonly count: number;
}

/** What the provider said of the caller's limits with a reply; what it did not say is absent. */
export interface RateLimits {
  readonly requests?: RateLimit;
  readonly tokens?: RateLimit;
}

/** What remains of one limit, and after how many milliseconds it is whole again. */
export interface RateLimit {
  readonly remaining: number;
  readonly resetMs?: number;
}

/** What a provider wants back in the next request, byte for byte. Opaque: others ignore it (law 8). */
export interface Replay {
  /** Which provider wrote it, and in which protocol; only the same two read it. */
  readonly provider: string;
  readonly protocol: string;
  /** The model that was asked: where signatures hold for one model only, another does without. */
  readonly model?: string;
  /** The origin of the address that was asked, such as `https://api.openai.com`: elsewhere, what is encrypted cannot be read. */
  readonly origin?: string;
  /** A mark of the account that was asked, of which no key can be found again. Absent where nothing told. */
  readonly account?: string;
  /** The beginning of the reply's text, where another attempt wrote it: it stands before what `data` holds. */
  readonly before?: string;
  readonly data: unknown;
}

/** An earlier reply as it stands in a conversation. Only `content` is needed, so that one can be written by hand. */
export interface AssistantTurn {
  readonly role: "assistant";
  readonly content: string;
  readonly toolCalls?: readonly ToolCall[];
  /**
   * Pictures and sounds the model made. They go back as its provider wants them; another provider gets its pictures as part of
   * the user's next turn, and a line of text for what it does not take.
   */
  readonly media?: readonly Media[];
  readonly replay?: Replay;
  /**
   * True when the reply is not whole: the caller stopped it, or it failed on the way. A conversation that ends with such a turn
   * asks for the rest of it: what a provider answers belongs behind its `content`, and may say its last words again.
   */
  readonly interrupted?: true;
}

/** What a tool answered. One for each call, directly after the assistant's turn that made the calls. */
export interface ToolMessage {
  readonly role: "tool";
  readonly toolCallId: string;
  readonly content: string;
  readonly isError?: boolean;
  /**
   * What the tool threw, where a session ran it: for the program, never for the model. Not enumerable: it is there in memory, and
   * neither JSON, a store nor another thread keeps it.
   */
  readonly error?: unknown;
}

/** One turn of a conversation. An `AssistantMessage` that came back is one, too. */
export type Message = SystemMessage | UserMessage | AssistantTurn | ToolMessage;

/**
 * A reply: whole, or (on `error.partial`, `stream.partial` and after `stop()`) as much of it as came. `Output` is the type of
 * the value asked for with the option `output`.
 */
export interface AssistantMessage<Output = unknown> extends AssistantTurn {
  /** The visible text; equal to the `content` of all chunks joined. */
  readonly content: string;
  /** The model's thinking, as far as the provider shows it; `""` when it shows none. */
  readonly reasoning: string;
  /** The calls that wait for an answer; those that a session's tools have answered are on `steps`. */
  readonly toolCalls: readonly ToolCall[];
  /**
   * The replies of which this one is made, in order, each as its provider gave it, with its own `usage` and `replay`. Present
   * when a session ran tools; then `content` is all their text, `usage` is the sum of what they report, the rest is the last
   * one's, and what the tools answered is in the session's history.
   */
  readonly steps?: readonly AssistantMessage[];
  /** Present when calls were begun and not finished; never in a whole reply. */
  readonly unfinishedToolCalls?: readonly UnfinishedToolCall[];
  readonly citations: readonly Citation[];
  /** Present when the provider searched the web. */
  readonly search?: SearchActivity;
  /** Present when the provider ran tools of its own. */
  readonly providerToolCalls?: readonly ProviderToolCall[];
  /**
   * Log probabilities of the visible text, token by token, where `providerOptions` asked for them (`logprobs` of Chat Completions,
   * `include: ["message.output_text.logprobs"]` of Responses, `responseLogprobs` of Gemini).
   */
  readonly logprobs?: readonly TokenLogprob[];
  /** What the option `output` asked for: the value in `content`, validated. Absent when the reply asks for tools first. */
  readonly output?: Output;
  readonly finishReason: FinishReason;
  /** The provider's own word for it; absent when it gave none. */
  readonly rawFinishReason?: string;
  /** What the provider reported; absent when it reported nothing. Never an estimate. */
  readonly usage?: TokenUsage;
  /** Our estimate, where `usage` is absent or does not cover all that arrived. */
  readonly estimatedUsage?: TokenUsage;
  readonly metrics: ReplyMetrics;
  readonly provider: string;
  /** The model that answered, as the provider names it; what was asked for when it does not say. */
  readonly model: string;
  /** The provider's id of this reply. */
  readonly id?: string;
  /** The provider's id of the request, for its support staff. */
  readonly requestId?: string;
  readonly rateLimits?: RateLimits;
  /** The provider's answer as it came, parsed. Present only on a non-streamed reply that was asked for with `SendOptions.raw`. */
  readonly raw?: unknown;
}

/** A reply to a call with `output` and without tools: it has the value, or the call has failed. */
export interface MessageWithOutput<Output> extends AssistantMessage<Output> {
  readonly output: Output;
}
