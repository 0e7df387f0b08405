/** The border to the wire formats. A protocol is pure: objects in, objects out; no network, no clock, no environment. */

import type { MessageChunk } from "../contract/chunk.ts";
import type { SendOptions } from "../contract/client.ts";
import { SendError } from "../contract/errors.ts";
import type { Message } from "../contract/message.ts";
import type { ReplyFacts } from "../stream/reply-facts.ts";

/** Whom a request goes to. */
export interface Endpoint {
  /** The provider's name in lower case. */
  readonly provider: string;
  readonly model: string;
  /** Without a slash at its end. */
  readonly baseUrl: string;
  /** When the request is made, in milliseconds since 1970; where it is absent, nothing that expires is sent. */
  readonly at?: number;
  /** The account, as `Replay.account` has it. */
  readonly account?: string | undefined;
}

/** A request before authentication. */
export interface ProtocolRequest {
  readonly url: string;
  /** What the protocol itself wants said in headers; names in lower case. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: Readonly<Record<string, unknown>>;
  /** True where the provider takes the last turn as the beginning of its reply, and goes on exactly behind it. */
  readonly continuesExactly?: boolean;
  /** What the provider ties signed parts of its reply to: the decoder finds it in its facts and puts it into `replay`. */
  readonly binding?: () => unknown;
  /** The request to send at once, instead of this one, after the provider's refusal; `undefined` where nothing would help. */
  readonly instead?: (refusal: SendError) => ProtocolRequest | undefined;
}

/**
 * Call it for an option that cannot be said: throws, or returns when the caller wants such options left out.
 * @param what the option and whose lack it is, as the end of a sentence: "`seed`" or "`search.maxResults`"
 * @throws {SendError} kind `unsupported`
 */
export function refuse(what: string, { provider, model }: Endpoint, options: SendOptions, advice = ""): void {
  if (options.unsupported === "ignore") return;
  const message = `${provider} (${model}) has no way to say ${what}: leave it out, or set \`unsupported: "ignore"\`.`;
  throw new SendError("unsupported", advice === "" ? message : `${message} ${advice}`);
}

/** Turns one reply's events into chunks, appended to an array that the caller owns. */
export interface Decoder {
  /**
   * @param event the parsed JSON of one event, no list
   * @param type the SSE event type, `""` where none was sent
   * @returns true when this event ends the reply, whatever may follow
   * @throws {SendError} when the event is the provider's error
   */
  push(event: object, type: string, chunks: MessageChunk[]): boolean;
  /**
   * The stream is over: appends what could only be told now, such as whole tool calls.
   * @param sentinel whether `[DONE]` was seen
   * @throws {SendError} kind `truncated` when the reply was not complete
   */
  end(sentinel: boolean, chunks: MessageChunk[]): void;
  /** Where a reply stands that the provider keeps and has not ended; absent, or `undefined`, where it is lost with its connection. */
  position?(): ReplyPosition | undefined;
  /** Called before the events of a body that was asked for from `position` on: it may repeat events before that. */
  resume?(): void;
}

/** A place in a reply that the provider keeps. */
export interface ReplyPosition {
  readonly id: string;
  /** The number of the last event that was read. */
  readonly after: number;
}

/** How to ask for a reply that the provider goes on writing when the connection breaks. */
export interface BackgroundReplies {
  /** GET it: the events after the position. */
  resumeUrl(position: ReplyPosition, endpoint: Endpoint): string;
  /** POST it: nobody wants the rest. */
  cancelUrl(position: ReplyPosition, endpoint: Endpoint): string;
}

/** One wire format. */
export interface Protocol {
  /** @throws {SendError} kind `unsupported` or `invalidRequest` for what cannot be said in it. */
  buildRequest(
    messages: readonly Message[],
    options: SendOptions,
    endpoint: Endpoint,
    stream: boolean,
  ): ProtocolRequest;
  /** `facts` is where the decoder writes what is not a chunk: usage, finish reason, ids. */
  createDecoder(facts: ReplyFacts): Decoder;
  /** The reply that was not streamed, through the same small functions. Throws as a decoder does. */
  decodeWhole(body: unknown, facts: ReplyFacts, chunks: MessageChunk[]): void;
  /** The provider's error. `body` is parsed JSON, or the text itself where it is not JSON. */
  readError(provider: string, status: number, body: unknown): SendError;
  /** Present where a request with `recover: "resume"` makes the provider keep the reply. */
  readonly background?: BackgroundReplies;
}
