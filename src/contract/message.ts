/** The turns of a conversation, and the complete reply. Data only: everything here survives `JSON.stringify`. */

import type { ContentFilterFinding } from "./content-filter.ts";
import type { FinishReason } from "./finish-reason.ts";
import type { ReplyMetrics } from "./metrics.ts";
import type { TokenUsage } from "./usage.ts";

/** The speaker of a turn. The constant makes `Role.User` work as well as `"user"`. */
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
 * The place of an attachment's bytes: inline (`data`: bytes, or the same in base64), at a public `url`, or already
 * uploaded to the provider (`fileId`).
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

/**
 * The place of a medium's bytes: inline as base64, at a URL, or in the provider's file store. Exactly one is present.
 */
type MediaSource =
  | { readonly data: string; readonly url?: undefined; readonly fileId?: undefined }
  | { readonly url: string; readonly data?: undefined; readonly fileId?: undefined }
  | { readonly fileId: string; readonly data?: undefined; readonly url?: undefined };

/**
 * A picture, a sound or another file that the model made. `data` is base64, so that a message survives JSON;
 * `Buffer.from(data, "base64")` gives the bytes.
 */
export type Media = MediaSource & {
  /**
   * An IANA type such as `image/png`. Raw sound names its rate: `audio/pcm;rate=24000` (16-bit little-endian, mono).
   */
  readonly mediaType: string;
  /** The provider's id of it. */
  readonly id?: string;
  /** A file name from the provider. Do not use it as a path without a check. */
  readonly name?: string;
  /** The words of a sound; also part of the message's `content`. */
  readonly transcript?: string;
  /** The time at which the `id` or the `url` expires, in milliseconds since 1970. */
  readonly expiresAt?: number;
  /** True when a part is missing: a preview of a picture, the beginning of a sound. Never in a complete reply. */
  readonly partial?: true;
};

/** Instructions that hold for the whole conversation. */
export interface SystemMessage {
  readonly role: "system";
  readonly content: string;
}

/** A turn of the user: text, or text with images and files. */
export interface UserMessage {
  readonly role: "user";
  readonly content: string | readonly ContentPart[];
  /** The id under which a front end knows the message. A relay keeps it; no provider receives it. */
  readonly id?: string | undefined;
}

/**
 * A function that the model wants called. `arguments` is an object, parsed from its JSON; missing arguments and `null`
 * become `{}`. The arguments of a tool that takes plain text are a string; such a tool needs `providerOptions`.
 */
export interface ToolCall {
  readonly id: string;
  readonly name: string;
  readonly arguments: unknown;
  /**
   * The arguments as JSON with all digits; this text returns to the model. Present only where `arguments` hold a number
   * that a double cannot represent. Such an integer is a string of decimal digits there (`"2512292042121000001"`), and
   * so is a number beyond every double (`1e400`). JSON Schema validates the integer; a Standard Schema receives the
   * string.
   */
  readonly rawArguments?: string;
  /**
   * True when a person must allow the call before it runs: the tool's `approve` said `"ask"`. An `LLMSession` adds the
   * mark, and it stays after the answer. Providers do not receive it.
   */
  readonly needsApproval?: true;
}

/**
 * A call whose provider never closed it, or whose arguments are not a JSON object. It is for people and logs; do not
 * run it.
 */
export interface UnfinishedToolCall {
  readonly id: string;
  readonly name: string;
  /** The raw text of the arguments as far as it came. */
  readonly argumentsText: string;
}

/**
 * A source that the model names. Where known, `startIndex` (inclusive) and `endIndex` (exclusive) are UTF-16 offsets
 * into the message's `content`: `content.slice(startIndex, endIndex)` is the text that the source supports.
 */
export interface Citation {
  readonly url: string;
  readonly title?: string;
  readonly citedText?: string;
  readonly startIndex?: number;
  readonly endIndex?: number;
}

/**
 * A tool that the provider ran itself (a search, code …), as the provider reports it. It is already answered; do not
 * run it.
 */
export interface ProviderToolCall {
  readonly id?: string;
  /** The provider's name for the tool, such as `web_search`. */
  readonly name: string;
  /** The input of the tool, where the provider shows it. */
  readonly arguments?: unknown;
  /** The answer of the tool, where the provider shows it. */
  readonly result?: unknown;
  /** True when the provider reports that its tool failed; the model continues without it. */
  readonly isError?: true;
}

/** A token of the model's text, and its probability. */
export interface TokenLogprob {
  readonly token: string;
  /** The natural logarithm of its probability. */
  readonly logprob: number;
  /** The bytes of the token in UTF-8, where the provider gives them: a token may be half a character. */
  readonly bytes?: readonly number[];
  /** The most likely tokens in its place, where the call asked for them; the token itself may be among them. */
  readonly alternatives?: readonly Omit<TokenLogprob, "alternatives">[];
}

/** The web searches of a reply. */
export interface SearchActivity {
  /** In the order in which they were sent; empty where the provider does not show them. */
  readonly queries: readonly string[];
  /** The number of searches that the provider counts. */
  readonly count: number;
}

/** The provider's report of the caller's limits. Absent means not reported. */
export interface RateLimits {
  readonly requests?: RateLimit;
  readonly tokens?: RateLimit;
}

/** One limit of the caller. */
export interface RateLimit {
  /** Requests or tokens that remain. */
  readonly remaining: number;
  /** Milliseconds until the limit is full again. */
  readonly resetMs?: number;
}

