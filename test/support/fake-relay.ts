/** A relay without a network: each request is answered by hand, and each answer is written by hand. */

import type { AssistantMessage } from "../../src/contract/message.ts";
import { encodeEvent } from "../../src/dialects/native/encode.ts";
import { shownHistory } from "../../src/dialects/native/shown-history.ts";
import type { ChatHistory, NativeEvent } from "../../src/dialects/native/wire.ts";

/** One request, and the stream of its answer. */
export interface FakeRequest {
  readonly method: string;
  /** Behind the relay's address. That of a history is `/:chat`, also where a page asks for it. */
  readonly path: string;
  readonly headers: Headers;
  readonly body: Readonly<Record<string, unknown>>;
  readonly keepalive: boolean;
  readonly signal: AbortSignal | undefined;
  /** When it came, on the clock of `performance`. */
  readonly at: number;
  /** Answers with a stream, which begins with these events. */
  stream(...events: readonly (NativeEvent | string)[]): void;
  /** Writes more into the stream. */
  write(...events: readonly (NativeEvent | string)[]): void;
  /** Ends the stream in an orderly way. */
  end(): void;
  /** Breaks the connection, before or after the head. */
  break(): void;
  /** Returns whether the client has let the stream go before its end. */
  isCancelled(): boolean;
  /** A history that a page asks for is given as `ChatHistory`, and answered as a relay does. */
  answer(status: number, body?: unknown, headers?: Readonly<Record<string, string>>): void;
}

/** Answers the requests of a test's client. */
export interface FakeRelay {
  readonly fetch: (input: string, init: RequestInit) => Promise<Response>;
  readonly requests: readonly FakeRequest[];
}

export const URL_OF_RELAY = "http://relay.test/chat";

const VIEW = "?view=page";

/** @param answer called for each request, with the number of requests before it */
export function fakeRelay(answer: (request: FakeRequest, index: number) => void): FakeRelay {
  const requests: FakeRequest[] = [];
  const encoder = new TextEncoder();
  const fetch = (input: string, init: RequestInit): Promise<Response> =>
    new Promise((resolve, reject) => {
      let isCancelled = false;
      let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
      const broken = (): void => {
        const error = new TypeError("fetch failed");
        reject(error);
        controller?.error(error);
      };
      const request: FakeRequest = {
        method: init.method ?? "GET",
        path: input.slice(URL_OF_RELAY.length).replace(VIEW, ""),
        headers: new Headers(init.headers),
        body: typeof init.body === "string" ? (JSON.parse(init.body) as Readonly<Record<string, unknown>>) : {},
        keepalive: init.keepalive ?? false,
        signal: init.signal ?? undefined,
        at: performance.now(),
        stream(...events) {
          const body = new ReadableStream<Uint8Array>({
            start: (created) => {
              controller = created;
            },
            cancel: () => {
              isCancelled = true;
            },
          });
          resolve(new Response(body, { headers: { "content-type": "text/event-stream; charset=utf-8" } }));
          request.write(...events);
        },
        write(...events) {
          for (const event of events) {
            controller?.enqueue(encoder.encode(typeof event === "string" ? event : encodeEvent(event)));
          }
        },
        end: () => controller?.close(),
        break: broken,
        isCancelled: () => isCancelled,
        answer(status, body, headers = {}) {
          const isShown = status === 200 && input.endsWith(VIEW);
          const shown = isShown ? shownHistory(body as ChatHistory) : body;
          const text = body === undefined ? null : JSON.stringify(shown);
          resolve(new Response(text, { status, headers: { "content-type": "application/json", ...headers } }));
        },
      };
      init.signal?.addEventListener("abort", broken);
      requests.push(request);
      answer(request, requests.length - 1);
    });
  return { fetch, requests };
}

export function opened(run: unknown): NativeEvent {
  return { type: "opened", run: String(run), provider: "scripted", model: "script" };
}

export function text(content: string, id?: string, after?: string): NativeEvent {
  return { type: "chunks", id, after, chunks: [{ type: "text", content, isFinal: false }] };
}

export function complete(
  content: string,
  more: Partial<AssistantMessage> = {},
): Extract<NativeEvent, { readonly type: "complete" }> {
  return {
    type: "complete",
    message: {
      role: "assistant",
      content,
      reasoning: "",
      toolCalls: [],
      citations: [],
      finishReason: "stop",
      provider: "scripted",
      model: "script",
      metrics: { durationMs: 1, chunks: 1, longestGapMs: 0, attempts: [] },
      ...more,
    },
  };
}
