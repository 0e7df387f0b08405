/** A provider's error body → `SendError`. Bodies differ by vendor, but hold the same facts. */

import type { SendErrorKind } from "../../contract/error-kind.ts";
import { SendError } from "../../contract/errors.ts";
import { wordsOf } from "../../platform/text-of.ts";

/** Maximum length of a provider's text in an error message. */
const MAX_MESSAGE_LENGTH = 2_000;

const KIND_BY_STATUS: Readonly<Record<number, SendErrorKind>> = {
  400: "invalidRequest",
  401: "authentication",
  402: "permission",
  403: "permission",
  404: "notFound",
  408: "server",
  409: "server",
  413: "invalidRequest",
  422: "invalidRequest",
  429: "rateLimit",
  498: "overloaded",
  503: "overloaded",
  529: "overloaded",
};

/** A table is made when an error is read: most programs would make its regular expressions in vain. */
type Kinds = readonly (readonly [RegExp, SendErrorKind])[];

/** Codes and types that say more than the status; matched against `code`, `type` and `status` words of the body. */
const kindsByCode = (): Kinds => [
  [/context_length|context_size|string_above_max_length|max_context/, "contextLength"],
  [/content_filter|content_policy|ResponsibleAI|moderation|bio_policy|data_inspection_failed/i, "contentFilter"],
  [
    /insufficient_quota|rate_limit|ramp_limit_exceeded|spend_limit_reached|RESOURCE_EXHAUSTED|resource has been exhausted|too_many_requests/i,
    "rateLimit",
  ],
  [
    /overloaded|capacity_exceeded|compaction_unavailable|UNAVAILABLE|insufficient_system_resource|slow_down/i,
    "overloaded",
  ],
  [/invalid_?api_?key|API_KEY_INVALID|authentication|UNAUTHENTICATED/i, "authentication"],
  [/permission|billing|organization_on_hold|linked_organization_|PERMISSION_DENIED|FAILED_PRECONDITION/i, "permission"],
  [/model_not_found|not_found/i, "notFound"],
];

/** Words that are less specific than a status. */
const kindsByFamily = (): Kinds => [
  [
    /invalid_request|invalid_prompt|unsupported_|unknown_parameter|INVALID_ARGUMENT|tool_use_failed|bad_request/i,
    "invalidRequest",
  ],
  [
    /too_large|invalid_image|empty_image|failed_to_download|^image_|data_residency|encrypted_content/i,
    "invalidRequest",
  ],
  [/server_error|internal|api_error/i, "server"],
];

/** Texts by which some servers name the cause, with any code or status. */
const kindsByText = (): Kinds => [
  [
    /context[ _](length|window|size|limit)|(prompt|input) is too long|too many (input )?tokens(?!.*wait)|maximum prompt length|token count.{0,40}exceeds/i,
    "contextLength",
  ],
  [/(incorrect|invalid) api key|api key (not valid|expired)/i, "authentication"],
  [/specified API usage limits|wait before trying again/, "rateLimit"],
  [/credit balance|insufficient (balance|credits|funds)/i, "permission"],
  [/flagged|content[ _]filter|(usage|content) (policy|policies|guidelines)|content exists risk/i, "contentFilter"],
];

/** A limit of the account's own that waiting does not lift. */
const SPENT = /insufficient_quota|spend_limit_reached|billing|usage_limit|specified API usage limits/;

/** Advice for each kind. */
const ADVICE: Partial<Record<SendErrorKind, string>> = {
  authentication: "Check the API key.",
  permission: "Check what the key may do, and the account's balance.",
  notFound: "Check the model's name and the base URL.",
  contextLength: "Send less, or give the session a `maxTokens`.",
  contentFilter: "Change the request.",
};

/** The status with which some servers refuse a path that is not theirs. */
const WRONG_METHOD = 405;

/** The fields of all known error objects. Every field may be missing or of another type. */
interface WireError {
  readonly message?: unknown;
  readonly type?: unknown;
  readonly code?: unknown;
  readonly status?: unknown;
  readonly status_code?: unknown;
  /** OpenRouter: the error of the provider behind it, and the reasons of a moderator. */
  readonly metadata?: { readonly raw?: unknown; readonly reasons?: unknown } | null;
  readonly detail?: unknown;
  /** Other names of the same fields. */
  readonly msg?: unknown;
  readonly error_msg?: unknown;
  readonly error_message?: unknown;
  readonly status_msg?: unknown;
  readonly error_code?: unknown;
  readonly details?: unknown;
  readonly statusCode?: unknown;
  readonly success?: unknown;
  readonly errors?: unknown;
  readonly base_resp?: { readonly status_code?: unknown; readonly status_msg?: unknown } | null;
}

