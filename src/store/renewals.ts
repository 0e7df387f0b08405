/** One timer for all leases of the process; one each where a timer ends with the request that made it. */

import { isBoundToRequests } from "../platform/bound-to-requests.ts";

/** Calls until a lease expires: two of them may fail. */
export const RENEWALS_A_LEASE = 3;

interface Renewal {
  readonly everyMs: number;
  readonly renew: () => void;
  dueAt: number;
}

const renewals = new Set<Renewal>();
let timer: ReturnType<typeof setTimeout> | undefined;

/**
 * Calls `renew` three times in each `leaseMs`, until the returned function is called. The timer does not keep the
 * process alive. `renew` must not throw.
 */
export function renewEvery(leaseMs: number, renew: () => void): () => void {
  const everyMs = leaseMs / RENEWALS_A_LEASE;
  if (isBoundToRequests()) {
    const own = setInterval(renew, everyMs);
    return () => clearInterval(own);
  }
  const renewal: Renewal = { everyMs, renew, dueAt: performance.now() + everyMs };
  renewals.add(renewal);
  schedule();
  return () => {
    renewals.delete(renewal);
    schedule();
  };
}

function schedule(): void {
  clearTimeout(timer);
  timer = undefined;
  if (renewals.size === 0) return;
  const dueAt = Math.min(...[...renewals].map((renewal) => renewal.dueAt));
  timer = setTimeout(renewDue, Math.max(0, dueAt - performance.now()));
  // Runtimes other than Node return a number.
  if (typeof timer === "object") timer.unref?.();
}

function renewDue(): void {
  const now = performance.now();
  for (const renewal of [...renewals]) {
    if (renewal.dueAt > now) continue;
    renewal.dueAt = now + renewal.everyMs;
    renewal.renew();
  }
  schedule();
}
