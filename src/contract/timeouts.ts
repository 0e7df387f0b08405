/** The time limits of a call: their defaults, and the rest of them after some time. Pure. */

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

const STREAMED = { headers: 60_000, firstChunk: 180_000, idle: 60_000, stall: 120_000, total: 0 };
// A server sends nothing of a non-streamed reply until the reply is complete.
const WHOLE = { headers: 600_000, firstChunk: 0, idle: 600_000, stall: 0, total: 0 };

const OFF = { headers: 0, firstChunk: 0, idle: 0, stall: 0, total: 0 };

/** Milliseconds for each limit; infinite where it is off. */
export type LimitsInForce = Readonly<Record<keyof Timeouts, number>>;

/** The limits in force, in milliseconds; infinite where one is off. */
export interface Limits extends LimitsInForce {
  /** The limits until the first chunk, where they differ. */
  readonly untilFirstChunk?: LimitsInForce;
}

/** Returns the limits in force. Later settings override earlier ones; `undefined` overrides nothing. */
export function limitsOf(whole: boolean, ...settings: (Timeouts | undefined)[]): Limits {
  return inForce(whole ? WHOLE : STREAMED, settings);
}

/**
 * Returns the same for a server on the caller's own computer: until the first chunk only the caller's own limits. Such
 * a server reads one prompt at a time, for minutes and without a byte. A retry would make it begin again.
 */
export function localLimitsOf(whole: boolean, ...settings: (Timeouts | undefined)[]): Limits {
  return { ...limitsOf(whole, ...settings), untilFirstChunk: inForce(OFF, settings) };
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
