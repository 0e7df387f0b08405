/** Limits the time of work that nothing can end. */

import { MAX_TIMER_MS } from "./clock.ts";

/**
 * Resolves or rejects as the outcome does; rejects with `late` when that takes longer. The work continues. A limit that
 * no timer can hold, such as `Infinity`, has no effect.
 */
export async function within<T>(outcome: Promise<T>, ms: number, late: () => Error): Promise<T> {
  if (ms > MAX_TIMER_MS) return outcome;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const limit = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(late()), ms);
  });
  try {
    return await Promise.race([outcome, limit]);
  } finally {
    clearTimeout(timer);
  }
}
