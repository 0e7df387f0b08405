/** The state of one stream: running until it is complete, stopped or failed, with the message so far in every case. */

import type { FinalChunk } from "../contract/chunk.ts";
import { withFacts } from "../contract/error-copies.ts";
import type { SendError } from "../contract/errors.ts";
import type { AssistantMessage } from "../contract/message.ts";
import type { ReplyMetrics } from "../contract/metrics.ts";
import { type Clock, MAX_TIMER_MS } from "../platform/clock.ts";
import { thrownToCaller } from "./caller-stack.ts";
import { ChunkQueue, type QueueOwner } from "./chunk-queue.ts";
import { type Ending, type EndListener, notify } from "./ending.ts";
import { Fold } from "./fold.ts";
import {
  type ChunkSource,
  type Closing,
  type DrainLimits,
  failureOf,
  MAX_DRAIN_MS,
  MAX_DRAIN_TOKENS,
} from "./source.ts";
import { type ArrivalListener, Stopwatch } from "./stopwatch.ts";

type Outcome =
  | { readonly status: "running" }
  | { readonly status: "complete" | "stopped"; readonly message: AssistantMessage }
  | { readonly status: "failed"; readonly error: SendError };

/**
 * How the source is read. `reading`: as the consumer asks. `draining`: to its end, without waiting for the consumer.
 * `muted`: to its end or until so many tokens have come, which are counted and not shown.
 */
type Mode = { readonly status: "reading" | "draining" } | { readonly status: "muted"; tokensLeft: number };

const RUNNING: Outcome = { status: "running" };
const READING: Mode = { status: "reading" };
const DRAINING: Mode = { status: "draining" };

/** Runs one reply from its source into a queue. Every ending happens here. */
export class StreamState implements QueueOwner {
  readonly queue: ChunkQueue;
  readonly source: ChunkSource;
  readonly #fold: Fold;
  readonly #stopwatch: Stopwatch;
  readonly #endListeners: EndListener[] = [];
  readonly #endWaiters: (() => void)[] = [];
  #outcome: Outcome = RUNNING;
  #mode: Mode = READING;
  /** See `MessageStream.replaceFailure`. */
  replaceFailure: ((error: SendError) => SendError) | undefined;
  /** The first reader: a loop, which gets the chunks, or `finalMessage`, which drops them. */
  #reader: "none" | "loop" | "finalMessage" = "none";
  /** The reader has been thrown the failure: its next `next()` is the end. */
  #isThrown = false;

  constructor(source: ChunkSource, now: Clock, startedAt: number) {
    this.source = source;
    this.#fold = new Fold(source.facts);
    this.#stopwatch = new Stopwatch(now, startedAt);
    this.queue = new ChunkQueue(this, {
      flush: () => this.#flush(),
      end: (message) => this.#end(message),
      fail: (error) => this.#fail(error),
    });
    source.attach(this.queue);
  }

  get isRunning(): boolean {
    return this.#outcome.status === "running";
  }

  /** Returns whether chunks are taken, or waited for, without a loop that asks for them. */
  get isRead(): boolean {
    return this.#mode.status !== "reading" || this.queue.hasWaiter;
  }

  /** Milliseconds for which the consumer has waited for the next chunk. */
  get waitedMs(): number {
    return this.#stopwatch.waitedMs;
  }

  get message(): AssistantMessage {
    const outcome = this.#outcome;
    switch (outcome.status) {
      case "running":
        return this.#message("running");
      case "failed":
        return outcome.error.partial ?? this.#message("interrupted");
      case "complete":
      case "stopped":
        return outcome.message;
    }
  }

  get metrics(): ReplyMetrics {
    if (!this.isRunning) return this.message.metrics;
    return this.#stopwatch.read(this.source.facts, this.#fold.outputTokens());
  }

