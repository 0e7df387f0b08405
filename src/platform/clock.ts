/** Time: a clock that never runs backwards, and the limit of timers. */

/** Milliseconds from a fixed moment, never backwards. */
export type Clock = () => number;

/** The longest delay of a timer, in milliseconds. A longer one fires at once. */
export const MAX_TIMER_MS: number = 2 ** 31 - 1;

/** Returns the runtime's own clock. On Node the global `performance` is a getter, so it is read once. */
export function systemClock(): Clock {
  const { performance } = globalThis;
  return () => performance.now();
}
