/**
 * The contract of a machine dialect: the wire of a provider's own API, as a gateway speaks it to that provider's
 * libraries. Pure functions both ways; a dialect knows no client, no log and no network.
 */

import type { SendErrorKind } from "../contract/error-kind.ts";
import type { AssistantMessage, Message } from "../contract/message.ts";
import type { SendOptions } from "../contract/options.ts";
import type { DialectBody, ReplyEncoder } from "./dialect.ts";

/** The parts of a request that a route is read from. `path` is behind `v1`, without slashes around it. */
export interface MachineLine {
  readonly method: string;
  /** Such as `chat/completions`, decoded. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Headers;
}

/** The operation that a request asks for. */
export type MachineRoute =
  /** A body that `decode` reads: the reply to it, or the tokens of it. */
  | { readonly name: "reply" | "countTokens" }
  /** Watches a reply that was asked for earlier. `reply` is the `id` of its `MachineReply`. */
  | { readonly name: "attach"; readonly reply: string; readonly isStreamed: boolean; readonly wire: MachineWire }
  /** Stops it. The answer is the reply so far. */
  | { readonly name: "stop"; readonly reply: string; readonly wire: MachineWire };

/** A request in this library's words, decoded and checked. */
export interface MachineRequest {
  /** The name of the model as the program calls it; absent when it names none. */
  readonly model?: string | undefined;
  readonly messages: readonly Message[];
  readonly options: SendOptions;
  /** Whether the reply is wanted as server-sent events. */
  readonly isStreamed: boolean;
  /** Shows the reply to this request. */
  readonly wire: MachineWire;
}

/** The facts of a reply that a wire may name. */
export interface MachineReply {
  /** Random letters and digits, without a prefix. */
  readonly id: string;
  /** The model that answers, as the gateway's list calls it. */
  readonly model: string;
  /** Seconds since 1970. */
  readonly createdAt: number;
  /** The estimated tokens of the request, counted when asked for; absent where the request is not at hand. */
  readonly inputTokens?: number | undefined;
}

/** Shows replies to programs. */
export interface MachineWire {
  /** Returns the encoder of one streamed reply. `complete` and `failed` are its last events. */
  encoder(reply: MachineReply): ReplyEncoder;
  /**
   * Returns the answer that holds the complete reply.
   * @throws {Refusal} 502 when the wire has no word for its end
   */
  whole(message: AssistantMessage, reply: MachineReply): DialectBody;
}

/** A failure as a program may learn of it: nothing of the provider's own words, keys, hosts or ids. */
export interface MachineError {
  readonly kind: SendErrorKind;
  /** One sentence or two. */
  readonly message: string;
  /** `model_not_found` for an unknown model; absent otherwise. */
  readonly code?: string | undefined;
  /** The gateway's own id of the request. */
  readonly requestId?: string | undefined;
}

/** The answer to a request that fails. */
export interface MachineErrorBody extends DialectBody {
  /** The HTTP status, where the API has one of its own; otherwise the gateway's. */
  readonly status: number;
}

/** The wire of one API. The gateway's table (`src/server/gateway-dialects.ts`) lists all of them. */
export interface MachineDialect {
  readonly name: string;
  /** A comment or an event that keeps a connection open, with its blank line. Default: a comment. */
  readonly keepAlive?: string | undefined;
  /** Returns the route of a request; `undefined` for one that is not of this API. */
  routeOf(line: MachineLine): MachineRoute | undefined;
  /**
   * Reads a request. Fields that it does not know are ignored; those that cannot be obeyed and matter are refused.
   * @throws {Refusal} 400 with one sentence
   */
  decode(body: unknown, headers: Headers): MachineRequest;
  /** Returns the answer to a request that fails. `status` is the gateway's. */
  error(error: MachineError, status: number): MachineErrorBody;
  /** Returns the answer to `countTokens`. */
  tokens?(count: number): DialectBody;
}
