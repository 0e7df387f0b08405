/** One reply, asked of several clients: the first to deliver a chunk has won, the others are released. */

import type { MessageChunk } from "../contract/chunk.ts";
import type { ClientWrapper } from "../contract/client.ts";
import { withFacts } from "../contract/error-copies.ts";
import { SendError } from "../contract/errors.ts";
import type { Message } from "../contract/message.ts";
import type { Attempt } from "../contract/metrics.ts";
import type { SendOptions } from "../contract/options.ts";
import { limitsLeft, timeoutText } from "../contract/timeouts.ts";
import { checkCall } from "../contract/validate.ts";
import { offAbort, onAbort } from "../platform/abort.ts";
import { MAX_TIMER_MS } from "../platform/clock.ts";
import { reportAttempts } from "../stream/attempts-in-flight.ts";
import { hasAlternative } from "../stream/idle-alternative.ts";
import { outerFailure } from "../stream/inner-call.ts";
import { mergeFacts, type ReplyFacts } from "../stream/reply-facts.ts";
import { type ChunkSink, type ChunkSource, NO_SINK, Opening } from "../stream/source.ts";
import { waitBefore } from "../stream/wait-before.ts";
import { estimateInputTokens } from "../tokens/estimate.ts";
import type { AskClient } from "./ask.ts";
import { type ReleaseReason, Runner, type RunnerHost } from "./runner.ts";

/** Maximum wait for a released or timed-out client to report its attempts, in milliseconds. */
const LEAVING_LIMIT_MS = 20;

/** How a race is run. */
export interface RaceRules {
  /** Returns the client that may start now: the next one in turn, if any. Called again when another is needed. */
  next(): ClientWrapper | undefined;
  /** When no client may start: how long until one may, in milliseconds. */
  readonly retryAfterMs?: () => number;
  readonly ask: AskClient;
  /**
   * How long to wait for a client's first chunk before the next starts, in milliseconds; `undefined`: until it fails.
   */
  patienceMs(client: ClientWrapper): number | undefined;
  /** The fate of a client that is too slow: it runs on next to the next one, or it is released. */
  readonly slow: "keep" | "drop";
  /** Whether this failure lets the next one start. */
  startsNext(error: SendError): boolean;
  /**
   * Whether another client is idle and would be asked after this failure of one under way, so that a long wait is in
   * vain.
   */
  hasIdle?(error: SendError, hasWinner: boolean): boolean;
  /** Reports the result of a client: see `RaceResult`. */
  report?(client: ClientWrapper, result: RaceResult): void;
}

/**
 * `first`: its chunk was the first, after the caller had waited so long. Then `done`: it reached its end, or the caller
 * stopped it; or `broke`: it failed after all. `lost`: another's chunk was the first. `failed`: before its first chunk.
 * `left`: the caller has gone before any chunk.
 */
export type RaceResult =
  | { readonly status: "first"; readonly waitedMs: number }
  | { readonly status: "done" }
  | { readonly status: "broke"; readonly error: SendError }
  | { readonly status: "lost"; readonly waitedMs: number }
  | { readonly status: "failed"; readonly error: SendError }
  | { readonly status: "left" };

/** Before and after the first chunk. The winner is known beyond the end, which may be that of a reply that broke. */
type Phase =
  | { readonly status: "racing"; readonly winner?: undefined }
  | { readonly status: "won"; readonly winner: Runner }
  | { readonly status: "over"; readonly winner: Runner | undefined };

/**
 * The source of a race's stream. Open when the provider of one client has accepted the request; refused when all have
 * failed before.
 */
export class Race implements ChunkSource, RunnerHost {
  readonly facts: ReplyFacts;
  readonly #messages: readonly Message[];
  readonly #options: SendOptions;
  readonly #rules: RaceRules;
  readonly #opening = new Opening();
  readonly #startedAt = performance.now();
  readonly #onAbort = (): void => this.#abort();
  readonly #runners = new Set<Runner>();
  readonly #attempts: Attempt[] = [];
  /** Those that were released before they had a stream, and have not reported their attempts. */
  readonly #leaving = new Set<Promise<void>>();
  #sink: ChunkSink = NO_SINK;
  /** Ends the race when a client observes neither the signal nor the limit. */
  #limit: ReturnType<typeof setTimeout> | undefined;
  #phase: Phase = { status: "racing" };
  /** The consumer waits for a chunk. */
  #wanted = false;
  /** The consumer has stopped: no other client starts. */
  #isLast = false;

