/** A request that the relay itself refuses. */

import type { SendErrorKind } from "../contract/error-kind.ts";

/**
 * Why a request is refused. Its message is written for the caller: it has nothing of the server's or the provider's.
 */
export class Refusal extends Error {
  override readonly name = "Refusal";
  /** The HTTP status. */
  readonly status: number;
  readonly kind: SendErrorKind;
  /** How long to wait before the next try, in milliseconds. */
  readonly retryAfterMs: number | undefined;
  /** A code of the API that the request came by, where its kind is not enough. */
  readonly code: string | undefined;

  constructor(status: number, kind: SendErrorKind, message: string, retryAfterMs?: number, code?: string) {
    super(message);
    this.status = status;
    this.kind = kind;
    this.retryAfterMs = retryAfterMs;
    this.code = code;
  }
}

/** Returns the refusal of a malformed request. */
export function badRequest(message: string): Refusal {
  return new Refusal(400, "invalidRequest", message);
}

/** Returns the one answer about everything that is unknown, expired, or another user's. */
export function notFound(): Refusal {
  return new Refusal(404, "notFound", "There is nothing of this name.");
}
