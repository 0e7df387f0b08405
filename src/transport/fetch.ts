/** The transport over `fetch`: every runtime has one, and callers may pass their own. */

import {
  type Exchange,
  type HttpRequest,
  RELEASE_LIMIT_MS,
  type Receiver,
  type Transport,
  WARM_LIMIT_MS,
} from "./transport.ts";

/** Any function that behaves like the global `fetch`. */
export type FetchLike = (input: string, init: RequestInit) => Promise<Response>;

/**
 * Returns a transport over the given `fetch`; default: the global `fetch` at the moment of the call. Redirects are
 * never followed.
 */
export function fetchTransport(custom?: FetchLike): Transport {
  const send: FetchLike = custom ?? ((input, init) => globalThis.fetch(input, init));
  return {
    open: (request, receiver) => openExchange(send, request, receiver),
    async warm(url) {
      // A HEAD to the bare origin carries no key and leaves a kept connection behind.
      const signal = AbortSignal.timeout(WARM_LIMIT_MS);
      const response = await send(new URL(url).origin, { method: "HEAD", redirect: "manual", signal });
      await response.body?.cancel();
    },
  };
}

function openExchange(send: FetchLike, request: HttpRequest, receiver: Receiver): Exchange {
  const abort = new AbortController();
  // The framing drops the byte order mark: only the framing knows where a stream begins.
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  let open = true;

  function fail(error: unknown): void {
    if (!open) return;
    open = false;
    receiver.onError(error);
  }

  function close(): void {
    open = false;
    abort.abort();
    if (reader) void cancel(reader); // for a fetch that ignores its signal
  }

  function deliver({ done, value }: ReadableStreamReadResult<Uint8Array>): void {
    if (!open) return;
    if (!done) return receiver.onText(decoder.decode(value, { stream: true }), value.byteLength);
    open = false;
    receiver.onEnd();
  }

  const { method = "POST", url, body = null } = request;
  const headers = { ...request.headers }; // a copy: a caller's fetch may change the headers
  async function start(): Promise<void> {
    const response = await send(url, { method, headers, body, redirect: "manual", signal: abort.signal });
    if (!open) return void (await response.body?.cancel()); // a fetch that ignores its signal
    reader = response.body?.getReader();
    receiver.onHead({ status: response.status, header: (name) => response.headers.get(name) ?? undefined });
  }
  start().catch(fail);

  return {
    decode: (text) => text, // decoded as it arrived
    pull() {
      if (!reader) {
        open = false;
        return receiver.onEnd();
      }
      reader.read().then((result) => {
        try {
          deliver(result);
        } catch (error) {
          fail(error); // the body of a caller's fetch may yield anything
        }
      }, fail);
    },
    close,
    release() {
      open = false;
      if (!reader) return;
      const limit = setTimeout(close, RELEASE_LIMIT_MS);
      void readToEnd(reader).finally(() => clearTimeout(limit));
    },
  };
}

async function cancel(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
  try {
    await reader.cancel();
  } catch {
    // it is over already, or cannot be cancelled
  }
}

async function readToEnd(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
  try {
    while (!(await reader.read()).done);
  } catch {
    // The reply was complete; the end of its connection does not matter.
  }
}
