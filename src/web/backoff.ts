/** The wait before a connection is tried again. */

import { MAX_TIMER_MS } from "../platform/clock.ts";
import { isAsleep, onWake } from "./page.ts";

const FIRST_BACKOFF_MS = 250;
const MAX_BACKOFF_MS = 8_000;

/**
 * Returns the wait after so many failures in a row, in milliseconds: none after the first, then random (full jitter).
 */
export function backoffMs(failures: number): number {
  return failures < 2 ? 0 : Math.random() * Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (failures - 2));
}

/**
 * Resolves after so many milliseconds, but not while the page is asleep; at once when it wakes or the signal fires.
 * Resolves with whether the page was asleep.
 * @param isAsked whether the relay has asked for this wait, which is then not cut short
 */
export function paused(ms: number, isAsked: boolean, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const over = new AbortController();
    let isDue = false;
    let wasAsleep = isAsleep();
    const done = (): void => {
      clearTimeout(timer);
      over.abort();
      resolve(wasAsleep);
    };
    const due = (): void => {
      isDue = true;
      if (isAsleep()) wasAsleep = true;
      else done();
    };
    const timer = setTimeout(due, Math.min(ms, MAX_TIMER_MS));
    const woken = (): void => {
      wasAsleep = true;
      if (isDue || !isAsked) done();
    };
    onWake(woken, over.signal);
    signal.addEventListener("abort", done, { signal: over.signal });
    if (signal.aborted) done();
  });
}
