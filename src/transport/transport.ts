/**
 * The border to the network: sends one request and delivers its answer, on demand. Callbacks, so that a read costs no
 * promise.
 */

/** A POST with a JSON body, or a request without one. */
export interface HttpRequest {
  /** Default `POST`. */
  readonly method?: "GET" | "POST";
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** The part of the response before the body. Header names are looked up in lower case. */
export interface ResponseHead {
  readonly status: number;
  header(name: string): string | undefined;
}

/** Receives the events of one request. There are none after `onEnd` or `onError`. */
export interface Receiver {
  onHead(head: ResponseHead): void;
  /**
   * The text of one read, for `Exchange.decode`, and its number of bytes after decompression; may be empty. One call
   * for each `pull`.
   */
  onText(text: string, byteLength: number): void;
  onEnd(): void;
  /**
   * The connection failed. The failure in a `NotSent` is that of the call. `safeToResend`: the server closed a kept
   * connection before it read the request.
   */
  onError(error: unknown, safeToResend?: boolean): void;
}

/** One request in progress. */
export interface Exchange {
  /**
   * Decodes text that `onText` delivered: all of it, or a piece that was cut at ASCII characters. Until then, only
   * its ASCII characters are valid. So a transport may hand over bytes in the cheapest form of a string.
   */
  decode(delivered: string): string;
  /** Asks for the next read. Only after `onHead`, one at a time. */
  pull(): void;
  /** Closes the connection at once. */
  close(): void;
  /**
   * Returns whether the request used a kept connection, and has no answer yet. Then routers may have dropped the
   * connection, and others of the same age: all idle ones to the same address are closed. Absent where the runtime
   * keeps connections itself.
   */
  forget?(): boolean;
  /** The reply is complete: the connection is kept for the next request if the body ends within a second. */
  release(): void;
}

/** Sends requests. There are two: over `fetch`, and over `node:http` with kept connections. */
export interface Transport {
  /** Resolves when `open` may be called. Absent: at once. */
  load?(): Promise<void>;
  open(request: HttpRequest, receiver: Receiver): Exchange;
  /**
   * Opens a connection ahead of the first request. Resolves when it is open; rejects when it fails, or takes longer
   * than `WARM_LIMIT_MS`.
   */
  warm(url: string): Promise<void>;
}

/** The limits for reading the rest of a complete reply in order to keep its connection. */
export const RELEASE_LIMIT_MS = 1_000;

/** Maximum time for opening a connection ahead. */
export const WARM_LIMIT_MS = 10_000;
