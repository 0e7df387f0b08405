/** A TCP server that answers HTTP by hand, so that it can misbehave in every way. */

import { createServer, type Socket } from "node:net";

/** One connection with one request that has arrived whole. */
export interface RawRequest {
  readonly socket: Socket;
  readonly head: string;
  readonly body: string;
  /** Resolves when the client's side is gone. */
  readonly closed: Promise<void>;
}

export interface RawServer extends AsyncDisposable {
  readonly port: number;
  readonly baseUrl: string;
  /** The same without a path. */
  readonly origin: string;
  readonly requests: readonly RawRequest[];
  /** Bytes that were handed to the kernel. */
  bytesSent(): number;
  /** Connections that have not ended. */
  openSockets(): number;
  /** Connections there have been. */
  connections(): number;
  /** Says goodbye on every connection, as a server does that goes down in peace, and waits until the client's sides are gone. */
  goodbye(): Promise<void>;
}

/** `answer` is called for each request, with the number of requests before it. */
export async function rawServer(answer: (request: RawRequest, index: number) => void): Promise<RawServer> {
  const sockets = new Set<Socket>();
  const ends = new Set<Promise<void>>();
  const requests: RawRequest[] = [];
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on("error", () => undefined); // resets are what is being tested
    const closed = new Promise<void>((resolve) => socket.on("close", () => resolve()));
    ends.add(closed);
    let received = "";
    socket.on("data", (bytes) => {
      received += bytes.toString("latin1");
      const headEnd = received.indexOf("\r\n\r\n");
      if (headEnd < 0) return;
      const head = received.slice(0, headEnd);
      const length = Number(/content-length: *(\d+)/i.exec(head)?.[1] ?? 0);
      if (received.length < headEnd + 4 + length) return;
      const body = received.slice(headEnd + 4, headEnd + 4 + length);
      received = received.slice(headEnd + 4 + length);
      const request = { socket, head, body, closed };
      requests.push(request);
      answer(request, requests.length - 1);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address ? address.port : 0;
  return {
    port,
    baseUrl: `http://127.0.0.1:${port}/v1`,
    origin: `http://127.0.0.1:${port}`,
    requests,
    bytesSent: () => [...sockets].reduce((sum, socket) => sum + socket.bytesWritten - socket.writableLength, 0),
    openSockets: () => [...sockets].filter((socket) => !socket.closed).length,
    connections: () => sockets.size,
    async goodbye() {
      // A connection may still be on its way.
      for (let known = -1; known !== sockets.size; ) {
        known = sockets.size;
        for (const socket of sockets) socket.end();
        await Promise.all(ends);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Response headers of an event stream in HTTP chunks. */
export const STREAM_HEAD = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

/** One HTTP chunk. */
export function httpChunk(body: string | Uint8Array): Buffer {
  const bytes = Buffer.from(body);
  return Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from("\r\n")]);
}

export const LAST_CHUNK = "0\r\n\r\n";

/** A whole response with a length. */
export function response(status: number, body: string, headers: Readonly<Record<string, string>> = {}): string {
  const all = { "content-type": "application/json", "content-length": String(Buffer.byteLength(body)), ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} Whatever\r\n${lines.join("")}\r\n${body}`;
}

/** A chat event with a text delta. */
export function textEvent(content: string): string {
  return `data: ${JSON.stringify({ id: "c1", model: "m", choices: [{ index: 0, delta: { content }, finish_reason: null }] })}\n\n`;
}

const FINISH_EVENT = `data: {"id":"c1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n`;
const USAGE_EVENT = `data: {"id":"c1","choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7}}\n\n`;
export const DONE_EVENT = "data: [DONE]\n\n";
/** The end of every good reply. */
export const GOOD_END: string = FINISH_EVENT + USAGE_EVENT + DONE_EVENT;
