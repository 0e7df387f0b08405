/** The delay that a response asks for. Reads headers only; `retry-policy.ts` decides whether to wait. */

import type { ResponseHead } from "../transport/transport.ts";

/**
 * Returns milliseconds, from `retry-after-ms` (milliseconds) or `retry-after` (seconds, or an HTTP date); `undefined`
 * when absent or invalid. For failures only: some providers send it with every answer.
 * @param now the time of day in milliseconds since the epoch
 * @see https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
 */
export function retryAfterMs(head: ResponseHead, now: number): number | undefined {
  const milliseconds = numberOf(head.header("retry-after-ms"));
  if (milliseconds !== undefined) return milliseconds;
  const value = head.header("retry-after");
  const seconds = numberOf(value);
  if (seconds !== undefined) return seconds * 1000;
  // `Date.parse` accepts `-1` and `12 monkeys` as dates; every form of an HTTP date has a time of day.
  const date = /\d\d:\d\d:\d\d/.test(value ?? "")
    ? Date.parse(`${value}${ZONE.test(value ?? "") ? "" : " GMT"}`)
    : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

/** The end of a date; its oldest form has none, and means the same. */
const ZONE = /(GMT|UTC|Z|[+-]\d\d:?\d\d)\s*$/i;

/** A header that came twice is a list: its first value counts. `1,5` is not a number. */
function numberOf(value: string | undefined): number | undefined {
  const [, number] = /^\s*(\d+(?:\.\d+)?)\s*(?:, |$)/.exec(value ?? "") ?? [];
  return number === undefined ? undefined : Number(number);
}
