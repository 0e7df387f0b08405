/** Runs that were stopped before they began: of two requests of one page, the later one may arrive first. */

import type { Caller } from "../policy/policy-options.ts";

/** A stop counts for so long, in milliseconds. */
const KEEP_MS = 30_000;

/** So many stops are remembered. The oldest goes first. */
const MAX_STOPS = 1_000;

/** Remembers the stops of runs that have not begun. */
export class EarlyStops {
  /** When the stops came, in that order. */
  readonly #stops = new Map<string, number>();

  add(id: string, caller: Caller, now: number): void {
    const key = keyOf(id, caller);
    this.#stops.delete(key);
    this.#stops.set(key, now);
    for (const [oldest, at] of this.#stops) {
      if (this.#stops.size <= MAX_STOPS && now - at < KEEP_MS) break;
      this.#stops.delete(oldest);
    }
  }

  has(id: string, caller: Caller, now: number): boolean {
    const at = this.#stops.get(keyOf(id, caller));
    return at !== undefined && now - at < KEEP_MS;
  }
}

/** A user stops none of another one. */
function keyOf(id: string, { user }: Caller): string {
  return `${id} ${user}`;
}