/**
 * The data that a provider wants back in the next request, byte for byte. Opaque: other providers ignore it (law 8).
 */
export interface Replay {
  /** The provider that wrote it, and its protocol. Only the same two read it. */
  readonly provider: string;
  readonly protocol: string;
  /** The model that was asked. Signatures that hold for one model only are left out for another. */
  readonly model?: string;
  /**
   * The origin of the address that was asked, such as `https://api.openai.com`. Encrypted data is readable there only.
   */
  readonly origin?: string;
  /** A mark of the account that was asked; it does not reveal a key. Absent where the account is unknown. */
  readonly account?: string;
  /** The beginning of the reply's text, where another attempt wrote it. It precedes the content of `data`. */
  readonly before?: string;
  readonly data: unknown;
  /** The data as JSON with all digits. Present only where `data` holds a number that `JSON.stringify` would change. */
  readonly rawData?: string;
}

/** An earlier reply in a conversation. Only `content` is required, so that one can be written by hand. */
export interface AssistantTurn {
  readonly role: "assistant";
  readonly content: string;
  readonly toolCalls?: readonly ToolCall[];
  /**
   * Pictures and sounds that the model made. They return to their provider in its own form. Another provider gets the
   * pictures in the user's next turn, and a line of text for media that it does not take.
   */
  readonly media?: readonly Media[];
  readonly replay?: Replay;
  /**
   * True when the reply is partial: the caller stopped it, or it failed on the way. A conversation that ends with such
   * a turn asks for the rest. The answer belongs behind this `content`, and may repeat its last words.
   */
  readonly interrupted?: true;
}

/** The result of a tool call. One for each call, directly after the assistant's turn that made the calls. */
export interface ToolMessage {
  readonly role: "tool";
  readonly toolCallId: string;
  readonly content: string;
  readonly isError?: boolean;
  /** True when the call was not allowed, and so did not run. Providers receive the `content` only. */
  readonly denied?: true;
  /**
   * The error that the tool threw, where a session ran it. It is for the program, not for the model. It is not
   * enumerable: it stays in memory, and JSON, stores and other threads do not get it.
   */
  readonly error?: unknown;
}

/** One turn of a conversation. An `AssistantMessage` from a reply is one also. */
export type Message = SystemMessage | UserMessage | AssistantTurn | ToolMessage;

/**
 * A reply: complete, or partial (on `error.partial`, `stream.partial` and after `stop()`). `Output` is the type of the
 * value that the option `output` asks for.
 */
export interface AssistantMessage<Output = unknown> extends AssistantTurn {
  /** The visible text; equal to the `content` of all chunks joined. */
  readonly content: string;
  /** The model's thinking, as far as the provider shows it; `""` when it shows none. */
  readonly reasoning: string;
  /** The calls that wait for an answer. Calls that a session's tools answered are on `steps`. */
  readonly toolCalls: readonly ToolCall[];
  /**
   * The replies of which this one consists, in order, each with its own `usage` and `replay`. Present when a session
   * ran tools. Then `content` is all their text, `usage` is the sum of theirs, and the rest is from the last one. The
   * results of the tools are in the session's history.
   */
  readonly steps?: readonly AssistantMessage[];
  /** Present when calls were begun and not finished; never in a complete reply. */
  readonly unfinishedToolCalls?: readonly UnfinishedToolCall[];
  /** The sources that the model names, in the order in which they came; empty when it names none. */
  readonly citations: readonly Citation[];
  /** Present when the provider searched the web. */
  readonly search?: SearchActivity;
  /** The findings of a cloud's content filter. Present when it reports any: Azure does. */
  readonly contentFilter?: readonly ContentFilterFinding[];
  /** Present when the provider ran tools of its own. */
  readonly providerToolCalls?: readonly ProviderToolCall[];
  /**
   * Log probabilities of the visible text, token by token, where `providerOptions` ask for them: `logprobs` of Chat
   * Completions, `include: ["message.output_text.logprobs"]` of Responses, `responseLogprobs` of Gemini.
   */
  readonly logprobs?: readonly TokenLogprob[];
  /**
   * The value that the option `output` asked for, parsed from `content` and validated. Absent when the reply asks for
   * tools first.
   */
  readonly output?: Output;
  /** Why the reply ended, in one word for all providers. */
  readonly finishReason: FinishReason;
  /** The provider's own word for the finish reason; absent when it gave none. */
  readonly rawFinishReason?: string;
  /** The usage that the provider reported; absent when it reported nothing. Never an estimate. */
  readonly usage?: TokenUsage;
  /** The estimate of this library, where `usage` is absent or does not cover everything that arrived. */
  readonly estimatedUsage?: TokenUsage;
  /** The timing of the reply, and every request that was sent for it. */
  readonly metrics: ReplyMetrics;
  readonly provider: string;
  /** The model that answered, as the provider names it; otherwise the model that was asked for. */
  readonly model: string;
  /** The provider's id of this reply. */
  readonly id?: string;
  /** The provider's id of the request, for its support staff. */
  readonly requestId?: string;
  /** The provider's report of the caller's limits; absent when it gave none. */
  readonly rateLimits?: RateLimits;
  /** The provider's response, parsed. Present only on a non-streamed reply with `SendOptions.raw`. */
  readonly raw?: unknown;
}

/** The reply to a call with `output` and without tools. The reply has the value, or the call fails. */
export interface MessageWithOutput<Output> extends AssistantMessage<Output> {
  readonly output: Output;
}
