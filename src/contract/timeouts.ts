/** The limit on a whole call that takes more than one request, or has to wait for its first. */

import type { Timeouts } from "./client.ts";

/** What the next request gets of the call's limits when so many milliseconds of it have passed: `total` does not begin anew. */
export function limitsLeft(timeouts: Timeouts | undefined, passedMs: number): Timeouts | undefined {
  return timeouts?.total ? { ...timeouts, total: Math.max(1, timeouts.total - passedMs) } : timeouts;
}
