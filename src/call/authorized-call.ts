/** Credentials that change: asked for before each attempt, so that every request has a valid key or signature. */

import { errorWith, privateCause } from "../contract/error-copies.ts";
import { SendError } from "../contract/errors.ts";
import { isJsonObject } from "../platform/json-object.ts";
import { NotSent, unsentError } from "../transport/network-errors.ts";
import type { Exchange, HttpRequest, Transport } from "../transport/transport.ts";
import { type Authority, type AuthorizedCall, KEY, type KeyFunction, type KeyRequest } from "./authorization.ts";
import type { CallRequest } from "./call.ts";

/**
 * Returns a transport that authorizes each request before it is sent. The wait counts against the limits of the
 * request. A failure of a function is reported as kind `authentication`.
 * @param redact removes the secrets that are known before the first request
 */
export function authorizedCall(
  authority: Authority,
  transport: Transport,
  redact: (text: string) => string,
): AuthorizedCall {
  let current = redact;
  let isRefused = false;
  const used = new Set<string>();
  function learn(headers: Readonly<Record<string, string>>): void {
    const id = JSON.stringify(headers);
    if (used.has(id)) return;
    used.add(id);
    const [earlier, own] = [current, authority.redactions.of(headers)];
    current = (text) => own(earlier(text));
  }
  return {
    redact: (text) => current(text),
    refuse() {
      isRefused = true;
    },
    transport: {
      warm: (url) => transport.warm(url),
      open(request, receiver) {
        let exchange: Exchange | undefined;
        let isClosed = false;
        async function start(): Promise<void> {
          try {
            const asked = { isRefused };
            isRefused = false;
            const headers = await authorized(authority, request, asked, learn);
            if (isClosed) return;
            exchange = transport.open({ ...request, headers }, receiver);
          } catch (error) {
            if (!isClosed) receiver.onError(new NotSent(error instanceof SendError ? error : unsentError(error)));
          }
        }
        void start();
        return {
          decode: (text) => exchange?.decode(text) ?? text,
          pull: () => exchange?.pull(),
          forget: () => exchange?.forget?.() ?? false,
          close() {
            isClosed = true;
            exchange?.close();
          },
          release() {
            isClosed = true;
            exchange?.release();
          },
        };
      },
    },
  };
}

/**
 * Returns the request with one more try: a provider that refuses the key may accept the one that the function returns
 * next.
 */
export function withNextKey(request: CallRequest, authorized: AuthorizedCall): CallRequest {
  const { instead } = request;
  return {
    ...request,
    instead(refusal) {
      if (refusal.kind === "authentication") {
        authorized.refuse();
        return request;
      }
      const other = instead?.(refusal);
      return other && withNextKey(other, authorized);
    },
  };
}

/** Returns all headers of the request. The caller's own take precedence over the key's, and a signature over all. */
async function authorized(
  { provider, origin, apiKey, authenticate, sign }: Authority,
  { method = "POST", url, headers, body = "" }: HttpRequest,
  asked: KeyRequest,
  learn: (headers: Readonly<Record<string, string>>) => void,
): Promise<HttpRequest["headers"]> {
  if (new URL(url).origin !== origin) {
    const message = `The key of ${provider} is not sent to another address than its \`baseUrl\`.`;
    throw new SendError("invalidRequest", message);
  }
  const ofKey = apiKey ? authenticate(await keyOf(apiKey, asked)) : {};
  const keyed = { ...ofKey, ...headers };
  if (!sign) {
    learn(ofKey);
    return keyed;
  }
  const signed = await answerOf("sign", () => sign({ method, url, headers: keyed, body, ...asked }));
  if (!areHeaders(signed)) {
    throw new SendError(
      "authentication",
      "The function `sign` returned no headers. Return an object of header names and values.",
    );
  }
  const lower = Object.fromEntries(Object.entries(signed).map(([name, value]) => [name.toLowerCase(), value]));
  learn({ ...ofKey, ...lower });
  return { ...keyed, ...lower };
}

async function keyOf(apiKey: KeyFunction, asked: KeyRequest): Promise<string> {
  const key = await answerOf("apiKey", () => apiKey(asked));
  if (typeof key === "string" && KEY.test(key)) return key;
  const message = "The function `apiKey` returned no key. Return visible ASCII without spaces and line breaks.";
  throw new SendError("authentication", message);
}

/**
 * Awaits a function of the caller. The text of its error may contain a secret, so it becomes the cause of another one.
 * @throws {SendError} kind `authentication`; the function's own error of this kind stays as it is
 */
export async function answerOf(name: string, ask: () => unknown): Promise<unknown> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof SendError && error.kind === "authentication") throw error;
    const retryable = isJsonObject(error) && error.retryable === true;
    const message = `The function \`${name}\` failed, so nothing was sent. \`cause\` has its error.`;
    throw errorWith("authentication", message, { retryable, cause: privateCause(error) });
  }
}

function areHeaders(value: unknown): value is Readonly<Record<string, string>> {
  if (!isJsonObject(value)) return false;
  return Object.entries(value).every(
    ([name, text]) =>
      /^[!#$%&'*+.^_`|~\w-]+$/.test(name) && typeof text === "string" && /^[\t\x20-\x7e\x80-\xff]*$/.test(text),
  );
}
