/** How long a call may take: each limit, its default, and what is left of it. Pure. */

/**
 * How long to wait, in milliseconds; 0 turns a limit off. Each expiry throws a `SendError` with kind `timeout`, the name of
 * the limit as its `phase`, and how long was waited as `waitedMs`.
 *
 * Local servers (the presets `ollama`, `lmstudio`, `llamacpp`, `vllm`, and any loopback address) read a long prompt for minutes and
 * send nothing meanwhile. Until their first chunk no limit has a default; set `headers` or `firstChunk` where you want one.
 */
export interface Timeouts {
  /**
   * Request sent → response headers, for each attempt. Default 60 000. A whole reply sends its headers when it is done,
   * so there the default is 600 000.
   */
  readonly headers?: number | undefined;
  /** Call → first chunk, over all attempts; time in which nobody reads does not count. Default 180 000, whole replies: off. */
  readonly firstChunk?: number | undefined;
  /** Longest silence on the wire while the caller waits; keep-alives count as life. Default 60 000, whole replies: 600 000. */
  readonly idle?: number | undefined;
  /** Longest wait for a chunk while bytes do come. Default 120 000, whole replies: off. */
  readonly stall?: number | undefined;
  /**
   * The whole call: retries, recoveries, further clients, its wait for a turn and the caller's own pauses included. In a session that
   * runs tools: the whole turn, its tools included. Default 0: off.
   */
  readonly total?: number | undefined;
}

const STREAMED = { headers: 60_000, firstChunk: 180_000, idle: 60_000, stall: 120_000, total: 0 };
// A server that is asked for the whole reply says nothing until it is written.
const WHOLE = { headers: 600_000, firstChunk: 0, idle: 600_000, stall: 0, total: 0 };

const OFF = { headers: 0, firstChunk: 0, idle: 0, stall: 0, total: 0 };

/** Milliseconds for each limit; infinite where it is off. */
export type LimitsInForce = Readonly<Record<keyof Timeouts, number>>;

/** The limits in force, in milliseconds; infinite where one is off. */
export interface Limits extends LimitsInForce {
  /** Those until the first chunk, where they are others. */
  readonly untilFirstChunk?: LimitsInForce;
}

/** Later settings win; what they leave undefined, they leave alone. */
export function limitsOf(whole: boolean, ...settings: (Timeouts | undefined)[]): Limits {
  return inForce(whole ? WHOLE : STREAMED, settings);
}

/**
 * The same for a server on the caller's own computer: until the first chunk only what the caller has set. It reads one prompt at a
 * time, for minutes perhaps and without a byte, and begins anew when the request is sent again.
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

/** What the next request gets of the call's limits when so many milliseconds of it have passed: `total` does not begin anew. */
export function limitsLeft(timeouts: Timeouts | undefined, passedMs: number): Timeouts | undefined {
  return timeouts?.total ? { ...timeouts, total: Math.max(1, timeouts.total - passedMs) } : timeouts;
}
