/** Limits the time of work that nothing can end. */

import { MAX_TIMER_MS } from "./clock.ts";

/** A timer that fires later than this, in milliseconds, belongs to a process that stood still. */
const MAX_DELAY_MS = 1_000;

/**
 * Resolves or rejects as the outcome does; rejects with `late` when that takes longer. The work continues. A limit that
 * no timer can hold, such as `Infinity`, has no effect.
 */
export function within<T>(outcome: Promise<T>, ms: number, late: () => Error): Promise<T> {
  if (ms > MAX_TIMER_MS) return outcome;
  return new Promise((resolve, reject) => {
    let isOver = false;
    let cancel = (): void => undefined;
    const end = (): void => {
      isOver = true;
      cancel();
    };
    outcome.then(
      (value) => {
        end();
        resolve(value);
      },
      (error: unknown) => {
        end();
        reject(error);
      },
    );
    // A log in memory has answered by then: its answer takes less time than a timer that begins and ends.
    behindMicrotasks(() => {
      if (!isOver) cancel = startLimit(ms, () => reject(late()));
    });
  });
}

/** Calls `work` behind the microtasks under way, where a runtime can; at once elsewhere. */
function behindMicrotasks(work: () => void): void {
  const { nextTick } = globalThis.process ?? {};
  if (nextTick) nextTick(work);
  else work();
}

/**
 * Calls `expire` after so many milliseconds, unless the returned function is called before. A process that stood still
 * meanwhile (busy, paused, suspended) has not looked at answers that are there: the limit then begins once more.
 */
export function startLimit(ms: number, expire: () => void): () => void {
  const dueAt = performance.now() + ms;
  let timer = setTimeout(() => {
    if (performance.now() - dueAt < MAX_DELAY_MS) expire();
    else timer = setTimeout(expire, ms);
  }, ms);
  return () => clearTimeout(timer);
}
