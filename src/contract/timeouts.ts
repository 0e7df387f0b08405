/** The time limits of a call: their defaults, and the rest of them after some time. Pure. */

import type { TimeoutPhase } from "./error-kind.ts";

/**
 * Limits on time, in milliseconds; 0 turns a limit off. Each expiry throws a `SendError` with kind `timeout`, the name
 * of the limit as its `phase`, and the wait as `waitedMs`.
 *
 * Local servers (the presets `ollama`, `lmstudio`, `llamacpp`, `vllm`, and any loopback address) read a long prompt for
 * minutes without sending anything. Until their first chunk no limit has a default; set `headers` or `firstChunk` if
 * you want one.
 */
export interface Timeouts {
  /**
   * From the request to the response headers, for each attempt. Default 60 000. The headers of a non-streamed reply
   * arrive when it is complete, so there the default is 600 000.
   */
  readonly headers?: number | undefined;
  /**
   * From the call to the first chunk, over all attempts, without the caller's pauses. Default 180 000; non-streamed:
   * off.
   */
  readonly firstChunk?: number | undefined;
  /**
   * Longest silence on the wire while the caller waits; keep-alives reset it. Default 60 000; non-streamed: 600 000.
   */
  readonly idle?: number | undefined;
  /** Longest wait for a chunk while bytes arrive. Default 120 000; non-streamed: off. */
  readonly stall?: number | undefined;
  /**
   * The complete call, with its retries, recoveries, further clients, its wait in a queue and the caller's own pauses.
   * In a session that runs tools: the complete turn, with its tools. Default 0: off.
   */
  readonly total?: number | undefined;
}

const DEFAULTS = {
  streamed: { headers: 60_000, firstChunk: 180_000, idle: 60_000, stall: 120_000, total: 0 },
  // A server sends nothing of a non-streamed reply until the reply is complete.
  nonStreamed: { headers: 600_000, firstChunk: 0, idle: 600_000, stall: 0, total: 0 },
} as const;

/** The two ways of asking for a reply. */
export type ReplyForm = keyof typeof DEFAULTS;

const OFF = { headers: 0, firstChunk: 0, idle: 0, stall: 0, total: 0 };

/** Milliseconds for each limit; infinite where it is off. */
export type LimitsInForce = Readonly<Record<keyof Timeouts, number>>;

/** The event that did not happen in time, for each limit. */
const MISSED: Readonly<Record<TimeoutPhase, (duration: string) => string>> = {
  headers: (duration) => `no response headers within ${duration}`,
  firstChunk: (duration) => `no chunk within ${duration}`,
  idle: (duration) => `no data for ${duration}`,
  stall: (duration) => `no chunk for ${duration}`,
  total: (duration) => `not complete within ${duration}`,
};

/**
 * Returns the message of an expired limit. `subject` is the provider, or the part of the program that the limit is for.
 */
export function timeoutText(subject: string, phase: TimeoutPhase, waitedMs: number): string {
  return `${subject} timed out: ${MISSED[phase](durationText(waitedMs))} (\`timeouts.${phase}\`). Raise the limit, or try again.`;
}

/** Returns milliseconds with their thousands apart, such as `60,000 ms`. */
export function durationText(ms: number): string {
  return `${String(ms).replace(/\B(?=(?:\d{3})+$)/g, ",")} ms`;
}

/** The limits in force, in milliseconds; infinite where one is off. */
export interface CallLimits extends LimitsInForce {
  /** The limits until the first chunk, where they differ. */
  readonly untilFirstChunk?: LimitsInForce;
}

/** Returns the limits in force. Later settings override earlier ones; `undefined` overrides nothing. */
export function limitsOf(form: ReplyForm, ...settings: (Timeouts | undefined)[]): CallLimits {
  return inForce(DEFAULTS[form], settings);
}

/**
 * Returns the same for a server on the caller's own computer: until the first chunk only the caller's own limits. Such
 * a server reads one prompt at a time, for minutes and without a byte. A retry would make it begin again.
 */
export function localLimitsOf(form: ReplyForm, ...settings: (Timeouts | undefined)[]): CallLimits {
  return { ...limitsOf(form, ...settings), untilFirstChunk: inForce(OFF, settings) };
}

function inForce(defaults: LimitsInForce, settings: readonly (Timeouts | undefined)[]): LimitsInForce {
  const limits = { ...defaults };
  for (const setting of settings) {
    for (const name of Object.keys(limits) as (keyof Timeouts)[]) limits[name] = setting?.[name] ?? limits[name];
  }
  for (const name of Object.keys(limits) as (keyof Timeouts)[]) limits[name] ||= Number.POSITIVE_INFINITY;
  return limits;
}

/**
 * Returns the limits of the next request of a call after so many milliseconds. `total` is for the complete call, so its
 * rest remains.
 */
export function limitsLeft(timeouts: Timeouts | undefined, passedMs: number): Timeouts | undefined {
  return timeouts?.total ? { ...timeouts, total: Math.max(1, timeouts.total - passedMs) } : timeouts;
}
