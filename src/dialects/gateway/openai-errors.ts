/**
 * Failures in the words of OpenAI's API: its libraries choose the class of an error by its status, and show `message`.
 * @see https://platform.openai.com/docs/guides/error-codes
 */

import type { SendErrorKind } from "../../contract/error-kind.ts";
import { jsonBody } from "../dialect.ts";
import type { GatewayError, GatewayErrorBody } from "./dialect.ts";

interface Words {
  readonly type: string;
  readonly code: string;
}

/** OpenAI's words where it has some; otherwise the kind itself is the code. */
const WORDS: { readonly [Kind in SendErrorKind]?: Words } = {
  invalidRequest: { type: "invalid_request_error", code: "invalid_request" },
  unsupported: { type: "invalid_request_error", code: "unsupported" },
  contextLength: { type: "invalid_request_error", code: "context_length_exceeded" },
  contentFilter: { type: "invalid_request_error", code: "content_filter" },
  rateLimit: { type: "rate_limit_error", code: "rate_limit_exceeded" },
  // Some agents send a request again for as long as the type is `server_error`.
  authentication: { type: "invalid_request_error", code: "authentication" },
  permission: { type: "invalid_request_error", code: "permission" },
  notFound: { type: "invalid_request_error", code: "notFound" },
};

/** The gateway's own refusals, which are not the provider's. */
const BY_STATUS: Readonly<Record<number, Words>> = {
  401: { type: "invalid_request_error", code: "invalid_api_key" },
  403: { type: "invalid_request_error", code: "permission" },
  404: { type: "invalid_request_error", code: "not_found" },
};

/** Returns the object that goes into `error`, in a body or in an event. */
export function openAiError({ kind, message, code }: GatewayError, status?: number): object {
  const words = (status === undefined ? undefined : BY_STATUS[status]) ??
    WORDS[kind] ?? { type: "server_error", code: kind };
  return { message, type: words.type, param: null, code: code ?? words.code };
}

/** Returns the answer to a request that fails, with the gateway's status. */
export function openAiErrorBody(error: GatewayError, status: number): GatewayErrorBody {
  return { status, ...jsonBody({ error: openAiError(error, status) }) };
}
