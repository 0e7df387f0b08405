/** A request of Node as the relay reads it. The `Request` of web standards is made when a hook asks for it. */

import type { RequestHeaders } from "../../dialects/dialect.ts";
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
  /** Whether a reader has come to the end. */
  readonly readableEnded?: boolean;
  /** `null` before the first reader. */
  readonly readableFlowing?: boolean | null;
  /** The bytes that wait for a reader. */
  readonly readableLength?: number;
  readonly destroyed: boolean;
  /** The body, where a middleware has read it. */
  readonly body?: unknown;
  /** The address before Express has cut the mount off. */
  readonly originalUrl?: string;
  on(event: string, listener: Listener): unknown;
  once(event: string, listener: Listener): unknown;
  read?(): unknown;
  pause(): unknown;
  resume(): unknown;
  destroy(): unknown;
}

/** The methods of which a `Request` with these names can be made; it refuses others, such as `TRACE`. */
const METHODS = ["GET", "POST", "DELETE", "OPTIONS"];

/** A request of Node for the handlers of the relay. */
export class NodeAsked implements Asked {
  readonly method: string;
  readonly url: string;
  readonly headers: NodeHeaders;
  readonly #body: AskedBody | null;
  readonly #sent: NodeBody | undefined;
  #gone: AbortController | undefined;
  #hasLeft = false;
  #web: { readonly request: Request; readonly stream: ReadableStream<Uint8Array> | null } | undefined;

  /** @throws for a method that no `Request` can have */
  constructor(request: NodeRequest) {
    const { method = "GET", rawHeaders } = request;
    const parsedBody = parsedBodyOf(request);
    this.method = method;
    this.url = addressOf(request);
    this.headers = new NodeHeaders(rawHeaders, parsedBody === undefined ? [] : ["content-length", "content-encoding"]);
    const hasBody = method !== "GET" && method !== "HEAD";
    this.#sent = hasBody && parsedBody === undefined ? new NodeBody(request) : undefined;
    this.#body = this.#sent ?? (hasBody ? new Response(parsedBody).body : null);
    if (!METHODS.includes(method)) this.web();
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
    const { method, signal } = this;
    const stream = this.#body && streamOf(this.#body);
    const init: RequestInit & { duplex: "half" } = { method, headers: this.headers.web(), signal, duplex: "half" };
    if (stream) init.body = stream;
    const request = new Request(this.url, init);
    this.#web = { request, stream };
    return request;
  }
}

/** An address that `URL` would write the same: that of nearly every start. */
const PLAIN_ADDRESS =
  /^https?:\/\/(?:127\.0\.0\.1|(?:[a-z\d]+(?:-[a-z\d]+)*\.)*[a-z]+)(?::(?:[1-9]\d{3}|[1-5]\d{4}))?\/[\w/-]*$/;

/** White space that a value may have around it. */
const AROUND = /^[\t\n\r ]+|[\t\n\r ]+$/g;

/** Headers that are looked for in the row that Node has of them: a `Headers` of it is made when a hook asks for one. */
class NodeHeaders implements RequestHeaders {
  /** Names and values in turn. */
  readonly #row: readonly string[];
  /** The names of headers that do not count, in lower case. */
  readonly #without: readonly string[];

  constructor(row: readonly string[], without: readonly string[]) {
    this.#row = row;
    this.#without = without;
  }

  get(asked: string): string | null {
    const name = asked.toLowerCase();
    let found: string | null = null;
    if (this.#without.includes(name)) return found;
    for (let at = 0; at + 1 < this.#row.length; at += 2) {
      const given = this.#row[at];
      if (given?.length !== name.length || given.toLowerCase() !== name) continue;
      const value = this.#row[at + 1]?.replace(AROUND, "") ?? "";
      found = found === null ? value : `${found}, ${value}`;
    }
    return found;
  }

  has(name: string): boolean {
    return this.get(name) !== null;
  }

  /** @throws for a name or a value that no `Request` can have */
  web(): Headers {
    const headers = new Headers();
    for (let at = 0; at + 1 < this.#row.length; at += 2) {
      const [name = "", value = ""] = [this.#row[at], this.#row[at + 1]];
      if (!name.startsWith(":")) headers.append(name, value); // of HTTP/2
    }
    for (const name of this.#without) headers.delete(name);
    return headers;
  }
}

/** The host is the client's word: one that would change the path is left out, and so is one that `URL` refuses. */
function addressOf(request: NodeRequest): string {
  const { socket, headers, originalUrl, url = "/" } = request;
  const path = originalUrl ?? url;
  if (!path.startsWith("/")) return completeAddress(path);
  const host = String(headers.host ?? headers[":authority"] ?? "");
  const scheme = "encrypted" in socket && socket.encrypted ? "https" : "http";
  const address = `${scheme}://${HOST.test(host) ? host : "localhost"}${path}`;
  if (PLAIN_ADDRESS.test(address)) return address;
  return (URL.canParse(address) ? new URL(address) : new URL(`${scheme}://localhost${path}`)).href;
}

const HOST = /^[\w.-]+(?::\d+)?$|^\[[\da-f:.]+\](?::\d+)?$/i;

/** Of a request to a proxy, and of `OPTIONS *`. No `Request` has an address with credentials. */
function completeAddress(given: string): string {
  const url = new URL(URL.canParse(given) ? given : "http://localhost/");
  url.username = "";
  url.password = "";
  return url.href;
}

/**
 * Returns the body as text, where a middleware has read it: then the stream stays silent for ever. `undefined` also for
 * a value that JSON cannot write, such as one that is nested too deep for it: that body cannot be read.
 */
function parsedBodyOf(request: NodeRequest): string | undefined {
  // Express 4 sets `body` to an empty object also where its parser has read nothing.
  if (request.body === undefined || !request.readableDidRead) return undefined;
  if (typeof request.body === "string") return request.body;
  if (request.body instanceof Uint8Array) return new TextDecoder().decode(request.body);
  try {
    return JSON.stringify(request.body);
  } catch {
    return undefined;
  }
}

/** Whether a middleware has read a body, and found it empty. */
function wasEmpty({ complete, readableEnded, readableDidRead }: NodeRequest): boolean {
  return complete && readableEnded === true && !readableDidRead;
}

/** Whether Node has all of the body. Of one with a length, it says so a moment later. */
function isHere({ complete, readableLength, headers }: NodeRequest): boolean {
  if (complete) return true;
  return headers["transfer-encoding"] === undefined && String(readableLength) === headers["content-length"];
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

  /** Node has nearly always read the body with the head: it takes no wait, no listeners and no limit on time. */
  takeAll(): Uint8Array | undefined {
    const { destroyed, readableFlowing, httpVersionMajor } = this.#request;
    const isUntouched = !destroyed && readableFlowing === null && httpVersionMajor === 1 && !this.#isReading;
    if (!isUntouched || this.#end || !this.#request.read || !isHere(this.#request)) return undefined;
    this.#isReading = true;
    this.#finish(async () => ({ done: true }));
    const all = this.#request.read();
    return all instanceof Uint8Array ? all : new TextEncoder().encode(all === null ? "" : String(all));
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
    const request = this.#request;
    if (wasEmpty(request)) return this.#finish(async () => ({ done: true }));
    if (request.destroyed) return this.cut(); // its events have come and gone
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
