/**
 * The contract of a dialect of a gateway: the wire of a provider's own API, as a gateway speaks it to that provider's
 * libraries. Pure functions both ways; a dialect knows no client, no log and no network.
 */

import type { SendErrorKind } from "../../contract/error-kind.ts";
import type { AssistantMessage, Message } from "../../contract/message.ts";
import type { SendOptions } from "../../contract/options.ts";
import type { JsonObject } from "../../platform/json-object.ts";
import type { DialectBody, ReplyEncoder, RequestHeaders } from "../dialect.ts";

/** The parts of a request that a route is read from. `path` is behind `v1`, without slashes around it. */
export interface GatewayLine {
  readonly method: string;
  /** Such as `chat/completions`, decoded. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: RequestHeaders;
}

/** The operation that a request asks for. */
export type GatewayRoute =
  /** A body that `decode` reads: the reply to it, or the tokens of it. */
  | { readonly name: "reply" | "countTokens" }
  /** Watches a reply that was asked for earlier. `reply` is the `id` of its `GatewayReply`. */
  | { readonly name: "attach"; readonly reply: string; readonly isStreamed: boolean; readonly wire: GatewayWire }
  /** `stop` stops it and answers with the reply so far; `forget` deletes it. */
  | { readonly name: "stop" | "forget"; readonly reply: string; readonly wire: GatewayWire };

/** A request in this library's words, decoded and checked. */
export interface GatewayRequest {
  /** The name of the model as the program calls it; absent when it names none. */
  readonly model?: string | undefined;
  readonly messages: readonly Message[];
  /** Precedes the conversation, for this reply only: a request that continues the reply does not inherit it. */
  readonly instructions?: string | undefined;
  /** Present when the conversation has parts of earlier replies: `messages` is empty then. */
  readonly references?: ReplyReferences | undefined;
  /** The `id` of an earlier reply, whose conversation precedes `messages`. */
  readonly previous?: string | undefined;
  readonly options: SendOptions;
  /** Whether the reply is wanted as server-sent events. */
  readonly isStreamed: boolean;
  /** Shows the reply to this request. */
  readonly wire: GatewayWire;
  /** Present when the reply may be watched, fetched, stopped and continued later. */
  readonly kept?: KeptReply | undefined;
}

/** Parts of earlier replies, in the place of their words. */
export interface ReplyReferences {
  /** The ids of the replies. Some may not be kept. */
  readonly replies: readonly string[];
  /**
   * Returns the conversation.
   * @param answers of the replies that are kept, as `ReplySoFar.body` returns them
   * @throws {Refusal} 404 for a part that is not found
   */
  messagesWith(answers: readonly DialectBody[]): readonly Message[];
}

/** A reply that may be asked for later. */
interface KeptReply {
  /** The facts that the wire wants back then: see `GatewayReply.memo`. Plain data. */
  readonly memo: JsonObject;
  /** Whether it is written also without a reader. */
  readonly isBackground: boolean;
}

/** The facts of a reply that a wire may name. */
export interface GatewayReply {
  /** Random letters and digits, without a prefix. */
  readonly id: string;
  /** The model that answers, as the gateway's list calls it. */
  readonly model: string;
  /** Seconds since 1970. */
  readonly createdAt: number;
  /** The estimated tokens of the request, counted when asked for; absent where the request is not at hand. */
  readonly inputTokens?: number | undefined;
  /** The facts that the wire wanted kept with the request of a `KeptReply`; absent for others. */
  readonly memo?: JsonObject | undefined;
}

/** Shows replies to programs. */
export interface GatewayWire {
  /** Returns the encoder of one streamed reply. `complete` and `failed` are its last events. */
  encoder(reply: GatewayReply): ReplyEncoder;
  /**
   * Returns the answer that holds the complete reply.
   * @throws {Refusal} 502 when the wire has no word for its end
   */
  complete(message: AssistantMessage, reply: GatewayReply): DialectBody;
  /** Reads a kept reply as far as it is written. Present where the API has an answer for that. */
  soFar?(reply: GatewayReply): ReplySoFar;
  /** Returns the answer to `forget`. */
  forgotten?(reply: Pick<GatewayReply, "id">): DialectBody;
}

/** Reads a reply as an encoder does, and makes one answer of it. */
export interface ReplySoFar extends ReplyEncoder {
  body(): DialectBody;
}

/** A failure as a program may learn of it: nothing of the provider's own words, keys, hosts or ids. */
export interface GatewayError {
  readonly kind: SendErrorKind;
  /** One sentence or two. */
  readonly message: string;
  /** `model_not_found` for an unknown model; absent otherwise. */
  readonly code?: string | undefined;
  /** The gateway's own id of the request. */
  readonly requestId?: string | undefined;
}

/** The answer to a request that fails. */
export interface GatewayErrorBody extends DialectBody {
  /** The HTTP status, where the API has one of its own; otherwise the gateway's. */
  readonly status: number;
}

/** The wire of one API. The gateway's table (`src/server/gateway/dialects.ts`) lists all of them. */
export interface GatewayDialect {
  readonly name: string;
  /** A comment or an event that keeps a connection open, with its blank line. Default: a comment. */
  readonly keepAlive?: string | undefined;
  /** Returns the route of a request; `undefined` for one that is not of this API. */
  routeOf(line: GatewayLine): GatewayRoute | undefined;
  /**
   * Reads a request. Fields that it does not know are ignored; those that cannot be obeyed and matter are refused.
   * @throws {Refusal} 400 with one sentence
   */
  decode(body: unknown, headers: RequestHeaders): GatewayRequest;
  /** Returns the answer to a request that fails. `status` is the gateway's. */
  error(error: GatewayError, status: number): GatewayErrorBody;
  /** Returns the answer to `countTokens`. */
  tokens?(count: number): DialectBody;
}