/**
 * @param provider the provider that reports it
 * @param status the HTTP status; 0 for an error inside a stream that had begun with 200
 * @param body parsed JSON, or the text itself where it is not JSON
 */
export function errorOf(provider: string, status: number, body: unknown): SendError {
  const error = errorObjectOf(body);
  const ownCode = codeIn(error);
  const words = [ownCode, error.type, error.status].filter((word) => typeof word === "string");
  const ownStatus = status || numberOf(error.status_code) || numberOf(ownCode) || numberOf(error.status) || 0;
  const text = messageText(error, body);
  const kind = kindOf(ownStatus, words, text);
  const code = words[0] ?? (typeof ownCode === "number" && !isFine(ownCode) ? String(ownCode) : undefined);
  const about =
    code === undefined || code === String(ownStatus) ? ownStatus || "an error" : `${ownStatus || ""} ${code}`.trim();
  const advised = ADVICE[ownStatus === WRONG_METHOD ? "notFound" : kind];
  const advice = advised === undefined ? "" : `${/[.!?]$/.test(text) ? "" : "."} ${advised}`;
  const message = `${provider} reports ${about}: ${text}${advice}`;
  const spent = SPENT.test(`${words.join(" ")} ${text}`);
  return new SendError(kind, message, {
    code,
    status: ownStatus || undefined,
    requestId: requestIdOf(body),
    retryable: spent ? false : ownStatus === 408 || ownStatus === 409 ? true : undefined,
    retryAfterMs: kind === "rateLimit" || kind === "overloaded" ? retryHintMs(text) : undefined,
  });
}

/**
 * Returns whether an event of a stream is an error, in any vendor's form, since gateways pass errors on.
 * @param type the SSE event type
 */
export function isErrorEvent(event: object, type: string): boolean {
  const { error, type: own, object } = event as Readonly<Record<"error" | "type" | "object", unknown>>;
  return saysError(error) || type === "error" || own === "error" || own === "response.error" || object === "error";
}

/**
 * Returns whether a field holds an error. Some gateways write an empty one next to every answer: each member is there,
 * and none of them says anything.
 */
export function saysError(error: unknown): boolean {
  if (typeof error !== "object" || error === null) return Boolean(error);
  return Object.values(error).some((value) => (isObject(value) ? Object.keys(value).length > 0 : Boolean(value)));
}

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null;

/** Codes that do not mean an error, in lower case. */
const FINE = /^(0*|200|ok|success|true)$/;
const WRONG = /^(error|fail(ed|ure)?|[45]\d\d)$/i;

/**
 * Returns whether an event, or a complete answer, without any field of its protocol is an error. Gateways and servers
 * with a second protocol have error forms of their own: `{code, message}`, `{detail}`, `{errors: […]}`, MiniMax's
 * `{base_resp}`.
 */
export function isForeignError(answer: object): boolean {
  const { detail, errors, base_resp, success, status, ...rest } = answer as WireError;
  if (detail || (Array.isArray(errors) && errors.length > 0)) return true;
  if (base_resp) return !isFine(base_resp.status_code);
  if (typeof messageIn(rest) !== "string") return false;
  return success === false || WRONG.test(wordsOf(status)) || !isFine(codeIn(rest));
}

/** Returns the error of a complete answer that is not a reply of the protocol. A message in it says why. */
export function noReplyError(provider: string, body: unknown, lacking: string): SendError {
  if (isObject(body) && typeof messageIn(body) === "string") return errorOf(provider, 0, body);
  return new SendError("protocol", `The response has no ${lacking}: ${String(JSON.stringify(body)).slice(0, 200)}`);
}

const isFine = (code: unknown): boolean => FINE.test(String(code ?? "").toLowerCase());
const messageIn = ({ message, msg, error_msg, error_message, status_msg }: WireError): unknown =>
  message ?? msg ?? error_msg ?? error_message ?? status_msg;
const codeIn = ({ code, error_code, statusCode, details }: WireError): unknown =>
  code ?? error_code ?? detailedCode(details) ?? statusCode;

/** Returns the code in Anthropic's details. Google's details are an array without a code. */
function detailedCode(details: unknown): unknown {
  const code =
    typeof details === "object" && details !== null && "error_code" in details ? details.error_code : undefined;
  return typeof code === "string" ? code : undefined;
}

