/**
 * The relay under `node:http`, `node:http2` and Express. Their requests and responses are described by shape, so that
 * the package needs neither Node nor its types.
 */

/** Time to read a refusal, for a client that still sends, in milliseconds. */
const REFUSED_MS = 1_000;

/** A listener of an event. Of those that the relay listens to, only `data` has a value of interest. */
type Listener = (bytes: Uint8Array) => void;

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

/** A response of `node:http` or of the compatible API of `node:http2`. */
export interface NodeResponse {
  statusCode: number;
  readonly headersSent: boolean;
  readonly writableEnded: boolean;
  readonly writableFinished: boolean;
  setHeader(name: string, value: string | readonly string[]): unknown;
  writeHead(status: number): unknown;
  flushHeaders?(): void;
  write(bytes: Uint8Array): boolean;
  end(): unknown;
  destroy(): unknown;
  on(event: string, listener: Listener): unknown;
  off(event: string, listener: Listener): unknown;
}

/** A handler for `createServer` of `node:http` and `node:http2`, and for `app.use` of Express. */
export type NodeHandler = (request: NodeRequest, response: NodeResponse, next?: (error: unknown) => void) => void;

/**
 * Returns a Node handler of a handler of web standards.
 *
 * A viewer that leaves aborts `request.signal` and cancels the body. A body that a middleware such as `express.json()`
 * has parsed is passed on. Each piece is written as it comes; a slow connection is read from slowly.
 *
 * @example
 * ```ts
 * import { createServer } from "node:http";
 * import { toNode } from "cloudllm/server";
 *
 * createServer(toNode(async () => new Response("Hello"))).listen(0);
 * ```
 */
export function toNode(handle: (request: Request) => Promise<Response>): NodeHandler {
  return (request, response, next) => {
    answer(handle, request, response).catch((error: unknown) => {
      if (response.headersSent)
        response.destroy(); // never a normal end for half a body
      else if (next) next(error);
      else respond(response, 500);
    });
  };
}

async function answer(
  handle: (request: Request) => Promise<Response>,
  request: NodeRequest,
  response: NodeResponse,
): Promise<void> {
  const gone = new AbortController();
  // The request closes as soon as its body is read. The response closes with the connection, or when it is complete.
  response.on("close", () => {
    // With HTTP/2, a response counts as finished also when its viewer has left.
    if (!response.writableEnded || !response.writableFinished) gone.abort();
  });
  response.on("error", () => undefined); // `close` follows; without a listener, the process would end
  response.on("finish", () => dropRest(request));
  const asked = webRequestOf(request, gone.signal);
  if (!asked) {
    respond(response, 400);
    return;
  }
  const { status, headers, body } = await handle(asked);
  if (gone.signal.aborted) {
    await body?.cancel();
    return;
  }
  writeHead(response, status, headers);
  if (!body || request.method === "HEAD") {
    await body?.cancel();
    response.end();
    return;
  }
  await pipe(body, response, gone.signal);
}

function respond(response: NodeResponse, status: number): void {
  response.writeHead(status);
  response.end();
}

/** Returns `undefined` for a head that no `Request` can have. */
function webRequestOf(request: NodeRequest, signal: AbortSignal): Request | undefined {
  const { method = "GET" } = request;
  const parsedBody = parsedBodyOf(request);
  try {
    const headers = new Headers();
    for (let at = 0; at + 1 < request.rawHeaders.length; at += 2) {
      const [name = "", value = ""] = request.rawHeaders.slice(at, at + 2);
      if (!name.startsWith(":")) headers.append(name, value); // of HTTP/2
    }
    if (parsedBody !== undefined) {
      headers.delete("content-length");
      headers.delete("content-encoding");
    }
    const hasBody = method !== "GET" && method !== "HEAD";
    const init: RequestInit & { duplex: "half" } = { method, headers, signal, duplex: "half" };
    if (hasBody) init.body = parsedBody ?? bodyOf(request);
    return new Request(addressOf(request), init);
  } catch {
    return undefined;
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

/** The body as text, where a middleware has read it: then the stream stays silent for ever. */
function parsedBodyOf(request: NodeRequest): string | undefined {
  // Express 4 sets `body` to an empty object also where its parser has read nothing.
  if (request.body === undefined || !request.readableDidRead) return undefined;
  if (typeof request.body === "string") return request.body;
  if (request.body instanceof Uint8Array) return new TextDecoder().decode(request.body);
  return JSON.stringify(request.body);
}

/**
 * Reads as far as the reader asks, and nothing before: Node drops the rest of a body that it sees unread. Cancelled, it
 * leaves the connection for the response.
 */
function bodyOf(request: NodeRequest): ReadableStream<Uint8Array> {
  let phase: "unread" | "reading" | "over" = "unread";
  const source: UnderlyingDefaultSource<Uint8Array> = {
    pull(controller) {
      if (phase === "reading") request.resume();
      if (phase !== "unread") return;
      phase = "reading";
      const finish = (end: () => void) => {
        if (phase === "reading") end();
        phase = "over";
      };
      request.on("data", (bytes: Uint8Array) => {
        if (phase !== "reading") return;
        controller.enqueue(bytes);
        if ((controller.desiredSize ?? 0) <= 0) request.pause();
      });
      request.on("end", () => finish(() => controller.close()));
      request.on("error", (error: unknown) => finish(() => controller.error(error)));
      request.on("close", () => finish(() => controller.error(new Error("The request was cut."))));
    },
    cancel() {
      phase = "over";
    },
  };
  return new ReadableStream(source, { highWaterMark: 0 });
}

/** A client that was refused while it sends has a moment to read the refusal. Then its connection closes. */
function dropRest(request: NodeRequest): void {
  if (request.complete || request.httpVersionMajor > 1) return;
  request.resume();
  const timer = setTimeout(() => request.destroy(), REFUSED_MS);
  request.once("end", () => clearTimeout(timer));
  request.once("close", () => clearTimeout(timer));
}

function writeHead(response: NodeResponse, status: number, headers: Headers): void {
  response.statusCode = status;
  for (const [name, value] of headers) if (name !== "set-cookie") response.setHeader(name, value);
  const cookies = headers.getSetCookie();
  if (cookies.length > 0) response.setHeader("set-cookie", cookies);
  if (response.flushHeaders) response.flushHeaders();
  else response.writeHead(status);
}

async function pipe(body: ReadableStream<Uint8Array>, response: NodeResponse, gone: AbortSignal): Promise<void> {
  const reader = body.getReader();
  const cancel = () => void reader.cancel().catch(() => undefined);
  gone.addEventListener("abort", cancel, { once: true });
  for (;;) {
    const { done, value } = await reader.read();
    if (gone.aborted) return;
    if (done) break;
    if (!response.write(value)) await drained(response, gone);
  }
  gone.removeEventListener("abort", cancel);
  response.end();
}

function drained(response: NodeResponse, gone: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const settle = () => {
      response.off("drain", settle);
      gone.removeEventListener("abort", settle);
      resolve();
    };
    response.on("drain", settle);
    gone.addEventListener("abort", settle);
  });
}
