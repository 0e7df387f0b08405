/** A provider's error body → `SendError`. Bodies differ by vendor; what is looked for is the same. */

import { SendError, type SendErrorKind } from "../errors.ts";

/** The longest piece of a provider's text that goes into a message. */
const LONGEST_MESSAGE = 2_000;

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

/** Codes and types that say more than the status; matched against `code`, `type` and `status` words of the body. */
const KIND_BY_CODE: readonly (readonly [RegExp, SendErrorKind])[] = [
  [/context_length|context_size|string_above_max_length|max_context/, "contextLength"],
  [/content_filter|content_policy|ResponsibleAI|moderation/i, "contentFilter"],
  [/insufficient_quota|rate_limit|RESOURCE_EXHAUSTED|too_many_requests/i, "rateLimit"],
  [/overloaded|capacity_exceeded|UNAVAILABLE|insufficient_system_resource/i, "overloaded"],
  [/invalid_api_key|authentication|UNAUTHENTICATED/i, "authentication"],
  [/permission|billing|PERMISSION_DENIED/i, "permission"],
  [/model_not_found|not_found/i, "notFound"],
];

/** Words that say less than a status does. */
const KIND_BY_FAMILY: readonly (readonly [RegExp, SendErrorKind])[] = [
  [/invalid_request|invalid_prompt|unsupported_|unknown_parameter|INVALID_ARGUMENT|tool_use_failed/i, "invalidRequest"],
  [/server_error|internal|api_error/i, "server"],
];

/** Some servers say it only in words. */
const CONTEXT_LENGTH = /context (length|window|size)|prompt is too long|too many (input )?tokens/i;

/** What a person can do about it. */
const ADVICE: Partial<Record<SendErrorKind, string>> = {
  authentication: "Check the API key.",
  notFound: "Check the model's name and the base URL.",
  contextLength: "Send less, or give the session a `maxTokens`.",
};

/** Of the error objects seen; every field may be missing or of another type. */
interface WireError {
  readonly message?: unknown;
  readonly type?: unknown;
  readonly code?: unknown;
  readonly status?: unknown;
  readonly status_code?: unknown;
  readonly metadata?: { readonly raw?: unknown } | null;
  readonly detail?: unknown;
}

/**
 * @param provider who reports it
 * @param status the HTTP status; 0 for an error inside a stream that had begun with 200
 * @param body parsed JSON, or the text itself where it is not JSON
 */
export function errorOf(provider: string, status: number, body: unknown): SendError {
  const error = errorObjectOf(body);
  const words = [error.code, error.type, error.status].filter((word) => typeof word === "string");
  const ownStatus = status || numberOf(error.status_code) || numberOf(error.code) || numberOf(error.status) || 0;
  const text = textOf(error, body);
  const kind = kindOf(ownStatus, words, text);
  const code = words[0] ?? (numberOf(error.code) === undefined ? undefined : String(error.code));
  const about =
    code === undefined || code === String(ownStatus) ? ownStatus || "an error" : `${ownStatus || ""} ${code}`.trim();
  const advice = ADVICE[kind] === undefined ? "" : ` ${ADVICE[kind]}`;
  const message = `${provider} reports ${about}: ${text}${advice}`;
  const spent = words.some((word) => /insufficient_quota|billing/.test(word));
  return new SendError(kind, message, {
    code,
    status: ownStatus || undefined,
    retryable: spent ? false : ownStatus === 408 || ownStatus === 409 ? true : undefined,
  });
}

/**
 * Whether an event of a stream is an error, in whichever vendor's form: gateways pass on what they got.
 * @param type the SSE event type
 */
export function isError(event: object, type: string): boolean {
  const { error, type: own, object } = event as Readonly<Record<"error" | "type" | "object", unknown>>;
  return Boolean(error) || type === "error" || own === "error" || object === "error";
}

function kindOf(status: number, words: readonly string[], text: string): SendErrorKind {
  // 401 and 429 mean one thing whatever the body says; a 400 may be anything.
  if (status === 401 || status === 429) return KIND_BY_STATUS[status] ?? "server";
  const tell = (kinds: typeof KIND_BY_CODE) => kinds.find(([pattern]) => words.some((word) => pattern.test(word)))?.[1];
  const kind = tell(KIND_BY_CODE) ?? KIND_BY_STATUS[status] ?? tell(KIND_BY_FAMILY) ?? kindOfOther(status);
  return kind === "invalidRequest" && CONTEXT_LENGTH.test(text) ? "contextLength" : kind;
}

function kindOfOther(status: number): SendErrorKind {
  return status >= 400 && status < 500 ? "invalidRequest" : "server";
}

/** `{error: {…}}`, `{error: "text"}`, `[{error: {…}}]`, or the object itself. */
function errorObjectOf(body: unknown): WireError {
  if (Array.isArray(body)) return errorObjectOf(body[0]);
  if (typeof body === "string") return { message: withoutMarkup(body) };
  if (typeof body !== "object" || body === null) return {};
  if (!("error" in body) || !body.error) return body;
  const outer = body as WireError;
  return typeof body.error === "object" ? (body.error as WireError) : { ...outer, message: body.error };
}

function textOf(error: WireError, body: unknown): string {
  // A router's own message hides what the provider behind it said.
  const raw = typeof error.metadata?.raw === "string" ? ` (${error.metadata.raw})` : "";
  const message = error.message ?? error.detail;
  const text = typeof message === "string" ? message : JSON.stringify(message ?? body ?? null);
  return (text + raw).slice(0, LONGEST_MESSAGE) || "no message";
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
