/** Google's errors: the wait is in the body, and waiting does not lift a daily quota. */

import { SendError } from "../../contract/errors.ts";
import { wordsOf } from "../../platform/text-of.ts";
import { errorOf } from "../common/error-kinds.ts";

interface WireDetail {
  readonly retryDelay?: unknown;
  readonly reason?: unknown;
  readonly violations?: readonly ({ readonly quotaId?: unknown } | null)[] | null;
}

/**
 * Returns the error of a response or an event of Google's, with the wait that its body has.
 * @see https://cloud.google.com/apis/design/errors
 */
export function geminiError(provider: string, status: number, body: unknown): SendError {
  const error = errorOf(provider, status, body);
  const details = detailsOf(body);
  if (details.some(({ reason }) => reason === "API_KEY_INVALID")) {
    const message = `${error.message} Check the API key.`;
    return new SendError("authentication", message, { ...factsOf(error), retryable: false });
  }
  const retryAfterMs = details.map(({ retryDelay }) => durationMs(retryDelay)).find((wait) => wait !== undefined);
  const isDaily = details.some(
    ({ violations }) => Array.isArray(violations) && violations.some((one) => /PerDay/.test(wordsOf(one?.quotaId))),
  );
  if (!isDaily && retryAfterMs === undefined) return error;
  return new SendError(error.kind, error.message, {
    ...factsOf(error),
    retryAfterMs,
    retryable: isDaily ? false : error.retryable,
  });
}

function factsOf(error: SendError) {
  const { kind: _kind, message: _message, ...facts } = error.toJSON();
  return facts;
}

function detailsOf(body: unknown): readonly WireDetail[] {
  const [first] = Array.isArray(body) ? (body as readonly unknown[]) : [body];
  const details = (first as { readonly error?: { readonly details?: unknown } | null } | null)?.error?.details;
  return Array.isArray(details) ? details.filter((detail) => typeof detail === "object" && detail !== null) : [];
}

/** Returns a protobuf duration (`34.4s`) in milliseconds. */
function durationMs(value: unknown): number | undefined {
  const seconds = typeof value === "string" ? /^(\d+(?:\.\d+)?)s$/.exec(value)?.[1] : undefined;
  return seconds === undefined ? undefined : Number(seconds) * 1_000;
}
