/** One client's part in a race: its call, how long the consumer waited for it, and its attempts. */

import type { MessageChunk } from "../contract/chunk.ts";
import type { ClientWrapper } from "../contract/client.ts";
import { SendError } from "../contract/errors.ts";
import type { AssistantMessage } from "../contract/message.ts";
import type { Attempt } from "../contract/metrics.ts";
import { durationText } from "../contract/timeouts.ts";
import { MAX_TIMER_MS } from "../platform/clock.ts";
import { asStopped, asTimedOut } from "../stream/attempts-in-flight.ts";
import { InnerCall, type InnerCallHost, type OpenInner } from "../stream/inner-call.ts";
import type { ReplyFacts } from "../stream/reply-facts.ts";

/** The race, as its runners see it. */
export interface RunnerHost {
  readonly facts: ReplyFacts;
  /** Returns whether the consumer waits for a chunk. */
  isWanted(): boolean;
  /** The client's provider has accepted the request. */
  onOpened(runner: Runner): void;
  onArrived(runner: Runner, batch: readonly MessageChunk[]): void;
  onFailed(runner: Runner, error: SendError): void;
  /** The consumer has waited longer than `patienceMs` for the first chunk. */
  onSlow(runner: Runner): void;
}

/** The state that a race shares with each of its runners. */
export interface RunnerContext {
  /** The attempts of all runners; each reports its own here once. */
  readonly attempts: Attempt[];
  readonly signal: AbortSignal | undefined;
  /**
   * How long the consumer waits for the first chunk before the client counts as slow, in milliseconds; `undefined`:
   * without limit.
   */
  readonly patienceMs: number | undefined;
  /** See `waitBefore`. */
  readonly waitedBeforeMs: number;
}

/** The array of the race holds the attempts of a client once: none yet, one in place of them, or its own. */
type Reported =
  | { readonly status: "none" }
  /** The client was released before it could report. */
  | { readonly status: "placeholder"; readonly attempt: Attempt }
  | { readonly status: "all" };

/** Why a client is released: its reply is not wanted any more, or a limit has passed. */
export type ReleaseReason = "stopped" | "timeout";

/** Runs one client. */
export class Runner implements InnerCallHost {
  readonly client: ClientWrapper;
  readonly #host: RunnerHost;
  readonly #context: RunnerContext;
  readonly #inner = new InnerCall(this);
  readonly #startedAt = performance.now();
  #opening: Promise<void> = Promise.resolve();
  /** Time in which the consumer waited for this client, in milliseconds. */
  waitedMs = 0;
  /** Present while the consumer waits. The timer fires when the client counts as slow. */
  #wait: { readonly since: number; readonly timer: ReturnType<typeof setTimeout> | undefined } | undefined;
  #reported: Reported = { status: "none" };

  constructor(client: ClientWrapper, host: RunnerHost, context: RunnerContext) {
    this.client = client;
    this.#host = host;
    this.#context = context;
  }

  get facts(): ReplyFacts {
    return this.#host.facts;
  }

  get waitedBeforeMs(): number {
    return this.#context.waitedBeforeMs;
  }

  get isOpen(): boolean {
    return this.#inner.isOpen;
  }

  /** Returns the reply so far. */
  get partial(): AssistantMessage | undefined {
    return this.#inner.partial;
  }

  get continuesExactly(): boolean {
    return this.#inner.continuesExactly;
  }

  /** Returns the attempts that are not in the array yet. */
  get unreported(): readonly Attempt[] {
    return this.#reported.status === "all" ? [] : (this.#inner.attempts ?? []);
  }

  start(ask: OpenInner, hasIdle: (error: SendError) => boolean): void {
    this.waitFrom();
    const { signal } = this.#context;
    this.#opening = this.#inner.open(ask, hasIdle, signal);
  }

  read(): void {
    this.#inner.read();
  }

  lastAttempt(): void {
    this.#inner.lastAttempt();
  }

  abort(cause: unknown): void {
    this.#inner.abort(cause);
  }

  /** Counts the time from now on; after `patienceMs` of it the client is slow. */
  waitFrom(): void {
    if (this.#wait) return;
    const { patienceMs } = this.#context;
    const leftMs =
      patienceMs === undefined ? undefined : Math.min(MAX_TIMER_MS, Math.max(0, patienceMs - this.waitedMs));
    const timer = leftMs === undefined ? undefined : setTimeout(() => this.#host.onSlow(this), leftMs);
    this.#wait = { since: performance.now(), timer };
  }

  /** Stops counting the time. */
  pause(): void {
    if (!this.#wait) return;
    clearTimeout(this.#wait.timer);
    this.waitedMs += performance.now() - this.#wait.since;
    this.#wait = undefined;
  }

  /** Closes the client's call at once. Returns when its attempts will be known, if they are not. */
  release(reason: ReleaseReason): Promise<void> | undefined {
    const before = [...(this.#inner.attempts ?? [])]; // a running stream has its list live
    this.#inner.stop();
    const { attempts } = this.#inner;
    const report = (): void => {
      const { attempts: all } = this.#inner;
      this.report(all && reason === "timeout" ? asTimedOut(all, before) : all);
    };
    if (attempts) {
      report();
      return undefined;
    }
    const { provider, model } = this.client;
    const durationMs = performance.now() - this.#startedAt;
    const attempt: Attempt = { provider, model, durationMs, outcome: reason };
    this.#reported = { status: "placeholder", attempt };
    this.#context.attempts.push(attempt);
    return this.#opening.then(report);
  }

  /** Puts the client's attempts into the array, in the place of their placeholder. */
  report(attempts: readonly Attempt[] | undefined): void {
    const reported = this.#reported;
    if (reported.status === "all" || !attempts) return;
    this.#reported = { status: "all" };
    const { attempts: all, signal } = this.#context;
    if (reported.status === "placeholder") all.splice(all.indexOf(reported.attempt), 1);
    all.push(...(signal?.aborted ? attempts : asStopped(attempts)));
  }

  /** Returns the failure of a client that is released because it is slow. */
  slowError(): SendError {
    const { provider, model } = this.client;
    const waitedMs = Math.round(this.waitedMs);
    const message = `${provider} timed out: no chunk within ${durationText(waitedMs)}.`;
    return new SendError("timeout", message, { provider, model, phase: "firstChunk", waitedMs });
  }

  isWanted(): boolean {
    return this.#host.isWanted();
  }

  opened(): void {
    this.#host.onOpened(this);
    if (!this.isWanted()) this.pause();
  }

  arrived(batch: readonly MessageChunk[]): void {
    this.#host.onArrived(this, batch);
  }

  failed(error: SendError): void {
    this.report(this.#inner.attempts);
    this.#host.onFailed(this, error);
  }
}
