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
  /** The header `Allow`, which every 405 has: the methods that would be answered. */
  readonly allow: string | undefined;

  constructor(status: number, kind: SendErrorKind, message: string, facts: RefusalFacts = {}) {
    super(message);
    this.status = status;
    this.kind = kind;
    this.retryAfterMs = facts.retryAfterMs;
    this.code = facts.code;
    this.allow = facts.allow;
  }
}

type RefusalFacts = Partial<Pick<Refusal, "retryAfterMs" | "code" | "allow">>;

/** Returns the refusal of a malformed request. */
export function badRequest(message: string): Refusal {
  return new Refusal(400, "invalidRequest", message);
}

/** Returns the refusal of a method. `allow` lists the methods that would be answered. */
export function methodNotAllowed(message: string, allow: string): Refusal {
  return new Refusal(405, "invalidRequest", message, { allow });
}

/** Returns the one answer about everything that is unknown, expired, or another user's. */
export function notFound(): Refusal {
  return new Refusal(404, "notFound", "There is nothing of this name.");
}
