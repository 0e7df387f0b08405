/** Calls of each second: by one timer a process, or by one each where a timer ends with the request that made it. */

import { isBoundToRequests } from "../../platform/bound-to-requests.ts";

/** Runs, viewers and writers are looked at so often, in milliseconds. */
const TICK_MS = 1_000;

type Tick = (now: number) => void;

/** Makes the calls. No process lives longer for them. */
export class Ticks {
  readonly #now: () => number;
  readonly #ticks = new Set<Tick>();
  #stop: (() => void) | undefined;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Calls `tick` each second, until the returned function is called. */
  add(tick: Tick): () => void {
    if (isBoundToRequests()) return eachSecond(() => tick(this.#now()));
    this.#ticks.add(tick);
    this.#stop ??= eachSecond(() => this.#tick());
    return () => this.#ticks.delete(tick);
  }

  #tick(): void {
    const now = this.#now();
    for (const tick of this.#ticks) tick(now);
    if (this.#ticks.size > 0) return;
    this.#stop?.();
    this.#stop = undefined;
  }
}

function eachSecond(call: () => void): () => void {
  const timer: { unref?: () => void } | number = setInterval(call, TICK_MS);
  if (typeof timer !== "number") timer.unref?.();
  return () => clearInterval(timer as ReturnType<typeof setInterval>);
}
