/** A request of Node as the relay reads it. The `Request` of web standards is made when a hook asks for it. */

import type { Asked, AskedBody, BodyReader } from "./handler.ts";

/** A listener of an event. Of those that the relay listens to, only `data` has a value of interest. */
export type Listener = (bytes: Uint8Array) => void;

/**
 * A request of `node:http` or of the compatible API of `node:http2`; Express adds a parsed body and the full address.
 */
export interface NodeRequest {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly rawHeaders: readonly string[];
  readonly httpVersionMajor: number;
  readonly socket: object;
  readonly complete: boolean;
  readonly readableDidRead: boolean;
  readonly destroyed: boolean;
  /** The body, where a middleware has read it. */
  readonly body?: unknown;
  /** The address before Express has cut the mount off. */
  readonly originalUrl?: string;
  on(event: string, listener: Listener): unknown;
  once(event: string, listener: Listener): unknown;
  pause(): unknown;
  resume(): unknown;
  destroy(): unknown;
}

/** The methods of which a `Request` with these names can be made; it refuses others, such as `TRACE`. */
const METHODS = ["GET", "POST", "DELETE", "OPTIONS"];

export class NodeAsked implements Asked {
  readonly method: string;
  readonly url: string;
  readonly headers: Headers = new Headers();
  readonly #body: AskedBody | null;
  readonly #sent: NodeBody | undefined;
  #gone: AbortController | undefined;
  #hasLeft = false;
  #web: { readonly request: Request; readonly stream: ReadableStream<Uint8Array> | null } | undefined;

  /** @throws for a head that no `Request` can have */
  constructor(request: NodeRequest) {
    const { method = "GET", rawHeaders, originalUrl, url = "/" } = request;
    const parsedBody = parsedBodyOf(request);
    this.method = method;
    this.url = new URL(addressOf(request)).href;
    for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
      const [name = "", value = ""] = [rawHeaders[at], rawHeaders[at + 1]];
      if (!name.startsWith(":")) this.headers.append(name, value); // of HTTP/2
    }
    if (parsedBody !== undefined) {
      this.headers.delete("content-length");
      this.headers.delete("content-encoding");
    }
    const hasBody = method !== "GET" && method !== "HEAD";
    this.#sent = hasBody && parsedBody === undefined ? new NodeBody(request) : undefined;
    this.#body = this.#sent ?? (hasBody ? new Response(parsedBody).body : null);
    if (!METHODS.includes(method) || !(originalUrl ?? url).startsWith("/")) this.web();
  }

  get signal(): AbortSignal {
    if (!this.#gone) {
      this.#gone = new AbortController();
      if (this.#hasLeft) this.#gone.abort();
    }
    return this.#gone.signal;
  }

  get hasLeft(): boolean {
    return this.#hasLeft;
  }

  /** Returns the body; as the `Request` has it, where a hook has touched that. */
  get body(): AskedBody | null {
    const { request, stream } = this.#web ?? {};
    if (request && (stream?.locked || request.bodyUsed)) return request.body;
    return this.#body;
  }

  /** The caller has left. */
  leave(): void {
    this.#hasLeft = true;
    this.#sent?.cut();
    this.#gone?.abort();
  }

  web(): Request {
    if (this.#web) return this.#web.request;
    const { method, headers, signal } = this;
    const stream = this.#body && streamOf(this.#body);
    const init: RequestInit & { duplex: "half" } = { method, headers, signal, duplex: "half" };
    if (stream) init.body = stream;
    const request = new Request(this.url, init);
    this.#web = { request, stream };
    return request;
  }
}

/** The host is the client's word: one that would change the path is left out. */
function addressOf(request: NodeRequest): string {
  const { socket, headers, originalUrl, url = "/" } = request;
  const path = originalUrl ?? url;
  if (!path.startsWith("/")) return URL.canParse(path) ? path : "http://localhost/"; // of a proxy, and `OPTIONS *`
  const host = String(headers.host ?? headers[":authority"] ?? "");
  const scheme = "encrypted" in socket && socket.encrypted ? "https" : "http";
  return `${scheme}://${/^[\w.-]+(?::\d+)?$|^\[[\da-f:.]+\](?::\d+)?$/i.test(host) ? host : "localhost"}${path}`;
}

/** Returns the body as text, where a middleware has read it: then the stream stays silent for ever. */
function parsedBodyOf(request: NodeRequest): string | undefined {
  // Express 4 sets `body` to an empty object also where its parser has read nothing.
  if (request.body === undefined || !request.readableDidRead) return undefined;
  if (typeof request.body === "string") return request.body;
  if (request.body instanceof Uint8Array) return new TextDecoder().decode(request.body);
  return JSON.stringify(request.body);
}

/** A stream over a reader, which begins to read when it is read. */
function streamOf(body: AskedBody): ReadableStream<Uint8Array> {
  if (body instanceof ReadableStream) return body;
  const reader = body.getReader();
  const source: UnderlyingDefaultSource<Uint8Array> = {
    async pull(controller) {
      const { done, value } = await reader.read();
      if (value) controller.enqueue(value);
      if (done) controller.close();
    },
    cancel: () => reader.cancel(),
  };
  return new ReadableStream(source, { highWaterMark: 0 });
}

type Read = Awaited<ReturnType<BodyReader["read"]>>;

/**
 * Reads as far as it is asked, and nothing before: Node drops the rest of a body that it sees unread. Cancelled, it
 * leaves the connection for the response.
 */
class NodeBody implements AskedBody, BodyReader {
  readonly #request: NodeRequest;
  #isReading = false;
  #waiting: Uint8Array[] = [];
  #end: (() => Promise<Read>) | undefined;
  /** Settles the read under way. */
  #wake: (() => void) | undefined;

  constructor(request: NodeRequest) {
    this.#request = request;
  }

  getReader(): BodyReader {
    return this;
  }

  async read(): Promise<Read> {
    for (;;) {
      const value = this.#waiting.shift();
      if (value) return { done: false, value };
      if (this.#end) return this.#end();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        if (this.#isReading) this.#request.resume();
        else this.#begin();
      });
    }
  }

  async cancel(): Promise<void> {
    this.#finish(async () => ({ done: true }));
    this.#waiting = [];
  }

  /** The rest of the body will not come. */
  cut(): void {
    this.#finish(() => Promise.reject(new Error("The request was cut.")));
  }

  #begin(): void {
    this.#isReading = true;
    if (this.#request.destroyed) return this.cut(); // its events have come and gone
    const request = this.#request;
    request.on("data", (bytes: Uint8Array) => {
      if (this.#end) return;
      this.#waiting.push(bytes);
      if (this.#waiting.length > 1) request.pause();
      this.#wake?.();
    });
    request.on("end", () => this.#finish(async () => ({ done: true })));
    request.on("error", (error: unknown) => this.#finish(() => Promise.reject(error)));
    request.on("close", () => this.cut());
  }

  #finish(end: () => Promise<Read>): void {
    this.#end ??= end;
    this.#wake?.();
  }
}
