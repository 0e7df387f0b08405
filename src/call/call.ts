/** One call as its reply needs it, and the reports of its failures. */

import { errorWith, isPrivateCause, withFacts } from "../contract/error-copies.ts";
import { SendError, type SendErrorFacts } from "../contract/errors.ts";
import type { RetryPolicy } from "../contract/retry-policy.ts";
import type { CallLimits } from "../contract/timeouts.ts";
import type { Clock } from "../platform/clock.ts";
import { isDeeper } from "../platform/json-depth.ts";
import type { Protocol, ReplyPosition } from "../protocols/protocol.ts";
import type { ReplyFacts } from "../stream/reply-facts.ts";
import type { HttpRequest, ResponseHead, Transport } from "../transport/transport.ts";
import type { EventShapes } from "./event-shapes.ts";
import { plainCause, redactedError } from "./redacted-error.ts";
import { retryAfterMs } from "./retry-after.ts";
import type { RetryBudget } from "./retry-budget.ts";

/** Everything one call needs. Time and randomness are injected. */
export interface Call {
  readonly provider: string;
  readonly model: string;
  /** The identity of the endpoint, as far as a later request needs it. */
  readonly writer: ReplyFacts["writer"];
  /** See `ProtocolRequest.continuesExactly`. */
  readonly continuesExactly: boolean;
  readonly request: CallRequest;
  /** Requests for a reply that the provider keeps writing when the connection breaks; absent where it stops. */
  readonly background: Background | undefined;
  readonly protocol: Protocol;
  readonly transport: Transport;
  /** Shared by all calls of the client. */
  readonly shapes: EventShapes;
  readonly limits: CallLimits;
  /** See `SendOptions`. */
  readonly maxReplyBytes: number;
  readonly raw: boolean;
  readonly retries: RetryPolicy;
  /** Shared by all calls of the client. */
  readonly budget: RetryBudget;
  readonly signal: AbortSignal | undefined;
  /** Removes secrets from a provider's text. */
  readonly redact: (text: string) => string;
  readonly estimateInput: () => number;
  readonly now: Clock;
  /** The time of the call, by `now`. */
  readonly startedAt: number;
  readonly random: () => number;
}

/** A request, with what the protocol knows about it. */
export interface CallRequest extends HttpRequest {
  /** See `ProtocolRequest.binding`. */
  readonly binding?: (() => unknown) | undefined;
  /** See `ProtocolRequest.instead`. */
  readonly instead?: ((refusal: SendError) => CallRequest | undefined) | undefined;
}

/** The requests about a reply that the provider keeps. */
export interface Background {
  resume(position: ReplyPosition): HttpRequest;
  cancel(position: ReplyPosition): HttpRequest;
}

/** Returns a refusal, from the part of its body that came. */
export function refusalError(call: Call, head: ResponseHead | undefined, body: string): SendError {
  const status = head?.status ?? 0;
  const error = readErrorOf(call, status, jsonOr(call.redact(body)), head);
  const wait = head && retryAfterMs(head, Date.now());
  const shouldRetry = head?.header("x-should-retry");
  const retryable = shouldRetry === "true" || shouldRetry === "false" ? shouldRetry === "true" : error.retryable;
  const { kind, message, ...facts } = error.toJSON();
  return new SendError(kind, message, { ...facts, status, retryable, retryAfterMs: wait ?? error.retryAfterMs });
}

/** Reads an error's body. The status counts even if the body cannot be read. */
function readErrorOf({ protocol, provider }: Call, status: number, body: unknown, head: ResponseHead | undefined) {
  try {
    return protocol.readError(provider, status, body, (name) => head?.header(name));
  } catch {
    return protocol.readError(provider, status, "its error cannot be read");
  }
}

/** Returns the failure of a call with every known fact, without secrets. */
export function describedError(
  { provider, model, redact }: Call,
  error: SendError,
  { requestId, attempts }: ReplyFacts,
  head: ResponseHead | undefined,
): SendError {
  const facts: SendErrorFacts = { provider, model, status: head?.status, requestId, attempts: [...attempts] };
  // A provider may repeat the key in its error, and a `fetch` may attach the request to its errors.
  const { kind, message, code, requestId: id, ...rest } = withFacts(error, facts).toJSON();
  // A signal's reason belongs to the caller, and stays the same object.
  const isForeign = kind !== "aborted" && error.cause !== undefined && !isPrivateCause(error.cause);
  const cause = isForeign ? plainCause(error.cause, redact) : error.cause;
  const described = errorWith(kind, redact(message), {
    ...rest,
    code: code && redact(code),
    requestId: id && redact(id),
    cause,
  });
  return redactedError(described, redact);
}

function jsonOr(text: string): unknown {
  // An error may come as the only event of a stream.
  const [, json = text] = /^\s*(?:event:.*\r?\n)?data: ?(\{.*)/.exec(text) ?? [];
  try {
    const body: unknown = JSON.parse(json);
    return isDeeper(body) ? text : body;
  } catch {
    return text; // not every error body is JSON; the protocol takes both
  }
}
