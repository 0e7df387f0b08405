/** Time: a clock that never runs backwards, and the limit of timers. */

/** Milliseconds from some fixed moment, never backwards. */
export type Clock = () => number;

/** The longest that a timer can be set for, in milliseconds: one for longer, or for ever, fires at once. */
export const MAX_TIMER_MS: number = 2 ** 31 - 1;

/** The runtime's own clock. On Node the global `performance` is a getter, so it is asked for once. */
export function systemClock(): Clock {
  const { performance } = globalThis;
  return () => performance.now();
}
