/** The functions of a caller that authorize its requests. Their part is loaded for clients that have one. */

import { LazyPart } from "../platform/lazy-part.ts";
import type { Transport } from "../transport/transport.ts";
import type { Redactions } from "./redact.ts";

/** Why a function is asked for a credential. */
export interface KeyRequest {
  /** The provider has refused the last credential of this call: one that is kept is issued again. */
  readonly isRefused: boolean;
}

/** Returns the key of the next request. It keeps a token for as long as the token is valid. */
export type KeyFunction = (asked: KeyRequest) => string | Promise<string>;

/** A request that is about to be sent, with all its headers; their names are in lower case. */
export interface RequestToSign {
  readonly method: "GET" | "POST";
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Exactly what is sent, in UTF-8; `""` for a request without a body. */
  readonly body: string;
  /** The provider has refused the last signature of this call. */
  readonly isRefused?: boolean | undefined;
}

/** Returns headers to add to a request, or to replace in it. */
export type SignRequest = (
  request: RequestToSign,
) => Readonly<Record<string, string>> | Promise<Readonly<Record<string, string>>>;

/** Visible ASCII: other characters would break the header that carries the key. */
export const KEY: RegExp = /^[\x21-\x7e]+$/;

/** The functions that authorize the requests of a client. */
export interface Authority {
  readonly provider: string;
  /** The only origin that receives the key. */
  readonly origin: string;
  readonly apiKey: KeyFunction | undefined;
  /** Returns the headers of a key. */
  readonly authenticate: (key: string) => Readonly<Record<string, string>>;
  readonly sign: SignRequest | undefined;
  /** Those of the client's keys: apart from its other redactions, because it remembers the last. */
  readonly redactions: Redactions;
}

/** One call's way to the network, and the redaction of all credentials that it has used. */
export interface AuthorizedCall {
  readonly transport: Transport;
  readonly redact: (text: string) => string;
  /** The provider has refused the credential: the next request asks for another one. */
  refuse(): void;
}

/** Every client with such a function has loaded it before it opens a reply. */
export const authorization: LazyPart<typeof import("./authorized-call.ts")> = /* @__PURE__ */ new LazyPart(
  "The authorization of requests",
  () => import("./authorized-call.ts"),
);
