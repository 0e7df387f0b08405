/** Signals while a call is waited for: proof for people and watchdogs that it is alive, and where it stands. */

import { type Clock, MAX_TIMER_MS, systemClock } from "../platform/clock.ts";
import type { MessageStream } from "./message-stream.ts";

/** One signal of `reportWaiting`. */
export interface Waiting {
  /**
   * - `opening`: the reply has not begun; retries, their pauses and queues included. All of a non-streamed call.
   * - `reply`: the next chunk is waited for.
   * - `tools`: the tools of a session run, or wait for a decision.
   */
  readonly phase: "opening" | "reply" | "tools";
  /** Milliseconds since the call. */
  readonly elapsedMs: number;
  /** Milliseconds since the last chunk, without the time in which the consumer was busy; since the call before it. */
  readonly waitedMs: number;
}

/** The options of `reportWaiting`. */
export interface ReportWaitingOptions {
  /**
   * Interval of the signals, in milliseconds.
   * @default 10_000
   */
  readonly everyMs?: number | undefined;
  /**
   * The clock of the call.
   * @default `performance.now`
   */
  readonly now?: Clock | undefined;
}

const EVERY_MS = 10_000;

/** An early timer is due when less than this is left. */
const TOLERANCE_MS = 1;

/**
 * Makes a call, and calls `report` every 10 s while nothing arrives: before the reply begins, between its chunks, while
 * tools run. Works with every method that returns a reply or a stream: of clients, wrappers, sessions and
 * `relayClient`. Resolves and rejects as the call does; a stream comes back as it is. No signal is sent while the
 * consumer is busy, and none after the end. Errors of `report` have no effect. Its timer does not keep the process
 * alive.
 * @throws {TypeError} when `call` is not a function, or `everyMs` is not a number above 0
 *
 * @example
 * ```ts
 * import { ClaudeClient, reportWaiting } from "cloudllm";
 *
 * const client = new ClaudeClient({ model: "claude-sonnet-5-5" });
 * const stream = await reportWaiting(
 *   () => client.sendMessageStream([{ role: "user", content: "Prove it." }]),
 *   ({ phase, elapsedMs }) => console.error(`${phase}: ${Math.round(elapsedMs / 1_000)} s`),
 * );
 * for await (const chunk of stream) process.stdout.write(chunk.content);
 * ```
 */
export async function reportWaiting<Reply>(
  call: () => Promise<Reply>,
  report: (waiting: Waiting) => void,
  { everyMs = EVERY_MS, now = systemClock() }: ReportWaitingOptions = {},
): Promise<Reply> {
  if (typeof call !== "function")
    throw new TypeError("`call` must be a function, such as `() => client.sendMessageStream(…)`.");
  if (!(typeof everyMs === "number" && everyMs > 0))
    throw new TypeError(`\`everyMs\` must be a number above 0. Received ${String(everyMs)}.`);
  const startedAt = now();
  let stream: MessageStream | undefined;
  let reportedAt = startedAt;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const wait = (ms: number): void => {
    timer = setTimeout(look, Math.min(ms, MAX_TIMER_MS));
    timer.unref?.();
  };
  const look = (): void => {
    const at = now();
    const waiting = stream ? waitingOf(stream, at - startedAt) : opening(at - startedAt);
    const leftMs = waiting ? everyMs - Math.min(waiting.waitedMs, at - reportedAt) : everyMs;
    if (!waiting || leftMs >= TOLERANCE_MS) return wait(leftMs);
    reportedAt = at;
    wait(everyMs);
    reportTo(report, waiting);
  };
  wait(everyMs);
  try {
    const reply = await call();
    stream = streamIn(reply);
    if (stream) stream.onEnd(() => clearTimeout(timer));
    else clearTimeout(timer);
    return reply;
  } catch (error) {
    clearTimeout(timer);
    throw error;
  }
}

function opening(elapsedMs: number): Waiting {
  return { phase: "opening", elapsedMs, waitedMs: elapsedMs };
}

/** Returns `undefined` while the consumer is busy. */
function waitingOf(stream: MessageStream, elapsedMs: number): Waiting | undefined {
  const { waiting } = stream;
  return waiting && { ...waiting, elapsedMs };
}

function streamIn(reply: unknown): MessageStream | undefined {
  if (typeof reply !== "object" || reply === null || !("waiting" in reply && "onEnd" in reply)) return undefined;
  const stream = reply as MessageStream;
  try {
    waitingOf(stream, 0);
    return stream;
  } catch {
    return undefined; // a proxy of a stream cannot say what it waits for
  }
}

/** Calls the caller's `report`, whose failure changes nothing. */
function reportTo(report: (waiting: Waiting) => unknown, waiting: Waiting): void {
  try {
    const result = report(waiting);
    if (result instanceof Promise) result.catch(() => undefined);
  } catch {
    // the call is worth more than its signals
  }
}
