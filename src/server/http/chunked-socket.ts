/**
 * The body of a response of `node:http`, written to its socket. Of a chunk Node makes four pieces, and the system
 * writes them as a list; here it is one string. Seen: less than half the CPU of `response.write`.
 */

import type { Chunk } from "../feed/frame.ts";
import type { Listener } from "./node-request.ts";

/** The socket of a response, once its head has left. */
export interface NodeSocket {
  readonly writable: boolean;
  write(text: Chunk["text"], encoding: Chunk["encoding"]): boolean;
  once(event: string, listener: Listener): unknown;
  off(event: string, listener: Listener): unknown;
}

/** The parts of a response that say whether its socket may be written to. */
export interface ChunkedResponse {
  /** Whether the body is sent in chunks, of which HTTP/1.1 alone has any. Known once the head has left. */
  readonly chunkedEncoding?: boolean;
  /** Absent before the response has its turn on the connection. */
  readonly socket?: NodeSocket | null;
  /** How often it was corked, without an `uncork` yet: what is written to it waits. */
  readonly writableCorked?: number;
  write(content: string | Uint8Array): boolean;
}

/** Other runtimes than Node have their own servers behind `node:http`. */
interface Runtime {
  readonly process?: Pick<NodeJS.Process, "getBuiltinModule">;
  readonly Bun?: unknown;
  readonly Deno?: unknown;
}

/**
 * Returns the socket of a response whose body is sent in chunks (HTTP/1.1). Returns `undefined` where only the response
 * itself knows how: before its turn on the connection, with another protocol or runtime, and where a middleware has put
 * its own `write` in front, such as one that compresses. A response that is corked keeps bytes of its own back, which
 * the socket's would overtake: see `isCorked`.
 */
export function socketOf(response: ChunkedResponse): NodeSocket | undefined {
  if (response.chunkedEncoding !== true || !response.socket?.writable) return undefined;
  const { process, Bun, Deno } = globalThis as Runtime;
  if (Bun !== undefined || Deno !== undefined) return undefined;
  const write: unknown = process?.getBuiltinModule?.("node:http").OutgoingMessage.prototype.write;
  return response.write === write ? response.socket : undefined;
}

/** Returns whether a response keeps back what is written to it. */
export function isCorked({ writableCorked = 0 }: ChunkedResponse): boolean {
  return writableCorked > 0;
}
