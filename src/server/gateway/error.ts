/** The answer to a request of a program that fails: in the form of its API, with nothing of the provider's. */

import { SendError } from "../../contract/errors.ts";
import type { MachineDialect } from "../../dialects/machine/dialect.ts";
import { Refusal } from "../../dialects/refusal.ts";
import { maskedError, statusOf } from "../masked-error.ts";
import type { Policy } from "../policy.ts";

/** The rules about an answer. */
export interface ErrorRules {
  readonly dialect: MachineDialect;
  /** The gateway's own id of the request. */
  readonly requestId: string;
  readonly describe: Policy["describe"];
}

/** Returns the answer to a request that fails. */
export function gatewayError(error: unknown, { dialect, requestId, describe }: ErrorRules): Response {
  const masked = maskedError(error, { requestId, describe, exposed: (partial) => partial });
  const code = error instanceof Refusal ? error.code : masked.code;
  const { kind, message, retryAfterMs } = masked;
  const { status, contentType, text } = dialect.error({ kind, message, code, requestId }, statusOf(error));
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

/** Returns the headers of every answer. OpenAI's libraries read the first id, Anthropic's the second. */
export function answerHeaders(requestId: string): Readonly<Record<string, string>> {
  return {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "x-request-id": requestId,
    "request-id": requestId,
  };
}

/**
 * Returns whether the program's library is not to send the request again by itself: it fails again, or the client has
 * already retried it. A reply that broke after its beginning has not been retried.
 */
function isFinal(error: unknown): boolean {
  if (error instanceof Refusal) return error.status >= 500 && error.retryAfterMs === undefined;
  if (!(error instanceof SendError)) return true;
  const { partial, retryable } = error;
  const hasBegun = partial !== undefined && (partial.content !== "" || partial.reasoning !== "");
  return !(retryable && hasBegun);
}
