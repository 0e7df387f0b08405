/** Recordings: what a server once sent, byte for byte, cut and paced as a test requires. */

import type { Pause } from "../pause.ts";

/**
 * Where a body is cut into packets: after every number of bytes, at these offsets, or at the offsets that a function
 * returns.
 */
export type Cuts = number | readonly number[] | ((body: Uint8Array) => Iterable<number>);

/**
 * The pause between two packets. `tick`: until a client in the same process has read the packet before. A list has the
 * milliseconds before each packet except the first. A function is called before each of those, with its number.
 */
export type Pace = "tick" | number | readonly number[] | ((packet: number) => Pause);

/**
 * A response as it is.
 *
 * @example
 * ```ts
 * import { startProviderServer } from "cloudllm/testing";
 *
 * const body = `data: {"choices":[{"delta":{"content":"Grüße 🌍"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n`;
 * await using bytewise = await startProviderServer([{ body, cuts: 1 }]);
 * await using breaksOff = await startProviderServer([{ body, cuts: [60], ending: "reset" }]);
 * ```
 */
export interface Recording {
  /** The body: text, bytes, or packets, perhaps endless. */
  readonly body: string | Uint8Array | Iterable<string | Uint8Array>;
  /**
   * The HTTP status.
   * @default 200
   */
  readonly status?: number;
  /** The headers. A missing `content-type` is derived from the body. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Default: none. */
  readonly cuts?: Cuts;
  /**
   * The pace of the packets.
   * @default `tick` when the body is cut, else none
   */
  readonly pace?: Pace;
  /**
   * How the client learns of the body's end: `chunked` (default), `length` (a `content-length`; not for packets), or
   * `close` (neither: the connection is closed).
   */
  readonly framing?: "chunked" | "length" | "close";
  /**
   * The event after the body: it ends (default), the connection is closed without an end (`disconnect`), it is
   * reset, or no more data comes (`hang`).
   */
  readonly ending?: "end" | "disconnect" | "reset" | "hang";
  /** Whether `body` also holds the status line and the headers. */
  readonly raw?: boolean;
  /** The pause before the response. */
  readonly opensAfter?: Pause;
}

/** The packets of a recording. */
export function* packetsOf({ body, cuts }: Recording): Generator<Uint8Array, void> {
  if (typeof body !== "string" && !(body instanceof Uint8Array)) {
    for (const packet of body) yield bytesOf(packet);
    return;
  }
  const bytes = bytesOf(body);
  let start = 0;
  for (const offset of offsetsOf(cuts, bytes)) {
    if (offset <= start || offset >= bytes.length) continue;
    yield bytes.subarray(start, offset);
    start = offset;
  }
  yield bytes.subarray(start);
}

/** Returns the body as text; `""` where it is packets, perhaps endless. */
export function recordedText({ body }: Recording): string {
  if (typeof body === "string") return body;
  return body instanceof Uint8Array ? utf8Text(body) : "";
}

/** Returns the `content-type` of a body. */
export function contentTypeOf({ body }: Recording): string {
  const start =
    typeof body === "string" ? body : body instanceof Uint8Array ? utf8Text(body.subarray(0, 100)) : "data:";
  if (/^\s*[{[]/.test(start)) return "application/json";
  return /^\s*</.test(start) ? "text/html" : "text/event-stream; charset=utf-8";
}

function* offsetsOf(cuts: Cuts | undefined, body: Uint8Array): Generator<number, void> {
  if (typeof cuts === "number") for (let offset = cuts; offset < body.length; offset += Math.max(1, cuts)) yield offset;
  else if (typeof cuts === "function") yield* cuts(body);
  else if (cuts) yield* cuts;
}

function bytesOf(body: string | Uint8Array): Uint8Array {
  return typeof body === "string" ? new TextEncoder().encode(body) : body;
}

function utf8Text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