  constructor(messages: readonly Message[], options: SendOptions, rules: RaceRules) {
    this.#messages = messages;
    this.#options = options;
    this.#rules = rules;
    const estimateInput = () => estimateInputTokens(messages);
    this.facts = { provider: "", model: "", attempts: this.#attempts, estimateInput };
  }

  get opened(): Promise<void> {
    return this.#opening.promise;
  }

  /** Returns the client whose chunk was the first. */
  get winner(): ClientWrapper | undefined {
    return this.#phase.winner?.client;
  }

  attach(sink: ChunkSink): void {
    this.#sink = sink;
    const { signal, timeouts } = this.#options;
    reportAttempts(signal, () => this.#sent());
    if (timeouts?.total) {
      const { total: waitedMs } = timeouts;
      const message = timeoutText("The call", "total", waitedMs);
      this.#endWithin(waitedMs, () => new SendError("timeout", message, { ...this.#who(), phase: "total", waitedMs }));
      this.#limit?.unref?.(); // the connection of a client under way keeps the process alive
    }
    onAbort(signal, this.#onAbort);
    const hasStarted = this.#startNext();
    if (signal?.aborted) this.#abort();
    if (hasStarted) return;
    const retryAfterMs = this.#rules.retryAfterMs?.();
    const message = "No client is left to ask: all of them keep failing and are left alone for a while.";
    this.#fail(new SendError("overloaded", message, { retryAfterMs }));
  }

  pull(): void {
    this.#wanted = true;
    const { winner } = this.#phase;
    if (winner) return winner.read();
    for (const runner of this.#runners) {
      runner.waitFrom();
      runner.read();
    }
  }

  lastAttempt(): void {
    this.#isLast = true;
    for (const runner of this.#runners) runner.lastAttempt();
  }

  close(): void {
    if (this.#phase.status === "over") return;
    this.#end();
    // Before a first chunk the reply is the one whose request is paid for.
    const shown = this.#phase.winner ?? [...this.#runners].find((runner) => runner.isOpen);
    for (const runner of this.#runners) this.#release(runner, "stopped");
    if (shown?.partial) mergeFacts(this.facts, shown.partial);
  }

  isWanted(): boolean {
    return this.#wanted;
  }

  onOpened(runner: Runner): void {
    if (this.#isLast) runner.lastAttempt();
    this.#opening.accept();
  }

  onArrived(runner: Runner, batch: readonly MessageChunk[]): void {
    if (this.#phase.winner !== runner) this.#won(runner);
    for (const chunk of batch) {
      if (chunk.type === "final") {
        runner.report(chunk.message.metrics.attempts);
        mergeFacts(this.facts, chunk.message);
        this.#finish(runner);
        this.#rules.report?.(runner.client, { status: "done" });
        return this.#afterAllHaveLeft(() => this.#sink.end());
      }
      this.#sink.chunks.push(chunk);
    }
    this.#wanted = false;
    this.#sink.flush();
  }

  onFailed(runner: Runner, error: SendError): void {
    if (!this.#runners.delete(runner)) return;
    runner.pause();
    this.#rules.report?.(runner.client, this.#failureOf(runner, error));
    if (this.#phase.winner === runner || error.kind === "aborted") return this.#fail(error);
    if (this.#rules.startsNext(error) && this.#startNext()) {
      if (this.#wanted) this.pull();
    } else if (this.#runners.size === 0) this.#fail(error);
  }

  onSlow(runner: Runner): void {
    if (!this.#startNext()) return;
    if (this.#rules.slow === "drop") this.#release(runner, "timeout", { status: "failed", error: runner.slowError() });
    if (this.#wanted) this.pull();
  }

  #startNext(): boolean {
    const { signal, timeouts } = this.#options;
    const passedMs = performance.now() - this.#startedAt;
    const isTooLate = timeouts?.total ? passedMs >= timeouts.total : false;
    const mayStart = this.#phase.status === "racing" && !this.#isLast && !isTooLate;
    const client = mayStart ? this.#rules.next() : undefined;
    if (!client) return false;
    const runner = new Runner(client, this, {
      attempts: this.#attempts,
      signal,
      patienceMs: this.#rules.patienceMs(client),
      waitedBeforeMs: waitBefore(timeouts, passedMs),
    });
    this.#runners.add(runner);
    if (this.facts.model === "") Object.assign(this.facts, { provider: client.provider, model: client.model });
    runner.start(
      // An error that a client throws at once is a rejection like any other. Every limit but `total` belongs to its own
      // attempts.
      async (own) =>
        this.#rules.ask(client, this.#messages, {
          ...this.#options,
          timeouts: limitsLeft(timeouts, passedMs),
          signal: own,
        }),
      (error) =>
        (!this.#isLast && this.#rules.hasIdle?.(error, this.#phase.winner !== undefined)) ||
        hasAlternative(signal, error),
    );
    return true;
  }

  #won(runner: Runner): void {
    runner.pause();
    this.#phase = { status: "won", winner: runner };
    const { provider, model } = runner.client;
    Object.assign(this.facts, { provider, model, continuesExactly: runner.continuesExactly });
    this.#rules.report?.(runner.client, { status: "first", waitedMs: runner.waitedMs });
    for (const other of this.#runners) if (other !== runner) this.#release(other, "stopped");
  }

  /** Its socket closes at once. */
  #release(runner: Runner, reason: ReleaseReason, result?: RaceResult): void {
    this.#runners.delete(runner);
    runner.pause();
    this.#rules.report?.(runner.client, result ?? this.#resultOf(runner));
    const leaving = runner.release(reason);
    if (!leaving) return;
    this.#leaving.add(leaving);
    void leaving.then(() => this.#leaving.delete(leaving));
  }

  /** Returns all attempts so far. */
  #sent(): readonly Attempt[] {
    return [...this.#attempts, ...[...this.#runners].flatMap((runner) => runner.unreported)];
  }

  #resultOf(runner: Runner): RaceResult {
    const { winner } = this.#phase;
    if (winner === runner) return { status: "done" };
    return winner ? { status: "lost", waitedMs: runner.waitedMs } : { status: "left" };
  }

  #failureOf(runner: Runner, error: SendError): RaceResult {
    const isWinner = this.#phase.winner === runner;
    if (error.kind === "aborted") return { status: isWinner ? "done" : "left" };
    return { status: isWinner ? "broke" : "failed", error };
  }

  /** A reply that comes all at once must not end before the losers have reported their attempts. */
  #afterAllHaveLeft(next: () => void): void {
    if (this.#leaving.size === 0) return next();
    const limit = new Promise((resolve) => setTimeout(resolve, LEAVING_LIMIT_MS));
    void Promise.race([Promise.all(this.#leaving), limit]).then(next);
  }

  /** A client answers by failing, and reports its partial reply. */
  #abort(): void {
    const cause: unknown = this.#options.signal?.reason;
    for (const runner of this.#runners) runner.abort(cause);
    const message = "The caller's signal ended the call.";
    this.#endWithin(0, () => new SendError("aborted", message, { ...this.#who(), cause }));
  }

  /** A client's own failure says more, and comes first. */
  #endWithin(ms: number, failure: () => SendError): void {
    clearTimeout(this.#limit);
    this.#limit = setTimeout(() => this.#fail(failure()), Math.min(MAX_TIMER_MS, ms + LEAVING_LIMIT_MS));
  }

  #who(): { readonly provider: string; readonly model: string } {
    const { provider, model } = this.facts;
    return { provider, model };
  }

  #finish(runner: Runner): void {
    this.#end();
    runner.pause();
    this.#runners.clear();
  }

  #end(): void {
    this.#phase = { status: "over", winner: this.#phase.winner };
    clearTimeout(this.#limit);
    offAbort(this.#options.signal, this.#onAbort);
  }

  #fail(error: SendError): void {
    if (this.#phase.status === "over") return;
    this.#end();
    for (const runner of this.#runners) this.#release(runner, error.kind === "timeout" ? "timeout" : "stopped");
    const known = error.partial ?? this.#phase.winner?.partial;
    if (known) mergeFacts(this.facts, known);
    const attempts = [...this.#attempts];
    const failure = outerFailure(error, attempts);
    // The partial content of a non-streamed reply was never shown to the stream, which would report it.
    const { partial } = error;
    const refusal =
      partial && withFacts(failure, { partial: { ...partial, metrics: { ...partial.metrics, attempts } } });
    this.#opening.fail(this.#sink, failure, refusal);
  }
}

/** Returns the source of one race. @throws {SendError} when the call is invalid, which is not the fault of a client. */
export function raceOf(messages: readonly Message[], options: SendOptions, rules: RaceRules): Race {
  checkCall(messages, { ...options, toolChoice: undefined }); // a client of tools knows whether there are tools to choose from
  return new Race(messages, options, rules);
}
