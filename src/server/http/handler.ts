/**
 * A handler of requests, with the two roads to it: that of web standards, for every runtime, and a shorter one for
 * `toNode`. A `Request`, a `Response` and their streams cost Node more than all the rest of a relay.
 */

import type { RequestLine } from "../../dialects/dialect.ts";
import type { Viewer } from "../feed/viewer.ts";

/** The parts of a request that the relay reads itself. */
export interface Asked extends RequestLine {
  /** Fires when the caller leaves. */
  readonly signal: AbortSignal;
  readonly body: AskedBody | null;
  /** Returns the request for a hook of the program. */
  web(): Request;
}

/** The part of a `ReadableStream` that is used. */
export interface AskedBody {
  getReader(): BodyReader;
  /** Returns all of the body, when it is here and nothing has been read. Absent where that is not known. */
  takeAll?(): Uint8Array | undefined;
}

/** The part of a reader of a `ReadableStream` that is used. */
export interface BodyReader {
  read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>;
  cancel(): Promise<void>;
}

/** A response that shows a run. */
export interface Shown {
  readonly headers: Readonly<Record<string, string>>;
  readonly viewer: Viewer;
}

/** The answer to a request. */
export type Answer = Response | Shown;

/** A `Response` is known by its shape: a framework or a package may bring a class of its own. */
export function isShown(answer: Answer): answer is Shown {
  return "viewer" in answer;
}

/** A handler of web standards. */
export type WebHandler = (request: Request) => Promise<Response>;

type Answering = (asked: Asked) => Promise<Answer>;

const DIRECT = Symbol("cloudllm.direct");

/** Returns the web handler of a function, which `answeringOf` finds again in it. */
export function handlerOf(answering: Answering): WebHandler {
  const handle = async (request: Request): Promise<Response> => {
    const answer = await answering(askedOf(request));
    return isShown(answer) ? responseOf(answer, request.signal) : answer;
  };
  return Object.assign(handle, { [DIRECT]: answering });
}

/** Returns the function of a handler that `handlerOf` has made; `undefined` for every other handler. */
export function answeringOf(handle: WebHandler): Answering | undefined {
  return (handle as WebHandler & { readonly [DIRECT]?: Answering })[DIRECT];
}

/** Returns the answer to `HEAD`: that to `GET`, without its body. */
export function headOf(answer: Answer): Response {
  if (isShown(answer)) {
    answer.viewer.cancel();
    return new Response(null, { headers: answer.headers });
  }
  answer.body?.cancel().catch(() => undefined);
  return new Response(null, answer);
}

/** Adds headers. A response of a hook may have headers that cannot be changed. */
export function withHeaders(answer: Answer, added: Readonly<Record<string, string>>): Answer {
  const names = Object.keys(added);
  if (names.length === 0) return answer;
  if (isShown(answer)) return { viewer: answer.viewer, headers: { ...answer.headers, ...added } };
  const { body, status, statusText } = answer;
  const all = new Headers(answer.headers);
  for (const name of names) all.set(name, added[name] ?? "");
  return new Response(body, { status, statusText, headers: all });
}

function askedOf(request: Request): Asked {
  const { method, url, headers, signal } = request;
  return {
    method,
    url,
    headers,
    signal,
    get body() {
      return request.body; // another one once a hook has made a copy of the request
    },
    web: () => request,
  };
}

function responseOf({ viewer, headers }: Shown, left: AbortSignal): Response {
  const source: UnderlyingDefaultSource<Uint8Array> = {
    start: (controller) => {
      viewer.start({
        enqueue: ({ bytes }) => controller.enqueue(bytes),
        close: ({ bytes }) => {
          if (bytes.byteLength > 0) controller.enqueue(bytes);
          controller.close();
        },
        error: (error) => controller.error(error),
      });
    },
    pull: () => viewer.pull(),
    cancel: () => viewer.cancel(),
  };
  const body = new ReadableStream(source, { highWaterMark: 0 });
  if (left.aborted) viewer.gone();
  else left.addEventListener("abort", () => viewer.gone(), { once: true });
  return new Response(body, { headers });
}
