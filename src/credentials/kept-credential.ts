/** A credential that is kept until shortly before its end, and asked for once for all that wait. */

import type { KeyRequest } from "../call/authorization.ts";

/** A credential with its end. */
export interface Issued<Value> {
  readonly value: Value;
  /** The moment of its end, in milliseconds since 1970; absent where it is not known. */
  readonly expiresAt?: number | undefined;
}

/** A credential is renewed so long before its end, or after half of its life. In milliseconds. */
const MARGIN_MS = 300_000;

/** After a failure, a credential that is still valid is used for so long, in milliseconds. */
const RETRY_MS = 30_000;

/**
 * Resolves with a credential that is kept. One that the provider has refused is issued again.
 * @throws {SendError} kind `authentication` when there is none
 */
export type KeptCredential<Value> = (asked?: KeyRequest) => Promise<Value>;

/** Returns a function with the credential that `issue` returned last, as long as it is valid. */
export function kept<Value>(issue: () => Promise<Issued<Value>>, now: () => number = Date.now): KeptCredential<Value> {
  let last: (Issued<Value> & { readonly renewAt: number }) | undefined;
  let asked: Promise<Value> | undefined;

  async function renewed(): Promise<Value> {
    try {
      const issued = await issue();
      const { expiresAt = now() + 2 * MARGIN_MS } = issued;
      last = { ...issued, renewAt: expiresAt - Math.min(MARGIN_MS, Math.max(0, (expiresAt - now()) / 2)) };
      return issued.value;
    } catch (error) {
      const { expiresAt = Number.POSITIVE_INFINITY } = last ?? { expiresAt: 0 };
      if (!last || now() >= expiresAt) throw error;
      last = { ...last, renewAt: Math.min(expiresAt, now() + RETRY_MS) };
      return last.value; // still good
    } finally {
      asked = undefined;
    }
  }

  return async ({ isRefused } = { isRefused: false }) => {
    if (last && !isRefused && now() < last.renewAt) return last.value;
    asked ??= renewed();
    return asked;
  };
}
