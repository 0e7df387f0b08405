/**
 * The relay under `node:http`, `node:http2` and Express. Their requests and responses are described by shape, so that
 * the package needs neither Node nor its types.
 */

import { typeText } from "../../platform/received.ts";
import type { Frame } from "../feed/frame.ts";
import type { Viewer } from "../feed/viewer.ts";
import { type ChunkedResponse, isCorked, type NodeSocket, socketOf } from "./chunked-socket.ts";
import { type Answer, type Asked, answeringOf, isShown } from "./handler.ts";
import { type Listener, NodeAsked, type NodeRequest } from "./node-request.ts";

/** Time to read a refusal, for a client that still sends, in milliseconds. */
const REFUSED_MS = 1_000;

/** The refusal of a request that no handler of web standards can be given. */
const IMPOSSIBLE = JSON.stringify({
  error: { kind: "invalidRequest", message: "The method of the request is not allowed.", retryable: false },
});

/** A response of `node:http` or of the compatible API of `node:http2`. */
export interface NodeResponse extends ChunkedResponse {
  statusCode: number;
  readonly headersSent: boolean;
  readonly writableEnded: boolean;
  readonly writableFinished: boolean;
  setHeader(name: string, value: string | readonly string[]): unknown;
  writeHead(status: number): unknown;
  flushHeaders?(): void;
  uncork?(): void;
  end(content?: string | Uint8Array): unknown;
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
  if (typeof handle !== "function") throw new TypeError(`\`handle\` must be a function, not ${typeText(handle)}.`);
  // A relay and a gateway answer without the objects of web standards: they cost more time than all the rest.
  const answering = answeringOf(handle) ?? ((asked: Asked): Promise<Answer> => handle(asked.web()));
  return (request, response, next) => {
    answer(answering, request, response).catch((error: unknown) => {
      if (response.headersSent)
        response.destroy(); // never a normal end for half a body
      else if (next) next(error);
      else respond(response, 500);
    });
  };
}

async function answer(
  answering: (asked: Asked) => Promise<Answer>,
  request: NodeRequest,
  response: NodeResponse,
): Promise<void> {
  const asked = askedOf(request);
  // The request closes as soon as its body is read. The response closes with the connection, or when it is complete.
  response.on("close", () => {
    // With HTTP/2, a response counts as finished also when its viewer has left.
    if (!response.writableEnded || !response.writableFinished) asked?.leave();
  });
  response.on("error", () => undefined); // `close` follows; without a listener, the process would end
  response.on("finish", () => dropRest(request));
  if (!asked) {
    response.setHeader("content-type", "application/json; charset=utf-8");
    respond(response, 400, IMPOSSIBLE);
    return;
  }
  const answer = await answering(asked);
  const body = isShown(answer) ? answer.viewer : answer.body;
  if (asked.hasLeft) {
    await body?.cancel();
    return;
  }
  if (isShown(answer)) setHeaders(response, 200, Object.entries(answer.headers));
  else setHeaders(response, answer.status, answer.headers);
  if (!body || request.method === "HEAD") {
    await body?.cancel();
    response.end();
  } else if ("getReader" in body) {
    sendHead(response);
    await pipe(body, response, asked.signal);
  } else show(body, response);
}

/** Returns `undefined` for a method that no `Request` can have. */
function askedOf(request: NodeRequest): NodeAsked | undefined {
  try {
    return new NodeAsked(request);
  } catch {
    return undefined;
  }
}

function respond(response: NodeResponse, status: number, content?: string): void {
  response.writeHead(status);
  response.end(content);
}

/** A client that was refused while it sends has a moment to read the refusal. Then its connection closes. */
function dropRest(request: NodeRequest): void {
  if (request.httpVersionMajor > 1) return;
  request.resume();
  if (request.complete) return;
  const timer = setTimeout(() => request.destroy(), REFUSED_MS);
  request.once("end", () => clearTimeout(timer));
  request.once("close", () => clearTimeout(timer));
}

function setHeaders(response: NodeResponse, status: number, headers: Iterable<[string, string]>): void {
  const cookies: string[] = [];
  response.statusCode = status;
  for (const [name, value] of headers) {
    if (name === "set-cookie")
      cookies.push(value); // one line each
    else response.setHeader(name, value);
  }
  if (cookies.length > 0) response.setHeader("set-cookie", cookies);
}

/** Sends the head before there is a byte of the body. */
function sendHead(response: NodeResponse): void {
  if (response.flushHeaders) response.flushHeaders();
  else response.writeHead(response.statusCode);
}

/** The viewer's frames are written as they come. It is asked for more when the connection has taken them. */
function show(viewer: Viewer, response: NodeResponse): void {
  let socket: NodeSocket | undefined;
  const pull = (): void => viewer.pull();
  const write = (frame: Frame): boolean => {
    if (response.writableEnded) return false; // by a timeout of the server: the connection is the next response's
    socket ??= socketOf(response);
    const chunk = socket && frame.chunk;
    if (!socket || !chunk || isCorked(response)) return response.write(frame.content); // it has an event of its own when it is drained
    if (!socket.writable) return false;
    const takesMore = socket.write(chunk.text, chunk.encoding);
    if (!takesMore) socket.once("drain", pull);
    return takesMore;
  };
  response.on("close", () => {
    socket?.off("drain", pull); // the next response may have the socket
    viewer.cancel();
  });
  response.on("drain", pull);
  viewer.start({
    enqueue(frame) {
      if (write(frame)) pull();
    },
    close: ({ content }) => end(response, content), // in one write, where the two would be a packet each
    error: () => response.destroy(),
  });
}

async function pipe(body: ReadableStream<Uint8Array>, response: NodeResponse, gone: AbortSignal): Promise<void> {
  const reader = body.getReader();
  const cancel = () => void reader.cancel().catch(() => undefined);
  gone.addEventListener("abort", cancel, { once: true });
  for (;;) {
    const { done, value } = await reader.read();
    if (gone.aborted || response.writableEnded) return;
    if (done) break;
    if (!response.write(value)) await drained(response, gone);
  }
  gone.removeEventListener("abort", cancel);
  end(response);
}

/** Node 24 loses what a response keeps back that ends while it is corked. */
function end(response: NodeResponse, last: string | Uint8Array = ""): void {
  if (response.writableEnded) return; // by a timeout of the server
  for (let corks = response.writableCorked ?? 0; corks > 0; corks--) response.uncork?.();
  response.end(last);
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
