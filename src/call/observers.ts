/** The functions of a caller that see the requests of a client. Their part is loaded for clients that have one. */

import { LazyPart } from "../platform/lazy-part.ts";

/** A request of a client, as it was sent; secrets are replaced by `[key]`. */
export interface ObservedRequest {
  /** Counts the client's requests from 1, those of retries included. */
  readonly number: number;
  readonly provider: string;
  readonly model: string;
  readonly method: "GET" | "POST";
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** At most the first 262,144 characters. */
  readonly body: string;
}

/** The response to a request, once it has ended; secrets are replaced by `[key]`. */
export interface ObservedResponse {
  readonly request: ObservedRequest;
  /** The HTTP status. Absent when no response came. */
  readonly status?: number;
  /** Returns a header by its name. */
  header(name: string): string | undefined;
  /** The part of the body that the client has read: at most the first 262,144 characters. */
  readonly body: string;
  /** The size of what the client has read, in bytes after decompression. */
  readonly bytes: number;
  /** How it ended: the client has read all that it needs, it has closed the connection early, or the network failed. */
  readonly ending: "complete" | "closed" | "failed";
  /** The failure of the network. */
  readonly error?: string;
  /** From the request to the head of the response, and to its end, in milliseconds. */
  readonly headMs?: number;
  readonly durationMs: number;
}

/**
 * Functions that see each request and response, for logs. They are called later than the chunks of a read are
 * delivered, in the order of the events. Their errors do nothing. They must not change what they see.
 */
export interface Observers {
  readonly onRequest?: ((request: ObservedRequest) => void) | undefined;
  readonly onResponse?: ((response: ObservedResponse) => void) | undefined;
}

/** The client, and what is known to be secret in its call. */
export interface ObservedCall {
  readonly provider: string;
  readonly model: string;
  readonly redact: (text: string) => string;
}

/** Every client with observers has loaded it before it opens a reply. */
export const observation: LazyPart<typeof import("./observed-transport.ts")> = /* @__PURE__ */ new LazyPart(
  "The observation of requests",
  () => import("./observed-transport.ts"),
);

/**
 * Returns the functions; `undefined` when there are none.
 * @throws {TypeError} when one of them is not a function
 */
export function givenObservers(observers: Observers): Observers | undefined {
  const given = Object.entries(observers).filter(([, observe]) => observe !== undefined);
  for (const [name, observe] of given)
    if (typeof observe !== "function") throw new TypeError(`\`${name}\` must be a function.`);
  return given.length > 0 ? observers : undefined;
}