/** Statuses that have one meaning, with any body. A 400 may mean anything. */
const CERTAIN = [401, 413, 429];

function kindOf(status: number, words: readonly string[], text: string): SendErrorKind {
  if (CERTAIN.includes(status)) return KIND_BY_STATUS[status] ?? "server";
  const kindBy = (kinds: Kinds) => kinds.find(([pattern]) => words.some((word) => pattern.test(word)))?.[1];
  const kind = kindBy(kindsByCode()) ?? KIND_BY_STATUS[status] ?? kindBy(kindsByFamily()) ?? kindOfOther(status);
  // An error in a stream has no status, and often no code.
  const isVague = kind === "invalidRequest" || kind === "permission" || (status === 0 && words.length === 0);
  if (!isVague) return kind;
  return kindsByText().find(([pattern]) => pattern.test(text))?.[1] ?? kind;
}

/** Returns the wait in milliseconds that OpenAI and Groq state in the text: `Please try again in 1m2.5s`, `in 20ms`. */
function retryHintMs(text: string): number | undefined {
  const [, hours, minutes, seconds, milliseconds] =
    /(?:try again|retry) in (?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?/.exec(text) ?? [];
  const parts = [hours, minutes, seconds, milliseconds];
  if (parts.every((part) => part === undefined)) return undefined;
  const [h = 0, m = 0, s = 0, ms = 0] = parts.map((part) => Number(part ?? 0));
  return Math.ceil((h * 3_600 + m * 60 + s) * 1_000 + ms);
}

/** Returns the request id that Anthropic repeats in the body, which is its only place inside a stream. */
function requestIdOf(body: unknown): string | undefined {
  const id = typeof body === "object" && body !== null && "request_id" in body ? body.request_id : undefined;
  return typeof id === "string" ? id : undefined;
}

function kindOfOther(status: number): SendErrorKind {
  return status >= 400 && status < 500 ? "invalidRequest" : "server";
}

/** Maximum number of error objects within each other: each gateway on the way may add one. */
const MAX_WRAPPERS = 4;

/**
 * `{error: {…}}`, `{error: "text"}`, `[{error: {…}}]`, or the object itself. Gateways put the error of another server
 * into their own, also as JSON.
 */
function errorObjectOf(body: unknown, wrappers = 0): WireError {
  if (Array.isArray(body)) return errorObjectOf(body[0], wrappers);
  if (typeof body === "string") return { message: withoutMarkup(body) };
  if (typeof body !== "object" || body === null) return {};
  const outer = body as WireError;
  if (!("error" in body) || !body.error) {
    if (outer.base_resp) return { message: outer.base_resp.status_msg, code: outer.base_resp.status_code };
    return Array.isArray(outer.errors) && messageIn(outer) === undefined ? errorObjectOf(outer.errors) : outer;
  }
  const error = typeof body.error === "string" ? (parsedObject(body.error) ?? body.error) : body.error;
  if (typeof error !== "object" || error === null) return { ...outer, message: error };
  const inner: WireError & { readonly error?: unknown } = error;
  const isWrapper = Array.isArray(error) || (inner.error !== undefined && messageIn(inner) === undefined);
  return isWrapper && wrappers < MAX_WRAPPERS ? errorObjectOf(error, wrappers + 1) : inner;
}

/** Returns the object that a text is the JSON of. */
function parsedObject(text: string): object | undefined {
  if (!/^\s*[[{]/.test(text)) return undefined;
  try {
    return JSON.parse(text) as object;
  } catch {
    return undefined;
  }
}

function messageText(error: WireError, body: unknown): string {
  // A router's own message hides what the provider behind it said.
  const { raw: behind, reasons } = error.metadata ?? {};
  const flagged = Array.isArray(reasons) && reasons.length > 0 ? ` (flagged: ${reasons.map(wordsOf).join(", ")})` : "";
  const raw = typeof behind === "string" ? ` (${behind})` : flagged;
  const message = messageIn(error) ?? error.detail;
  const text = typeof message === "string" ? message : JSON.stringify(message ?? body ?? null);
  return (text + raw).slice(0, MAX_MESSAGE_LENGTH) || "no message";
}

function withoutMarkup(text: string): string {
  return text
    .replace(/<[^<>]*>/g, " ")
    .replace(/\s+/g, " ")
    .trim();
}

function numberOf(value: unknown): number | undefined {
  const number = typeof value === "string" && /^\d{3}$/.test(value) ? Number(value) : value;
  return typeof number === "number" && number >= 400 && number < 600 ? number : undefined;
}
