/** What a server once sent, to be sent again: byte for byte, cut and paced as a test wants it. */

import type { Pause } from "../pause.ts";

/** Where a body is cut into packets: every so many bytes, at these offsets, or where a function says. */
export type Cuts = number | readonly number[] | ((body: Uint8Array) => Iterable<number>);

/**
 * What passes between two packets. `tick`: as long as a client in the same process needs to read the one before. A
 * function is asked before each packet but the first, with its number.
 */
export type Pace = "tick" | number | ((packet: number) => Pause);

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
  /** The body: text, bytes, or packets one after another, perhaps without end. */
  readonly body: string | Uint8Array | Iterable<string | Uint8Array>;
  /** Default 200. */
  readonly status?: number;
  /** `content-type` is found out from the body unless it is given. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Default: none. */
  readonly cuts?: Cuts;
  /** Default: `tick` when the body is cut, else nothing. */
  readonly pace?: Pace;
  /**
   * How the client learns of the body's end: `chunked` (default), `length` (a `content-length`; not for packets), or
   * `close` (neither: the connection is closed).
   */
  readonly framing?: "chunked" | "length" | "close";
  /**
   * What happens after the body: it ends (default), the connection is closed without an end (`disconnect`), it is reset,
   * or nothing comes any more (`hang`).
   */
  readonly ending?: "end" | "disconnect" | "reset" | "hang";
  /** True when `body` holds the status line and the headers as well. */
  readonly raw?: boolean;
  /** What passes before anything is sent. */
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

/** The body as text; `""` where it is packets, perhaps without end. */
export function recordedText({ body }: Recording): string {
  if (typeof body === "string") return body;
  return body instanceof Uint8Array ? utf8Text(body) : "";
}

/** What a server would say the body is. */
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
