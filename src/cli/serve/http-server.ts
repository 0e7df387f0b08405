/** The server's socket: listens, writes a line a request, counts viewers, closes. */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, isIPv6 } from "node:net";
import { toNode } from "../../server/index.ts";
import { CommandError } from "../command-error.ts";
import { quoted } from "../one-line.ts";
import { secondsOf } from "../status-line.ts";

/** Time until connections that are still open are cut, in milliseconds. */
const CLOSE_MS = 1_000;

/** A longer path is cut in its line, in characters. */
const MAX_PATH = 80;

/** A server that listens. */
export class HttpServer {
  readonly #server: Server;
  readonly #answers = new Set<ServerResponse>();
  readonly #onRequest: (line: string) => void;

  /** @param onRequest called with a line about each request, when its answer is over */
  constructor(handle: (request: Request) => Promise<Response>, onRequest: (line: string) => void) {
    this.#onRequest = onRequest;
    const listener = toNode(handle);
    this.#server = createServer((request, response) => {
      this.#watch(request, response);
      listener(request, response);
    });
  }

  /**
   * Resolves when the server listens.
   * @throws {CommandError} when it cannot
   */
  async listen(port: number, host: string): Promise<void> {
    const server = this.#server;
    const listening = new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, host.replace(/^\[|\]$/g, ""), resolve);
    });
    await listening.catch((error: NodeJS.ErrnoException) => {
      throw new CommandError(faultOf(error, port, host), 1, error);
    });
  }

  /** Returns the port that the server listens on; 0 before that. */
  get port(): number {
    return (this.#server.address() as AddressInfo | null)?.port ?? 0;
  }

  /** Number of connections that watch a reply. */
  get viewers(): number {
    return [...this.#answers].filter((answer) => String(answer.getHeader("content-type")).startsWith(EVENTS)).length;
  }

  /** Takes no more connections. Resolves when the last one is closed. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    this.#server.closeIdleConnections();
    const timer = setTimeout(() => this.#server.closeAllConnections(), CLOSE_MS);
    await closed;
    clearTimeout(timer);
  }

  #watch({ method = "", url = "/" }: IncomingMessage, response: ServerResponse): void {
    const startedAt = performance.now();
    this.#answers.add(response);
    response.once("close", () => {
      this.#answers.delete(response);
      const [path = ""] = url.split("?"); // a query may hold secrets
      const status = response.headersSent ? response.statusCode : "left";
      this.#onRequest(
        `${timeOf(new Date())}  ${method.padEnd(4)} ${quoted(path, MAX_PATH)}  ${status}  ${secondsOf(performance.now() - startedAt)}`,
      );
    });
  }
}

const EVENTS = "text/event-stream";

function faultOf(error: NodeJS.ErrnoException, port: number, host: string): string {
  switch (error.code) {
    case "EADDRINUSE":
      return `Port ${port} is taken by another program. --port names another; 0 takes any that is free.`;
    case "EACCES":
      return `Port ${port} is reserved for the system. --port names another.`;
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
      return `--host ${host} is not an address of this machine.`;
    default:
      return `The server cannot listen at ${host}, port ${port}: ${error.message}`;
  }
}

/** Returns the address of the server as a person opens it. */
export function urlOf(host: string, port: number): string {
  const plain = host.replace(/^\[|\]$/g, "");
  const isAny = plain === "0.0.0.0" || plain === "::";
  const name = isAny || plain === "127.0.0.1" ? "localhost" : isIPv6(plain) ? `[${plain}]` : plain;
  return `http://${name}:${port}`;
}

function timeOf(date: Date): string {
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => String(part).padStart(2, "0")).join(":");
}
