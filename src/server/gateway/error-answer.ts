/** The answer to a request of a program that fails: in the form of its API, with nothing of the provider's. */

import { SendError } from "../../contract/errors.ts";
import type { GatewayDialect } from "../../dialects/gateway/dialect.ts";
import { Refusal } from "../../dialects/refusal.ts";
import { maskedError, statusOf } from "../policy/masked-error.ts";
import type { Policy } from "../policy/policy.ts";
import { answerHeaders } from "./answer.ts";

/** The rules about an answer. */
export interface ErrorRules {
  readonly dialect: GatewayDialect;
  /** The gateway's own id of the request. */
  readonly requestId: string;
  readonly describe: Policy["describe"];
}

/** OpenAI's word: agents stop at it, and wait at others of this status. */
const SPENT_QUOTA = "insufficient_quota";

/** Returns the answer to a request that fails. */
export function gatewayError(error: unknown, { dialect, requestId, describe }: ErrorRules): Response {
  const masked = maskedError(error, { requestId, describe, exposed: (partial) => partial });
  const { kind, message, retryable, retryAfterMs } = masked;
  const ownCode = kind === "rateLimit" && !retryable ? SPENT_QUOTA : masked.code;
  const code = error instanceof Refusal ? error.code : ownCode;
  const { status, contentType, text } = dialect.error({ kind, message, code, requestId }, gatewayStatusOf(error));
  return new Response(text, {
    status,
    headers: {
      "content-type": contentType,
      ...answerHeaders(requestId),
      ...(retryAfterMs !== undefined && {
        "retry-after": String(Math.ceil(retryAfterMs / 1000)),
        "retry-after-ms": String(retryAfterMs),
      }),
      ...(isFinal(error) && { "x-should-retry": "false" }),
    },
  });
}

/**
 * A provider that refuses this server itself, or does not know its model, will refuse the next request as well. Agents
 * send a request again after every 5xx, up to ten times and without a word to their user.
 */
const LASTING: readonly unknown[] = ["authentication", "permission", "notFound"];

/** "Failed Dependency": no library takes it for its own key, or sends the request again. */
const FAILED_DEPENDENCY = 424;

function gatewayStatusOf(error: unknown): number {
  return error instanceof SendError && LASTING.includes(error.kind) ? FAILED_DEPENDENCY : statusOf(error);
}

/** A program that waits longer than the client has waited may get an answer; coding agents wait for minutes. */
const WORTH_WAITING: readonly unknown[] = ["rateLimit", "overloaded"];

/** Refusals of this server that are not the same a moment later: a slow body, a conflict, many requests. */
const MAY_PASS: readonly number[] = [408, 409, 429];

/**
 * Returns whether the program's library is not to send the request again by itself: it fails again, or the client has
 * already retried it. A reply that broke after its beginning has not been retried.
 */
function isFinal(error: unknown): boolean {
  if (error instanceof Refusal) return error.retryAfterMs === undefined && !MAY_PASS.includes(error.status);
  if (!(error instanceof SendError)) return true;
  const { kind, partial, retryable } = error;
  const hasBegun = partial !== undefined && (partial.content !== "" || partial.reasoning !== "");
  return !(retryable && (hasBegun || WORTH_WAITING.includes(kind)));
}
