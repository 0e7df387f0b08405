/** The border to the network: one request out, its answer in, on demand. Callbacks, so that a read costs no promise. */

/** A POST with a JSON body, or a request without one. */
export interface HttpRequest {
  /** Default `POST`. */
  readonly method?: "GET" | "POST";
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** What comes before the body. Header names are asked for in lower case. */
export interface ResponseHead {
  readonly status: number;
  header(name: string): string | undefined;
}

/** Who is told what arrives. After `onEnd` or `onError` nothing more comes. */
export interface Receiver {
  onHead(head: ResponseHead): void;
  /** What one read brought, for `Exchange.decode`, and of how many bytes after decompression; may be empty. One call for each `pull`. */
  onText(text: string, byteLength: number): void;
  onEnd(): void;
  /** The connection failed. `safeToResend`: the server closed a kept connection without having read the request. */
  onError(error: unknown, safeToResend?: boolean): void;
}

/** One request under way. */
export interface Exchange {
  /**
   * Makes text of what `onText` delivered: of all of it, or of a piece that was cut at ASCII characters. Until then, only
   * its ASCII characters mean what they are. So a transport may hand over bytes in the cheapest form that a string can have.
   */
  decode(delivered: string): string;
  /** Asks for the next read. Only after `onHead`, and one at a time. */
  pull(): void;
  /** Closes the connection at once. */
  close(): void;
  /**
   * Whether the request went out on a connection kept from an earlier one, and nothing has come back. Then the way to the server may
   * have forgotten it, and others that are as old: all idle ones to the same address are closed. Absent where the runtime keeps
   * connections itself.
   */
  forget?(): boolean;
  /** The reply is complete: the connection is kept for the next one if the body ends within a second. */
  release(): void;
}

/** Sends requests. Two exist: over `fetch`, and over `node:http` with kept connections. */
export interface Transport {
  open(request: HttpRequest, receiver: Receiver): Exchange;
  /** Opens a connection ahead of the first request. Resolves when it stands; rejects when it cannot, or within `WARM_LIMIT_MS` does not. */
  warm(url: string): Promise<void>;
}

/** How long and how much of a complete reply's rest is read in order to keep its connection. */
export const RELEASE_LIMIT_MS = 1_000;

/** How long opening a connection ahead may take. */
export const WARM_LIMIT_MS = 10_000;
