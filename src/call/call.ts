/** One call as its reply needs it, and how its failures are told. */

import { SendError, type SendErrorFacts } from "../contract/errors.ts";
import type { RetryPolicy } from "../contract/retries.ts";
import type { Limits } from "../contract/timeouts.ts";
import type { Clock } from "../platform/clock.ts";
import { isDeeper } from "../platform/json-depth.ts";
import type { Protocol, ReplyPosition } from "../protocols/protocol.ts";
import type { ReplyFacts } from "../stream/reply-facts.ts";
import type { HttpRequest, ResponseHead, Transport } from "../transport/transport.ts";
import type { EventShapes } from "./event-shapes.ts";
import { plainCause } from "./redact.ts";
import { retryAfterMs } from "./retry-after.ts";
import type { RetryBudget } from "./retry-budget.ts";

/** Everything one call needs. Time and chance come in from outside. */
export interface Call {
  readonly provider: string;
  readonly model: string;
  /** Who is asked, as far as a later request must know. */
  readonly writer: ReplyFacts["writer"];
  /** See `ProtocolRequest.continuesExactly`. */
  readonly continuesExactly: boolean;
  readonly request: CallRequest;
  /** How to get at a reply that the provider goes on writing when the connection breaks; absent where it does not. */
  readonly background: Background | undefined;
  readonly protocol: Protocol;
  readonly transport: Transport;
  /** Shared by all calls of the client. */
  readonly shapes: EventShapes;
  readonly limits: Limits;
  /** See `SendOptions`. */
  readonly maxReplyBytes: number;
  readonly raw: boolean;
  readonly retries: RetryPolicy;
  /** Shared by all calls of the client. */
  readonly budget: RetryBudget;
  readonly signal: AbortSignal | undefined;
  /** Takes secrets out of a provider's text. */
  readonly redact: (text: string) => string;
  readonly estimateInput: () => number;
  readonly now: Clock;
  readonly random: () => number;
}

/** What is sent, with what the protocol says of it. */
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

/** A refusal, from as much of its body as came. */
export function refusalError(call: Call, head: ResponseHead | undefined, body: string): SendError {
  const status = head?.status ?? 0;
  const error = readErrorOf(call, status, jsonOr(call.redact(body)));
  const wait = head && retryAfterMs(head, Date.now());
  const shouldRetry = head?.header("x-should-retry");
  const retryable = shouldRetry === "true" || shouldRetry === "false" ? shouldRetry === "true" : error.retryable;
  const { kind, message, ...facts } = error.toJSON();
  return new SendError(kind, message, { ...facts, status, retryable, retryAfterMs: wait ?? error.retryAfterMs });
}

/** A body that cannot be read takes nothing from what its status says. */
function readErrorOf({ protocol, provider }: Call, status: number, body: unknown): SendError {
  try {
    return protocol.readError(provider, status, body);
  } catch {
    return protocol.readError(provider, status, "its error cannot be read");
  }
}

/** The failure of a call with all that is known of it, and without secrets. */
export function describedError(
  { provider, model, redact }: Call,
  error: SendError,
  { requestId, attempts }: ReplyFacts,
  head: ResponseHead | undefined,
): SendError {
  const facts: SendErrorFacts = { provider, model, status: head?.status, requestId, attempts: [...attempts] };
  // A provider may echo the key it was sent, and a `fetch` may hang the request on its errors.
  const { kind, message, code, requestId: id, ...rest } = error.with(facts).toJSON();
  // A signal's reason is the caller's own, and stays the same object.
  const isForeign = kind !== "aborted" && error.cause !== undefined;
  const cause = isForeign ? plainCause(error.cause, redact) : error.cause;
  const described = new SendError(kind, redact(message), {
    ...rest,
    code: code && redact(code),
    requestId: id && redact(id),
    cause,
  });
  return described.redactedBy(redact);
}

function jsonOr(text: string): unknown {
  // An error may come as the one event of a stream.
  const [, json = text] = /^\s*(?:event:.*\r?\n)?data: ?(\{.*)/.exec(text) ?? [];
  try {
    const body: unknown = JSON.parse(json);
    return isDeeper(body) ? text : body;
  } catch {
    return text; // not every error body is JSON; the protocol takes both
  }
}
