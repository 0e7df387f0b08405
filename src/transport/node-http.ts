/**
 * The transport over `node:http` and `node:https` with kept connections. Measured on Node 20 against its `fetch`: a
 * third of the time to first token and 0.4 of the CPU for each request.
 */

import type { ClientRequest, IncomingMessage } from "node:http";
import type { Readable } from "node:stream";
import { decompressed } from "./node-decompression.ts";
import { IDLE_LIMIT_MS, type Route, type Target, targets } from "./node-targets.ts";
import {
  type Exchange,
  type HttpRequest,
  RELEASE_LIMIT_MS,
  type Receiver,
  type Transport,
  WARM_LIMIT_MS,
} from "./transport.ts";

/** Maximum length of buffered text while the consumer is busy, before the socket is paused: one read of Node's. */
const HIGH_WATER_MARK = 64 * 1024;

const { isAscii } = process.getBuiltinModule("node:buffer");

const NOT_ASCII = /[\x80-\xff]/;

/**
 * Returns a transport over Node's HTTP modules. It follows no redirects and reads no proxy environment variables.
 * @param idleMs how long an idle connection is kept
 * @param routeTo returns the way to an address; `undefined` for a direct connection
 */
export function nodeHttpTransport(
  idleMs: number = IDLE_LIMIT_MS,
  routeTo: (url: URL) => Route | undefined = () => undefined,
): Transport {
  const targetOf = targets(idleMs, routeTo);
  return {
    open: (request, receiver) => openExchange(request, receiver, targetOf(request.url)),
    warm(url) {
      return new Promise((resolve, reject) => {
        const { send, agent, hostname, port, rootPath = "/", ownHeaders } = targetOf(url);
        const signal = AbortSignal.timeout(WARM_LIMIT_MS);
        const more = ownHeaders && { headers: ownHeaders };
        const request = send({ agent, hostname, port, path: rootPath, method: "HEAD", signal, ...more }, (response) => {
          // Node takes an answer to HEAD that has no length for one that ends with its connection.
          if (!/\bclose\b/i.test(response.headers.connection ?? "")) request.shouldKeepAlive = true;
          response.resume().on("end", resolve).on("error", reject);
        });
        request.on("error", reject).end();
      });
    },
  };
}

function openExchange(
  { method = "POST", headers, body = "" }: HttpRequest,
  receiver: Receiver,
  target: Target,
): Exchange {
  let stream: Readable | undefined;
  let response: IncomingMessage | undefined;
  let wanted = false;
  let buffered = "";
  /** The consumer has not asked for text yet. */
  let isBeginning = true;
  let onlyAscii = true;
  let failure: { readonly error: unknown } | undefined;
  let ended = false;
  let open = true;
  let keepsAlive = true;

  /** Whether the connection keeps the process alive: a connection without a reader does not. */
  function keepAlive(keeps: boolean): void {
    // Once the answer is complete, the connection belongs to another request.
    if (keeps === keepsAlive || response?.complete) return;
    keepsAlive = keeps;
    if (keeps) request.socket?.ref();
    else request.socket?.unref();
  }

  function fail(error: unknown): void {
    // Text that arrived before the failure is delivered before it.
    failure ??= { error };
    if (!open || (response && !wanted)) return;
    open = false;
    receiver.onError(failure.error, request.reusedSocket && !response && isReset(failure.error));
  }

  function read(bytes: Buffer): void {
    if (!open) return;
    // Decoded as Latin-1, one character per byte: a sixth of the cost of UTF-8.
    const text = bytes.toString("latin1");
    onlyAscii &&= isAscii(bytes);
    if (wanted) {
      wanted = false;
      receiver.onText(text, text.length);
      if (open && !wanted) keepAlive(false);
      return;
    }
    buffered += text;
    if (buffered.length >= HIGH_WATER_MARK) stream?.pause();
    else if (isBeginning) letConsumerGoFirst();
  }

  /** Lets the consumer read the beginning before Node continues: the first token does not wait for the end. */
  function letConsumerGoFirst(): void {
    isBeginning = false;
    stream?.pause();
    queueMicrotask(() => stream?.resume());
  }

  function end(): void {
    ended = true;
    if (!open || !wanted) return;
    open = false;
    receiver.onEnd();
  }

  const { agent, hostname, port, path, ownHeaders } = target;
  const all = ownHeaders ? { ...headers, ...ownHeaders } : headers;
  // One literal, so that Node always sees the same kind of object.
  const request: ClientRequest = target.send({
    agent,
    hostname,
    port,
    path,
    method,
    headers: headerRow(all, target.hostHeader, method, body),
  });
  request.on("error", fail);
  request.on("response", (incoming) => {
    response = incoming;
    const hint = headerOf(incoming, "keep-alive");
    if (hint !== undefined) target.idle?.learn(incoming.socket, hint);
    if (!open) return;
    stream = decompressed(incoming, fail);
    stream.on("data", read).on("end", end).on("error", fail);
    receiver.onHead({ status: incoming.statusCode ?? 0, header: (name) => headerOf(incoming, name) });
    if (open && !wanted) keepAlive(false);
  });
  request.end(body);

  return {
    decode: (text) => (onlyAscii || !NOT_ASCII.test(text) ? text : Buffer.from(text, "latin1").toString("utf8")),
    pull() {
      isBeginning = false;
      if (buffered !== "") {
        const text = buffered;
        buffered = "";
        stream?.resume();
        return receiver.onText(text, text.length);
      }
      wanted = true;
      keepAlive(true);
      if (failure) fail(failure.error);
      else if (ended) end();
      else if (stream?.isPaused()) stream.resume();
    },
    close() {
      open = false;
      request.destroy();
    },
    forget() {
      if (!request.reusedSocket || response) return false;
      target.idle?.destroy(target.socketName);
      return true;
    },
    release() {
      open = false;
      if (ended) return;
      stream?.resume();
      // Nearly always the rest came in the same read, and needs no limit; that is known once Node has parsed the read.
      process.nextTick(() => {
        if (!response?.complete) limitRest(request);
      });
    },
  };
}

/**
 * Returns the headers as names and values in turn. Node writes such a row in one piece with the body, which saves a
 * twentieth of a short request's CPU. It adds neither `Host` nor the length to a row.
 */
function headerRow(
  headers: HttpRequest["headers"],
  hostHeader: string,
  method: string,
  body: string,
): readonly string[] {
  const row: string[] = [];
  for (const [name, value] of Object.entries(headers)) row.push(name, value);
  if (!Object.hasOwn(headers, "host")) row.push("host", hostHeader);
  const hasLength = Object.hasOwn(headers, "content-length") || Object.hasOwn(headers, "transfer-encoding");
  if (method === "POST" && !hasLength) row.push("content-length", String(Buffer.byteLength(body)));
  return row;
}

/** Reads the rest of a finished reply, for a limited time. Neither the rest nor the limit keeps a process alive. */
function limitRest(request: ClientRequest): void {
  if (request.destroyed) return;
  const limit = setTimeout(() => request.destroy(), RELEASE_LIMIT_MS);
  limit.unref();
  request.socket?.unref();
  request.on("close", () => clearTimeout(limit));
}

function headerOf(response: IncomingMessage, name: string): string | undefined {
  const value = response.headers[name];
  return Array.isArray(value) ? value.join(", ") : value;
}

function isReset(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "ECONNRESET" || error.code === "EPIPE");
}
