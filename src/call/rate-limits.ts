/** The caller's rate limits, as a response states them. Reads headers only. */

import type { RateLimits } from "../contract/message.ts";
import type { ResponseHead } from "../transport/transport.ts";

/**
 * Returns the limits from the headers of OpenAI and its imitators (`x-ratelimit-remaining-requests`; resets as
 * durations, `6m0s`) or of Anthropic (`anthropic-ratelimit-requests-remaining`; resets as times); `undefined` where
 * there are none.
 * @param now the time of day in milliseconds since the epoch
 * @see https://platform.openai.com/docs/guides/rate-limits
 * @see https://docs.anthropic.com/en/api/rate-limits
 */
export function rateLimitsOf(head: ResponseHead, now: number): RateLimits | undefined {
  const requests = limitIn(head, now, REQUESTS);
  const tokens = limitIn(head, now, TOKENS);
  return requests || tokens ? { ...(requests && { requests }), ...(tokens && { tokens }) } : undefined;
}

const REQUESTS = {
  remaining: ["x-ratelimit-remaining-requests", "anthropic-ratelimit-requests-remaining"],
  reset: ["x-ratelimit-reset-requests", "anthropic-ratelimit-requests-reset"],
} as const;

const TOKENS = {
  remaining: ["x-ratelimit-remaining-tokens", "anthropic-ratelimit-tokens-remaining"],
  reset: ["x-ratelimit-reset-tokens", "anthropic-ratelimit-tokens-reset"],
} as const;

/**
 * Returns the rest of one kind of limit. `names` lists the headers by vendor, written out because each response is
 * searched for them.
 */
function limitIn(head: ResponseHead, now: number, names: typeof REQUESTS | typeof TOKENS): RateLimits["requests"] {
  const remaining = head.header(names.remaining[0]) ?? head.header(names.remaining[1]);
  if (remaining === undefined || !/^\d+$/.test(remaining)) return undefined;
  const reset = head.header(names.reset[0]) ?? head.header(names.reset[1]);
  const resetMs = reset === undefined ? undefined : resetMsOf(reset, now);
  return { remaining: Number(remaining), ...(resetMs !== undefined && { resetMs }) };
}

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/**
 * Plain seconds above this are a time in seconds since the epoch (2001 and later); a thousand times as many, in
 * milliseconds.
 */
const FIRST_TIME_S = 1e9;

/** Parses `1s`, `6m0s`, `120ms`, plain seconds, or a time. */
function resetMsOf(text: string, now: number): number | undefined {
  if (/^\d+(\.\d+)?$/.test(text)) {
    const ms = Number(text) >= FIRST_TIME_S * 1_000 ? Number(text) : Number(text) * 1_000;
    return ms >= FIRST_TIME_S * 1_000 ? Math.max(0, ms - now) : ms;
  }
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)];
  if (parts.length > 0 && parts.map(([part]) => part).join("") === text) {
    return parts.reduce((sum, [, value, unit = "s"]) => sum + Number(value) * (UNIT_MS[unit] ?? 0), 0);
  }
  const time = Date.parse(text);
  return Number.isNaN(time) ? undefined : Math.max(0, time - now);
}
