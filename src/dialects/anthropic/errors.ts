/**
 * Failures in the words of Anthropic's API.
 * @see https://docs.anthropic.com/en/api/errors
 */

import type { SendErrorKind } from "../../contract/error-kind.ts";
import { jsonBody } from "../dialect.ts";
import type { GatewayError, GatewayErrorBody } from "../gateway/dialect.ts";

/** The gateway's own refusals, which are not the provider's. */
const TYPE_BY_STATUS: Readonly<Record<number, string>> = {
  401: "authentication_error",
  403: "permission_error",
  404: "not_found_error",
  413: "request_too_large",
};

/** A provider's failure is one of this server: the caller's own key is right. */
const TYPE_BY_KIND: { readonly [Kind in SendErrorKind]?: string } = {
  invalidRequest: "invalid_request_error",
  unsupported: "invalid_request_error",
  contextLength: "invalid_request_error",
  contentFilter: "invalid_request_error",
  rateLimit: "rate_limit_error",
  overloaded: "overloaded_error",
  timeout: "timeout_error",
};

/** Programs wait and try again at this status. */
const OVERLOADED = 529;

/** Returns the object of an answer or of an event. */
export function anthropicError({ kind, message, requestId }: GatewayError, status?: number): object {
  const type = (status === undefined ? undefined : TYPE_BY_STATUS[status]) ?? TYPE_BY_KIND[kind] ?? "api_error";
  // By these words programs recognize a conversation that they must shorten.
  const sentence = kind === "contextLength" ? `prompt is too long: ${message}` : message;
  return {
    type: "error",
    error: { type, message: sentence },
    ...(requestId !== undefined && { request_id: requestId }),
  };
}

/** Returns the answer to a request that fails. `status` is the gateway's. */
export function anthropicErrorBody(error: GatewayError, status: number): GatewayErrorBody {
  const own = error.kind === "overloaded" ? OVERLOADED : status;
  return { status: own, ...jsonBody(anthropicError(error, status)) };
}
