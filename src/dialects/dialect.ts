/**
 * The contract of a dialect: the wire between a relay and one kind of front end. Pure functions both ways; a dialect
 * knows no log and no network.
 */

import type { MessageChunk } from "../contract/chunk.ts";
import type { ChatHistory, NativeEvent, RefusalBody, StartRequest } from "./native/wire.ts";

/** The headers of a request, as far as a dialect reads them. */
export type RequestHeaders = Pick<Headers, "get" | "has">;

/** The parts of a request that a route is read from. */
export interface RequestLine extends Pick<Request, "method" | "url"> {
  readonly headers: RequestHeaders;
}

/** The operation that a request asks for. */
export type Route =
  | { readonly name: "start" | "list" }
  | { readonly name: "preflight" }
  /** The answer is known. */
  | { readonly name: "answer"; readonly body: DialectBody }
  /** The body of the request says the operation. */
  | { readonly name: "inBody"; readonly routeOf: (body: unknown, user: string) => BodyRoute | Promise<BodyRoute> }
  /** `chat` or `run` is there. `after`: the last entry that the front end has seen. */
  | {
      readonly name: "attach";
      readonly chat?: string | undefined;
      /** The id of the run, or a function that derives it from its owner. */
      readonly run?: string | ((user: string) => Promise<string>) | undefined;
      readonly after?: string | undefined;
      /** Encodes the reply for this request. Default: the dialect's own encoder. */
      readonly encoder?: EncoderOf | undefined;
      /** Whether the encoder needs the conversation (`ReplyView.history`). */
      readonly withHistory?: boolean | undefined;
      /**
       * Returns the answer when no reply is being written. `history` is there when the relay keeps the conversation.
       * Default: nothing, or the last reply.
       */
      readonly idle?: ((history: ChatHistory | undefined) => DialectBody) | undefined;
    }
  | {
      readonly name: "history";
      readonly chat: string;
      /** Returns the answer to this request. Default: that of the dialect's `history`. */
      readonly answer?: ((history: ChatHistory) => DialectBody) | undefined;
    }
  | { readonly name: "stop"; readonly chat: string; readonly run?: string | undefined }
  | { readonly name: "delete"; readonly chat: string };

/** An operation that a body says. */
export type BodyRoute = Extract<Route, { readonly name: "attach" | "stop" }>;

/** The facts about a relay and a caller that the reading of a start may depend on. */
export interface StartContext {
  /** The owner of the chat: an id that is derived from a request must differ between users. */
  readonly user: string;
  /** `server`: the relay keeps the conversation, and a start brings the new turn. Otherwise it brings `messages`. */
  readonly history: "server" | "signed" | "client";
}

/** A start in the words of the relay's own wire. Nothing in it is checked yet: everything is a stranger's. */
export interface DialectStart {
  readonly request: { readonly [Name in keyof StartRequest]?: unknown };
  /**
   * Whether the reply of a run that has ended answers the same request again, where its id is derived from the request.
   * A run that continues always does. `never`: the request asks for another reply. `complete`: only a complete reply
   * does.
   * @default "always"
   */
  readonly repeats?: "always" | "complete" | "never" | undefined;
  /**
   * The parts of the message before this run, where the run continues a message that the front end shows. They are kept
   * with the run, for viewers that begin with nothing.
   */
  readonly before?: readonly MessageChunk[] | undefined;
  /** Present when the request only watches a run: the last entry that its front end has seen, where it says so. */
  readonly watches?: { readonly after?: string | undefined } | undefined;
  /** Encodes the reply for this request, where its body decides about the wire. Default: the dialect's own encoder. */
  readonly encoder?: EncoderOf | undefined;
}

/** The facts of a reply that an encoder may name. */
export interface ReplyView {
  readonly run: string;
  /** The conversation, as the front end calls it. */
  readonly chat: string;
  /** The id under which front ends know the message that is being written. */
  readonly messageId: string;
  /** The conversation when the connection began, where its route asked for it and the relay keeps it. */
  readonly history?: ChatHistory | undefined;
  /** The parts of that message before this run: see `DialectStart.before`. */
  readonly before?: readonly MessageChunk[] | undefined;
}

/** The events of a reply that an encoder sees. The relay turns a summary (`snapshot`) into chunks before. */
export type ReplyEvent = Exclude<NativeEvent, { readonly type: "snapshot" }>;

/** Encodes one reply for one connection, from its beginning. */
export interface ReplyEncoder {
  /**
   * Returns an event on the wire; an empty text for one that does not show. `complete`, `failed` and `reconnect` are
   * the last events of a connection. After `reconnect` the run continues elsewhere.
   */
  encode(event: ReplyEvent): string;
  /** Returns the events that are sent before the provider has accepted the request. Called at most once, before all. */
  begin?(): string;
  /** True once nothing can be said any more, before the reply's end: the connection is closed then. */
  readonly isOver?: boolean | undefined;
  /**
   * Returns an encoder that takes the reply from its beginning again, in its order. It shows the part that this one has
   * not shown. Present where the events of a reply are numbered. Such an encoder gets no chunks that make up for a part
   * that a connection has missed.
   */
  fromStart?(): ReplyEncoder;
  /** True where a run that continues elsewhere has no event: the connection is broken, so that no end is seen. */
  readonly breaksAway?: boolean | undefined;
}

/** Returns the encoder of a connection. */
export type EncoderOf = (reply: ReplyView) => ReplyEncoder;

/** An answer that is not a reply. */
export interface DialectBody {
  readonly contentType: string;
  readonly text: string;
}

/** The wire of one kind of front end: `native`, `aiSdk`, `agUi`. Pass it to `createRelay`. */
export interface Dialect {
  readonly name: string;
  /** Headers of each response that shows a reply, in addition to the relay's. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** The default of the relay's option `onBusy`, for front ends whose stop never reaches a server. */
  readonly onBusy?: "reject" | "replace" | undefined;
  /** A comment or an event that keeps a connection open, with its blank line. Default: a comment. */
  readonly keepAlive?: string | undefined;
  /**
   * Reads the route of a request.
   * @param mount the path of the relay, without a slash at its end; absent for any
   * @throws {Refusal} 400, 404 or 405
   */
  routeOf(request: RequestLine, mount: string | undefined): Route;
  /**
   * Reads a start.
   * @throws {Refusal} 400
   */
  startOf(body: unknown, headers: RequestHeaders, context: StartContext): DialectStart | Promise<DialectStart>;
  /** Reads the body of a stop, where it is not the relay's own: `run` names the run that it means. */
  stopOf?(body: unknown): { readonly run?: unknown };
  /** Encodes replies. Absent for the relay's own wire, whose bytes all viewers of a run share. */
  readonly encoder?: EncoderOf | undefined;
  /** Returns the answer to a request that is refused. */
  refusal(error: RefusalBody["error"]): DialectBody;
  /** Returns the answer to a request for the conversation. */
  history(history: ChatHistory): DialectBody;
  /** Returns the answer to a stop. `stopped`: the run has ended. */
  stopped(run: string, stopped: boolean): DialectBody;
}

/** Returns a value as the JSON of an answer. */
export function jsonBody(value: unknown): DialectBody {
  return { contentType: "application/json; charset=utf-8", text: JSON.stringify(value) };
}
