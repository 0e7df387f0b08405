/** The requests to a relay, and what their answers mean. */

import { isSendErrorKind, type SendErrorKind } from "../contract/error-kind.ts";
import { SendError, type SendErrorData } from "../contract/errors.ts";
import type { RefusalBody, StartRequest, StopRequest } from "../dialects/native/wire.ts";
import { base64Of } from "../platform/base64.ts";
import type { FetchLike } from "../transport/fetch.ts";

/** Headers of each request, or a function that returns them, called before each one. */
export type RelayHeaders =
  | Readonly<Record<string, string>>
  | (() => Readonly<Record<string, string>> | Promise<Readonly<Record<string, string>>>);

/** Where a relay is, and how to ask it. */
export interface RelayAddress {
  readonly url: string | URL;
  readonly headers?: RelayHeaders | undefined;
  readonly fetch?: FetchLike | undefined;
  readonly credentials?: RequestCredentials | undefined;
}

/** The relay is asked for so long, in milliseconds. */
export const ASK_MS = 60_000;

/** Sends a request to one relay. */
export type Requests = (
  path: string,
  init?: RequestInit,
  query?: Readonly<Record<string, string | number | undefined>>,
) => Promise<Response>;

/**
 * Returns the function that sends the requests of one call. Headers that a function returned may have expired: after
 * 401 the function is called once more.
 * @param address read at each request
 */
export function requestsTo(address: RelayAddress, extra?: Readonly<Record<string, string>>): Requests {
  return async (path, init = {}, query = {}) => {
    const { url, headers, fetch = globalThis.fetch, credentials } = address;
    const [base = "", ownQuery] = String(url).split("?");
    const all = new URLSearchParams(ownQuery);
    for (const [name, value] of Object.entries(query)) if (value !== undefined) all.set(name, String(value));
    const target = (path ? base.replace(/\/$/, "") + path : base) + (`${all}` && `?${all}`);
    const ask = async (): Promise<Response> => {
      const given = typeof headers === "function" ? await headers() : headers;
      return fetch(target, {
        ...init,
        ...(init.body && { method: "POST" }),
        ...(credentials && { credentials }),
        headers: headersOf({ ...given, ...extra }, init.body),
      });
    };
    const answer = async (): Promise<Response> => {
      const response = await ask();
      if (response.status !== 401 || typeof headers !== "function") return response;
      await response.body?.cancel();
      return ask();
    };
    // Headers that come later, and a `fetch` of the program's own, may know nothing of the signal.
    return init.signal ? Promise.race([answer(), abortOf(init.signal)]) : answer();
  };
}

/** Rejects with the reason of a signal when it fires. */
function abortOf(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
}

/**
 * Asks the relay to stop a run, again when the connection breaks: one that was kept may break at its next request, and
 * a new one seldom does. The request outlives the page. Resolves when it was answered; never rejects.
 */
export async function stopRun(requests: Requests, chat: string, run: string | undefined): Promise<void> {
  const body: StopRequest = { run };
  const ask = (): Promise<Response> => requests(`/${chat}/stop`, { keepalive: true, body: JSON.stringify(body) });
  // Without its id, a second request may stop a run that has started since.
  const again = run === undefined ? undefined : ask;
  await ask()
    .catch(again)
    .catch(again)
    .then((response) => response.body?.cancel())
    .catch(() => undefined); // the run ends when its last viewer is gone for a while
}

function headersOf(given: Readonly<Record<string, string>>, body: unknown): Headers {
  return sendable(() => {
    const headers = new Headers(given);
    if (body) headers.set("content-type", "application/json");
    return headers;
  });
}

/**
 * Returns the body of a start. Bytes become base64; functions are left out, since a relay runs no tool of a browser.
 * @throws {SendError} kind `invalidRequest` for values that JSON does not have
 */
export function bodyOf(request: StartRequest): string {
  return sendable(() =>
    JSON.stringify(request, function (this: Readonly<Record<string, unknown>>, name, value: unknown) {
      const own = this[name]; // before `toJSON`, which a Buffer has
      if (typeof own === "number" && !Number.isFinite(own)) throw new TypeError(`${name} is ${own}`);
      return own instanceof Uint8Array ? base64Of(own) : value;
    }),
  );
}

/** @throws {SendError} kind `invalidRequest` for a value that cannot be made */
function sendable<Value>(make: () => Value): Value {
  try {
    return make();
  } catch (cause) {
    const message = "The request cannot be sent. Give headers of one line, and values that JSON has.";
    throw new SendError("invalidRequest", message, { cause });
  }
}

/**
 * The kinds of refusals that are not the relay's own words, such as a proxy's. Others are the server's or the
 * request's.
 */
const KINDS: Readonly<Record<number, SendErrorKind>> = {
  401: "authentication",
  403: "permission",
  404: "notFound",
  408: "timeout",
  409: "busy",
  429: "rateLimit",
  503: "overloaded",
};

/**
 * Reads why a request was refused. Rejects when the connection breaks meanwhile. `isOfRelay`: the relay itself has
 * refused, with its reason; not a proxy or a server without one.
 */
export async function errorIn(response: Response): Promise<{ readonly error: SendError; readonly isOfRelay: boolean }> {
  const { status, headers } = response;
  const text = await response.text();
  let given: Partial<RefusalBody["error"]> | undefined;
  try {
    const { error } = JSON.parse(text) as Partial<RefusalBody>;
    if (error?.message) given = error; // other servers have forms of their own
  } catch {
    // the page of a proxy
  }
  const kind = KINDS[status] ?? (status < 500 ? "invalidRequest" : "server");
  const message = `The relay has answered with status ${status}.`;
  const retryAfterMs = Number(headers.get("retry-after")) * 1_000 || undefined;
  return { error: errorOf({ kind, message, retryAfterMs, ...given, status }), isOfRelay: given?.kind !== undefined };
}

/**
 * Resolves with an answer that is not a reply.
 * @throws {SendError} the refusal, or kind `network`
 */
export async function answerTo<Answer>(
  request: Promise<Response>,
  read: (text: string) => Answer = JSON.parse,
): Promise<Answer> {
  try {
    const response = await request;
    if (!response.ok) throw (await errorIn(response)).error;
    return read(await response.text());
  } catch (cause) {
    if (cause instanceof SendError) throw cause;
    throw new SendError("network", "The relay cannot be reached.", { cause });
  }
}

/** Returns the error that a relay describes. Of its facts, it has only simple values. */
export function errorOf({ kind, message, ...facts }: SendErrorData): SendError {
  const isFact = ([name, value]: [string, unknown]): boolean =>
    typeof value !== "object" && !(name in SendError.prototype);
  const known = Object.fromEntries(Object.entries(facts).filter(isFact));
  return new SendError(isSendErrorKind(kind) ? kind : "protocol", String(message), known);
}