  /** Returns whether a loop may begin to read: it is the first to read. */
  beginLoop(): boolean {
    if (this.#reader !== "none") return false;
    this.#reader = "loop";
    return true;
  }

  next<T>(take: () => T | undefined): Promise<IteratorResult<T>> {
    return this.queue.next(take, this.source);
  }

  /** Reads to the end without waiting for the consumer. */
  drain(): void {
    if (this.#reader === "none") this.#reader = "finalMessage";
    if (!this.isRunning) return;
    if (this.#mode.status === "reading") this.#mode = DRAINING;
    this.queue.pull(this.source);
  }

  /** Reads on for the usage: shows nothing more. */
  drainMuted(limits: DrainLimits): void {
    if (!this.isRunning || this.#mode.status === "muted") return; // the first limits hold
    const { withinMs = MAX_DRAIN_MS, maxTokens = MAX_DRAIN_TOKENS } = limits;
    this.#mode = { status: "muted", tokensLeft: maxTokens };
    this.lastAttempt(limits);
    if (!this.isRunning) return;
    const limit = setTimeout(() => this.stop(), Math.min(withinMs, MAX_TIMER_MS));
    this.#endWaiters.push(() => clearTimeout(limit));
    this.queue.pull(this.source);
  }

  /** Stops retries from now on. `drain`: how far the rest is read. */
  lastAttempt(drain?: DrainLimits): void {
    if (!this.isRunning) return;
    try {
      this.source.lastAttempt?.(drain);
    } catch (error) {
      this.collapse(error);
    }
  }

  stop(closing: Closing = "stopped"): void {
    if (!this.isRunning) return;
    this.#close(closing);
    if (this.isRunning) this.#finish("stopped");
  }

  /** Ends the reply, since the consumer leaves; one that is read for its usage is read on. */
  leave(): void {
    if (this.#mode.status !== "muted") this.stop("left");
  }

  /** Resolves with the message at the end, whichever reader reads until there; rejects with the failure. */
  ending(): Promise<AssistantMessage> {
    // `stop()` and `finalMessage()` need not be awaited; a caller that awaits them still gets the error.
    const forgive = (): void => void ending.catch(() => undefined);
    const ending = new Promise<AssistantMessage>((resolve) => {
      const settle = () => {
        const outcome = this.#outcome;
        if (outcome.status === "failed") resolve(thrownToCaller(outcome.error, forgive));
        else if (outcome.status !== "running") resolve(outcome.message);
      };
      if (this.isRunning) this.#endWaiters.push(settle);
      else settle();
    });
    return ending;
  }

  /** Calls `listener` at the end, before every consumer; at once when the reply is over. */
  onEnd(listener: EndListener): void {
    const outcome = this.#outcome;
    if (outcome.status === "running") this.#endListeners.push(listener);
    else notify(listener, this.message, outcome.status === "failed" ? outcome.error : undefined);
  }

  /** Calls `task` after the end, when all others know of it. */
  afterEnd(task: () => void): void {
    this.#endWaiters.push(task);
  }

  onArrival(listener: ArrivalListener): void {
    this.#stopwatch.onArrival = listener;
  }

  failureToThrow(): SendError | undefined {
    if (this.#outcome.status !== "failed" || this.#isThrown) return undefined;
    this.#isThrown = true;
    return this.#outcome.error;
  }

  waiting(): number {
    return this.#stopwatch.waiting();
  }

  failReading(thrown: unknown): SendError {
    this.#isThrown = true;
    return this.collapse(thrown);
  }

  collapse(thrown: unknown): SendError {
    const error = failureOf(thrown);
    this.queue.removeFresh();
    if (!this.isRunning) return error;
    this.#close();
    this.#fail(error);
    return this.#outcome.status === "failed" ? this.#outcome.error : error;
  }

  /** Closes the source. One that cannot be closed counts as released. */
  #close(closing?: Closing): void {
    try {
      this.source.close(closing);
    } catch {
      // the reply is over: no reader is left
    }
  }

  #flush(): void {
    const { queue } = this;
    queue.answered();
    if (!this.isRunning || !this.#foldFresh()) return;
    const mode = this.#mode;
    if (mode.status === "muted" && mode.tokensLeft <= 0) return this.stop();
    const isDraining = mode.status !== "reading";
    // A loop may still begin: what arrived before `stop({ drain })` stays for it.
    if (this.#reader === "finalMessage") queue.clear();
    if (!queue.isEmpty) queue.deliver();
    if (isDraining || queue.hasWaiter) queue.pull(this.source);
  }

  /** Returns false when a chunk cannot be folded: the stream is over then. */
  #foldFresh(): boolean {
    const { queue } = this;
    const { fresh } = queue;
    if (fresh === 0) return true;
    const mode = this.#mode;
    try {
      if (mode.status === "muted") {
        for (const chunk of queue.removeFresh()) mode.tokensLeft -= this.#fold.addUnseen(chunk);
        return true;
      }
      queue.foldInto(this.#fold);
    } catch (error) {
      this.collapse(error);
      return false;
    }
    this.#stopwatch.arrived(fresh);
    return true;
  }

  #end(message?: AssistantMessage): void {
    if (!this.isRunning || !this.#foldFresh()) return;
    // The consumer who stopped has seen less than the relayed message says.
    if (this.#mode.status === "muted") this.#finish("drained");
    else this.#finish("complete", message);
  }

  #finish(ending: "complete" | "stopped" | "drained", relayed?: AssistantMessage): void {
    this.#stopwatch.ended();
    const message = relayed ?? this.#message(ending);
    this.#outcome = { status: ending === "complete" ? "complete" : "stopped", message };
    const final: FinalChunk = { type: "final", content: "", message, isFinal: true };
    this.queue.chunks.push(final);
    this.#settle(message, undefined);
  }

  #fail(error: SendError): void {
    if (!this.isRunning || !this.#foldFresh()) return;
    if (this.#mode.status === "muted") return this.#finish("stopped");
    this.#stopwatch.ended();
    const arrived = error.partial ?? this.#message("interrupted");
    const { attempts, redactions = [] } = this.source.facts;
    let failure = this.replaceFailure?.(error) ?? error;
    if (!error.partial) {
      for (const redact of redactions) failure = redact(failure);
      failure = withFacts(failure, { partial: arrived, attempts });
    }
    this.#outcome = { status: "failed", error: failure };
    // A caller who aborts wants nothing more; every other failure comes after the chunks that had arrived.
    if (failure.kind === "aborted") this.queue.clear();
    this.#settle(failure.partial ?? arrived, failure);
  }

  #settle(message: AssistantMessage, error: SendError | undefined): void {
    for (const listener of this.#endListeners.splice(0)) notify(listener, message, error);
    this.queue.deliver();
    for (const wake of this.#endWaiters.splice(0)) wake();
  }

  #message(ending: Ending): AssistantMessage {
    const { attempts, reconnects } = this.source.facts;
    const message = this.#fold.message(ending, (tokens) =>
      this.#stopwatch.read({ attempts: [...attempts], ...(reconnects !== undefined && { reconnects }) }, tokens),
    );
    try {
      return this.source.complete?.(message) ?? message;
    } catch {
      return message; // the source's own facts are left out when it throws
    }
  }
}
