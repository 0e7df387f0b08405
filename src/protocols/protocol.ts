/**
 * The border to the wire formats. A protocol is pure: objects in, objects out; no network, no clock, no environment.
 */

import type { MessageChunk } from "../contract/chunk.ts";
import { SendError } from "../contract/errors.ts";
import type { Message } from "../contract/message.ts";
import type { SendOptions } from "../contract/options.ts";
import type { TokenCount } from "../contract/token-count.ts";
import type { ReplyFacts } from "../stream/reply-facts.ts";
import type { OnSseEvent, SseParser, SseParserOptions } from "../transport/sse.ts";

/** The receiver of a request. */
export interface Endpoint {
  /** The provider's name in lower case. */
  readonly provider: string;
  readonly model: string;
  /** The base URL, without a slash at its end. */
  readonly baseUrl: string;
  /** The time of the request, in milliseconds since 1970. Without it, references that expire are not sent. */
  readonly at?: number;
  /** The account, as in `Replay.account`. */
  readonly account?: string | undefined;
}

/** A request before authentication. */
export interface ProtocolRequest {
  readonly url: string;
  /** Headers that the protocol itself requires; names in lower case. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: Readonly<Record<string, unknown>>;
  /** True where the provider takes the last turn as the beginning of its reply, and continues exactly behind it. */
  readonly continuesExactly?: boolean;
  /**
   * Returns a fact of this request that the decoder needs, and finds in its facts: the key to which the provider ties
   * signed parts of its reply, or the requested size of the context.
   */
  readonly binding?: () => unknown;
  /**
   * Returns the request to send after the provider's refusal of this one; `undefined` where no other request would
   * help.
   */
  readonly instead?: (refusal: SendError) => ProtocolRequest | undefined;
}

/** The facts that the functions of a request builder share. Each protocol adds those of the vendor or the model. */
export interface RequestContext {
  readonly options: SendOptions;
  readonly endpoint: Endpoint;
  /**
   * Reports an option that the request cannot express. Returns only where the caller wants such options left out.
   * @param what the option, as the end of a sentence: "`seed`" or "`search.maxResults`"
   * @param advice what to do instead, as a sentence
   * @throws {SendError} kind `unsupported`, unless `options.unsupported` is `"ignore"`
   */
  readonly unsupported: (what: string, advice?: string) => void;
}

/** Returns the context of one request, with the protocol's own members in it. */
export function requestContext<Own extends object>(
  options: SendOptions,
  endpoint: Endpoint,
  own: Own,
): RequestContext & Own {
  const { provider, model } = endpoint;
  return {
    options,
    endpoint,
    unsupported(what, advice) {
      if (options.unsupported === "ignore") return;
      const message = `${provider} (${model}) does not support ${what}. Leave it out, or set \`unsupported: "ignore"\`.`;
      throw new SendError("unsupported", advice ? `${message} ${advice}` : message);
    },
    ...own, // behind what all have: the other way around, V8 puts the object together name by name
  };
}

/** Turns one reply's events into chunks, appended to an array that the caller owns. */
export interface Decoder {
  /**
   * @param event the parsed JSON of one event, not an array
   * @param type the SSE event type, `""` where none was sent
   * @returns true when this event ends the reply; events after it do not count
   * @throws {SendError} when the event is the provider's error
   */
  push(event: object, type: string, chunks: MessageChunk[]): boolean;
  /**
   * Ends the stream: appends the chunks that only the end makes possible, such as complete tool calls.
   * @param sentinel whether `[DONE]` was seen
   * @throws {SendError} kind `truncated` when the reply was not complete
   */
  end(sentinel: boolean, chunks: MessageChunk[]): void;
  /**
   * Returns the position in a reply that the provider keeps and has not ended; `undefined` where it is lost with its
   * connection.
   */
  position?(): ReplyPosition | undefined;
  /**
   * Called before the events of a body that was requested from `position` on. Such a body may repeat earlier events.
   */
  resume?(): void;
}

/** A position in a reply that the provider keeps. */
export interface ReplyPosition {
  readonly id: string;
  /** The number of the last event that was read. */
  readonly after: number;
}

/** Requests for a reply that the provider continues to write when the connection breaks. */
export interface BackgroundReplies {
  /** Returns the URL to GET the events after the position. */
  resumeUrl(position: ReplyPosition, endpoint: Endpoint): string;
  /** Returns the URL to POST to when the rest is not needed. */
  cancelUrl(position: ReplyPosition, endpoint: Endpoint): string;
}

/** The provider's own count of the tokens of a request. */
export interface TokenCounting {
  /**
   * Returns the request that counts the tokens of `request`: the same body, but for the fields that the endpoint
   * refuses.
   */
  countRequest(request: ProtocolRequest, endpoint: Endpoint): ProtocolRequest;
  /** Returns the count in an answer; `undefined` where it has none. */
  readCount(body: Readonly<Record<string, unknown>>): Omit<TokenCount, "source" | "requestId"> | undefined;
}

/** Returns a parser for the events of one body. */
type Framing = (onEvent: OnSseEvent, options: SseParserOptions) => SseParser;

/** One wire format. */
export interface Protocol {
  /**
   * Returns the request for a conversation.
   * @throws {SendError} kind `unsupported` or `invalidRequest` for what the format cannot express
   */
  buildRequest(
    messages: readonly Message[],
    options: SendOptions,
    endpoint: Endpoint,
    stream: boolean,
  ): ProtocolRequest;
  /** Returns a decoder for one reply. It writes into `facts` what is not a chunk: usage, finish reason, ids. */
  createDecoder(facts: ReplyFacts): Decoder;
  /** Decodes a non-streamed reply through the same small functions. Throws as a decoder does. */
  decodeComplete(body: unknown, facts: ReplyFacts, chunks: MessageChunk[]): void;
  /**
   * Returns the provider's error. `body` is parsed JSON, or the text itself where it is not JSON. `header` looks up a
   * header of the response, by its name in lower case.
   */
  readError(provider: string, status: number, body: unknown, header?: (name: string) => string | undefined): SendError;
  /**
   * The parser of bodies that begin with an object. Default: they are one document, and streams are server-sent events.
   */
  readonly framing?: Framing;
  /** Present where a request with `recover: "resume"` makes the provider keep the reply. */
  readonly background?: BackgroundReplies;
  /** Present where the provider counts the tokens of a request that is not sent. */
  readonly counting?: TokenCounting;
}
