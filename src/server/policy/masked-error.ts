/** Failures as their caller sees them: one table of sentences, the same in a status and inside a stream. */

import type { SendErrorKind } from "../../contract/error-kind.ts";
import { SendError, type SendErrorData } from "../../contract/errors.ts";
import type { AssistantMessage } from "../../contract/message.ts";
import type { Dialect } from "../../dialects/dialect.ts";
import { Refusal } from "../../dialects/refusal.ts";
import { messageOf } from "../../platform/text-of.ts";
import type { Policy } from "./policy.ts";

interface Words {
  /** Of a failure before the reply has begun. */
  readonly status: number;
  readonly sentence: string;
}

/** The kinds of a provider's failure. Its own words may name keys, hosts, models and accounts. */
const WORDS: Readonly<Record<SendErrorKind, Words>> = {
  authentication: { status: 502, sentence: "The service cannot sign in at its model provider." },
  permission: { status: 502, sentence: "The service may not use its model." },
  notFound: { status: 502, sentence: "The service does not find its model." },
  invalidRequest: { status: 400, sentence: "The request cannot be answered in this form." },
  contextLength: { status: 400, sentence: "The conversation is too long for the model." },
  contentFilter: { status: 400, sentence: "The reply was withheld for its content." },
  rateLimit: { status: 429, sentence: "There are too many requests at the moment." },
  overloaded: { status: 503, sentence: "The model is overloaded at the moment." },
  server: { status: 502, sentence: "The reply failed on the server." },
  network: { status: 502, sentence: "The connection to the model failed." },
  timeout: { status: 504, sentence: "The model did not answer in time." },
  truncated: { status: 502, sentence: "The reply ended before it was complete." },
  protocol: { status: 502, sentence: "The model's answer was not valid." },
  aborted: { status: 503, sentence: "The reply was aborted." },
  unsupported: { status: 400, sentence: "The model cannot do this." },
  invalidOutput: { status: 502, sentence: "The reply does not have the form that was asked for." },
  busy: { status: 409, sentence: "The chat is in the middle of another reply." },
  storage: { status: 503, sentence: "The conversation cannot be stored at the moment." },
};

/** A `rateLimit` that does not pass. */
const SPENT_QUOTA = "The service has used up its quota at its model provider.";

/** Longer sentences are cut: those of `describe`, and refusals that quote the request. */
const MAX_SENTENCE_LENGTH = 500;

/** Codes that are the relay's own. All others are a provider's. */
const OWN_CODES: readonly unknown[] = ["producerLost", "serverShutdown", "runTooLarge"];

/** The rules about masked errors. */
export interface MaskRules {
  /** The relay's own id of the request, by which its log is searched. */
  readonly requestId: string;
  readonly describe: Policy["describe"];
  /** Returns the partial reply as the caller sees it. */
  readonly exposed: (partial: AssistantMessage) => AssistantMessage;
}

/**
 * Returns a failure as the caller sees it: kind, sentence, `retryable`, `retryAfterMs`, the relay's request id, and the
 * exposed partial. Never the provider's message, code, status, request id or attempts.
 */
export function maskedError(error: unknown, { requestId, describe, exposed }: MaskRules): SendErrorData {
  if (error instanceof Refusal) {
    const { kind, message, retryAfterMs } = error;
    return {
      kind,
      message: singleLine(message),
      retryable: retryAfterMs !== undefined,
      ...waitOf(retryAfterMs),
      requestId,
    };
  }
  if (!(error instanceof SendError)) return maskedError(internalError(error), { requestId, describe, exposed });
  const { kind, code, retryable, retryAfterMs, partial } = error;
  return {
    kind,
    message: sentenceOf(error, describe),
    retryable,
    ...waitOf(retryAfterMs),
    ...(code !== undefined && OWN_CODES.includes(code) && { code }),
    requestId,
    ...(partial && { partial: exposed(partial) }),
  };
}

/** The response to a request that failed before its reply began. A partial is not part of it. */
export function errorResponse(
  error: unknown,
  { body, ...rules }: Pick<MaskRules, "requestId" | "describe"> & { readonly body: Dialect["refusal"] },
): Response {
  const { partial: _none, ...data } = maskedError(error, { ...rules, exposed: (partial) => partial });
  const { contentType, text } = body(data);
  const headers: Record<string, string> = {
    "content-type": contentType,
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "x-request-id": rules.requestId,
  };
  if (data.retryAfterMs !== undefined) headers["retry-after"] = String(Math.ceil(data.retryAfterMs / 1000));
  if (error instanceof Refusal && error.allow !== undefined) headers.allow = error.allow;
  return new Response(text, { status: statusOf(error), headers });
}

/** Returns the HTTP status of a failure before the reply has begun. */
export function statusOf(error: unknown): number {
  if (error instanceof Refusal) return error.status;
  return error instanceof SendError ? WORDS[error.kind].status : 500;
}

/** A mistake in a program: of the relay, a hook, or a store. */
function internalError(error: unknown): SendError {
  return new SendError("server", messageOf(error), { retryable: false, cause: error });
}

function sentenceOf(error: SendError, describe: Policy["describe"]): string {
  const isSpent = error.kind === "rateLimit" && !error.retryable;
  const own = isSpent ? SPENT_QUOTA : WORDS[error.kind].sentence;
  if (!describe) return own;
  try {
    const described: unknown = describe(error);
    if (described instanceof Promise) described.catch(() => undefined);
    const text = typeof described === "string" ? singleLine(described) : "";
    return text === "" ? own : text;
  } catch {
    return own; // a failure is reported even when the code that describes it fails
  }
}

function waitOf(ms: number | undefined): { readonly retryAfterMs?: number } {
  return ms !== undefined && Number.isFinite(ms) && ms >= 0 ? { retryAfterMs: Math.ceil(ms) } : {};
}

/** Line breaks and control characters become spaces: they would end a header, or a line of an event. */
function singleLine(text: string): string {
  const line = text.slice(0, MAX_SENTENCE_LENGTH).replace(/[\p{Cc}\u2028\u2029]+/gu, " ");
  return line.trim().toWellFormed();
}
