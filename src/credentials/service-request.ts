/** One request to a service that issues credentials, and the environment that names it. */

import { errorWith, privateCause } from "../contract/error-copies.ts";
import type { SendError } from "../contract/errors.ts";
import { isJsonObject, type JsonObject } from "../platform/json-object.ts";
import type { FetchLike } from "../transport/fetch.ts";

/** The options of every function of this folder. */
export interface ServiceRequestOptions {
  /**
   * Sends the requests for credentials.
   * @default the global `fetch`
   */
  readonly fetch?: FetchLike | undefined;
}

/** A request for a credential. */
export interface ServiceRequest {
  /** The service, for messages. */
  readonly service: string;
  readonly url: string;
  readonly method?: "GET" | "POST" | "PUT";
  readonly headers?: Readonly<Record<string, string>>;
  /** The fields of a form. */
  readonly form?: Readonly<Record<string, string>>;
  /**
   * The longest wait for the answer.
   * @default 10_000
   */
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 10_000;

/** A service on the machine itself answers at once, or is not there. */
export const LOCAL_TIMEOUT_MS = 3_000;

const MAX_REASON = 500;

/** The answer of a service. */
export interface ServiceResponse {
  readonly text: string;
  readonly headers: Headers;
}

/**
 * Resolves with the answer of a service. Redirects are not followed: a request may hold a secret.
 * @throws {SendError} kind `authentication`, retryable where another try may help
 */
export async function sendRequest(
  { service, url, method = "GET", headers = {}, form, timeoutMs = TIMEOUT_MS }: ServiceRequest,
  { fetch: send = fetch }: ServiceRequestOptions,
): Promise<ServiceResponse> {
  const body = form && new URLSearchParams(form).toString();
  const type = form && { "content-type": "application/x-www-form-urlencoded" };
  let response: Response;
  let text: string;
  try {
    const signal = AbortSignal.timeout(timeoutMs);
    const init = { method, headers: { ...headers, ...type }, redirect: "manual", signal } as const;
    response = await send(url, { ...init, ...(body !== undefined && { body }) });
    text = await response.text();
  } catch (cause) {
    throw refused(`${service} cannot be reached at ${new URL(url).host}.`, { retryable: true, cause });
  }
  if (response.status === 200) return { text, headers: response.headers };
  const retryable = response.status === 408 || response.status === 429 || response.status >= 500;
  throw refused(`${service} reports ${response.status}: ${reasonIn(text)}`, { retryable });
}

/** Resolves with the answer of a service as a JSON object. */
export async function requestObject(request: ServiceRequest, options: ServiceRequestOptions): Promise<JsonObject> {
  const { text } = await sendRequest(request, options);
  return objectIn(text, request.service);
}

/** Returns a text as a JSON object. The message of a failure names its source, and no value. */
export function objectIn(text: string, what: string): JsonObject {
  const value = parsed(text);
  if (isJsonObject(value)) return value;
  throw refused(`${what} has no JSON object.`);
}

/** Returns a string of an object. The message of a failure names the field, and no value. */
export function textIn(object: JsonObject, name: string, what: string): string {
  const value = object[name];
  if (typeof value === "string" && value !== "") return value;
  throw refused(`${what} has no \`${name}\`.`);
}

/** Returns the moment so many seconds from now; `undefined` when the number is missing. */
export function endAfter(seconds: unknown): number | undefined {
  const number = typeof seconds === "string" ? Number(seconds) : seconds;
  return typeof number === "number" && Number.isFinite(number) ? Date.now() + number * 1_000 : undefined;
}

/** Returns an address that may receive a secret: over TLS, or on this machine. */
export function safeUrl(url: string, what: string): string {
  const parsedUrl = URL.canParse(url) ? new URL(url) : undefined;
  if (parsedUrl?.protocol === "https:") return url;
  const local = ["localhost", "127.0.0.1", "[::1]"];
  if (parsedUrl?.protocol === "http:" && local.includes(parsedUrl.hostname)) return url;
  throw refused(`${what} must be an https address.`);
}

/** Returns an address. The message of a failure names its source, and no value. */
export function urlIn(text: string, what: string): URL {
  if (URL.canParse(text)) return new URL(text);
  throw refused(`${what} is not a URL.`);
}

/** Looks like a path: one that is printed is not the secret itself, which is given in its place by mistake. */
const PATH = /^(?!ey|[{[])[^\n\r]{1,255}$/;

/** Returns the text of a file. The message of a failure never has what may be a key or a token. */
export async function fileText(path: string, what: string): Promise<string> {
  if (!PATH.test(path)) throw refused(`${what} holds no path. Give the path of a file, not what is in it.`);
  try {
    const { readFile } = await import("node:fs/promises");
    return await readFile(path, "utf8");
  } catch (cause) {
    throw refused(`${what} cannot be read: ${path}`, { cause });
  }
}

/** Returns a secret that a header can carry. The message of a failure names its source, and no value. */
export function headerValue(secret: string, what: string): string {
  if (/^[\x20-\x7e]+$/.test(secret)) return secret;
  throw refused(`${what} must be visible ASCII in one line.`);
}

/** Returns whether another try may help after a failure of `sendRequest`. */
export function isRetryable(failure: unknown): boolean {
  return (failure as { readonly retryable?: unknown } | null)?.retryable === true;
}

/** Returns the error for a credential that is not there. No message of it contains a secret. */
export function refused(
  message: string,
  { retryable = false, cause }: { readonly retryable?: boolean; readonly cause?: unknown } = {},
): SendError {
  return errorWith("authentication", message, {
    retryable,
    ...(cause !== undefined && { cause: privateCause(cause) }),
  });
}

function reasonIn(text: string): string {
  const value = parsed(text);
  const fields = isJsonObject(value) ? value : {};
  const reason = fields.error_description ?? fields.message ?? fields.Message ?? fields.error ?? text;
  return (typeof reason === "string" ? reason : JSON.stringify(reason)).trim().slice(0, MAX_REASON) || "no reason";
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
