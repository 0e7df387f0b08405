/** A credential that is kept until shortly before its end, and asked for once for all that wait. */

/** A credential with its end. */
export interface Issued<Value> {
  readonly value: Value;
  /** The moment of its end, in milliseconds since 1970; absent for one that stays. */
  readonly expiresAt?: number | undefined;
}

/** A credential is renewed so long before its end, or after half of its life. In milliseconds. */
const MARGIN_MS = 300_000;

/** Returns a function with the credential that `issue` returned last, as long as it is valid. */
export function kept<Value>(issue: () => Promise<Issued<Value>>, now: () => number = Date.now): () => Promise<Value> {
  let last: (Issued<Value> & { readonly renewAt: number }) | undefined;
  let asked: Promise<Value> | undefined;

  async function renewed(): Promise<Value> {
    try {
      const issued = await issue();
      const { expiresAt = Number.POSITIVE_INFINITY } = issued;
      last = { ...issued, renewAt: expiresAt - Math.min(MARGIN_MS, Math.max(0, (expiresAt - now()) / 2)) };
      return issued.value;
    } catch (error) {
      if (last && now() < (last.expiresAt ?? Number.POSITIVE_INFINITY)) return last.value; // still good
      throw error;
    } finally {
      asked = undefined;
    }
  }

  return async () => {
    if (last && now() < last.renewAt) return last.value;
    asked ??= renewed();
    return asked;
  };
}
