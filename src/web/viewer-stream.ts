/** The stream of `relayClient`: a `MessageStream` that carries no more than a viewer needs. */

import type { MessageChunk } from "../contract/chunk.ts";
import { SendError } from "../contract/errors.ts";
import type { AssistantMessage } from "../contract/message.ts";
import type { ReplyMetrics } from "../contract/metrics.ts";
import { MAX_TIMER_MS } from "../platform/clock.ts";
import { thrownToCaller } from "../stream/caller-stack.ts";
import { type EndListener, notify } from "../stream/ending.ts";
import type { MessageStream } from "../stream/message-stream.ts";
import { type DrainLimits, MAX_DRAIN_MS, MAX_DRAIN_TOKENS } from "../stream/source.ts";
import type { ArrivalListener, Stopwatch } from "../stream/stopwatch.ts";
import { failureFrom } from "./link.ts";
import type { RelayedReply } from "./relayed-reply.ts";

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined };

/** A pending `next()`. Methods, so that one of any chunk type can wait here. */
interface Waiter {
  take(): unknown;
  resolve(result: IteratorResult<unknown> | PromiseLike<IteratorResult<unknown>>): void;
}

/** How the reply ended: with `error` if it failed, after which `isThrown` says that the consumer has it. */
interface Outcome {
  readonly message: AssistantMessage;
  readonly error?: SendError;
  isThrown?: boolean;
}

/** All that a `MessageStream` shows. Its methods are described there. */
type PublicStream<Output> = Pick<MessageStream<Output>, keyof MessageStream>;

/** Reads a relayed reply as its consumer asks. */
export class ViewerStream<out Output = unknown> implements PublicStream<Output> {
  readonly #reply: RelayedReply;
  readonly #stopwatch: Stopwatch;
  /** Chunks that have arrived and are not taken. */
  #queue: MessageChunk[] = [];
  readonly #waiters: Waiter[] = [];
  /** The first reader: a loop, which gets the chunks, or `finalMessage`, which drops them. */
  #reader: "loop" | "finalMessage" | undefined;
  /** The reply is read to its end without waiting for the consumer. */
  #isDraining = false;
  /** After `stop({ drain })`: the chunks are counted and not shown, up to so many tokens. */
  #tokensLeft: number | undefined;
  #isReading = false;
  #isOver = false;
  #outcome: Outcome | undefined;
  readonly #endListeners: EndListener[] = [];
  readonly #endWaiters: (() => void)[] = [];

  constructor(reply: RelayedReply, stopwatch: Stopwatch) {
    this.#reply = reply;
    this.#stopwatch = stopwatch;
    reply.over.addEventListener("abort", () => this.#fail(reply.over.reason));
  }

  get partial(): AssistantMessage<Output> {
    return (this.#outcome?.message ?? this.#message("running")) as AssistantMessage<Output>;
  }

  /** @internal */
  get writer(): MessageStream["writer"] {
    return this.#reply.facts;
  }

  get metrics(): ReplyMetrics {
    const { facts, outputTokens } = this.#reply;
    return this.#outcome?.message.metrics ?? this.#stopwatch.read(facts, outputTokens);
  }

  /** @internal */
  get waiting(): MessageStream["waiting"] {
    const isAsked = this.#isDraining || this.#waiters.length > 0;
    return isAsked ? { phase: "reply", waitedMs: this.#stopwatch.waitedMs } : undefined;
  }

  /** @internal */
  get continuesExactly(): boolean {
    return false;
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<MessageChunk<Output>> {
    return this.#iterate(() => this.#queue.shift() as MessageChunk<Output> | undefined);
  }

  batches(): AsyncIterableIterator<readonly MessageChunk<Output>[]> {
    return this.#iterate(() => {
      const batch = this.#queue.splice(0) as MessageChunk<Output>[];
      return batch[0] && batch;
    });
  }

  text(): AsyncIterableIterator<string> {
    return this.#iterate(() => {
      for (;;) {
        const chunk = this.#queue.shift();
        if (!chunk || chunk.content) return chunk?.content;
      }
    });
  }

  partialObject(): never {
    throw unsupported("partialObject()", "Use `partialObject(stream)` of `cloudllm/web`.");
  }

  finalMessage(): Promise<AssistantMessage<Output>> {
    this.#reader ??= "finalMessage";
    this.#isDraining = true;
    void this.#read();
    return this.#ending();
  }

  stop({ drain }: { readonly drain?: boolean | DrainLimits | undefined } = {}): Promise<AssistantMessage<Output>> {
    if (!drain) this.#stop(true);
    else if (!this.#isOver && this.#tokensLeft === undefined) this.#mute(drain === true ? {} : drain);
    return this.#ending();
  }

  toReadableStream(): ReadableStream<MessageChunk<Output>> {
    const chunks = this[Symbol.asyncIterator]();
    return new ReadableStream(
      {
        async pull(controller) {
          try {
            const { done, value } = await chunks.next();
            if (done) controller.close();
            else controller.enqueue(value);
          } catch (error) {
            throw error instanceof SendError ? error.forTransfer() : error;
          }
        },
        cancel: () => this.#leave(),
      },
      { highWaterMark: 0 },
    );
  }

  onEnd(listener: EndListener): void {
    if (this.#outcome) notify(listener, this.#outcome.message, this.#outcome.error);
    else this.#endListeners.push(listener);
  }

  onUnread(): never {
    throw unsupported("onUnread()", "Note when your loop takes a chunk.");
  }

  /** @internal */
  onArrival(listener: ArrivalListener): void {
    this.#stopwatch.onArrival = listener;
  }

  /** A relay retries by itself. @internal */
  onlyRest(): void {}

  async [Symbol.asyncDispose](): Promise<void> {
    this.#leave();
  }

  /** @throws {SendError} when the stream is already being read */
  #iterate<T>(take: () => T | undefined): AsyncIterableIterator<T> {
    if (this.#reader) {
      const message = "This stream has already been read. Keep its finalMessage(), or send again.";
      throw new SendError("invalidRequest", message);
    }
    this.#reader = "loop";
    return {
      next: () =>
        new Promise((resolve) => {
          this.#waiters.push({ take, resolve });
          this.#deliver();
          void this.#read();
        }),
      return: async () => {
        this.#leave();
        this.#queue = [];
        return DONE;
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  /** Resolves the pending `next()`s in turn, as far as there are chunks or there is an end. */
  #deliver(): void {
    for (let waiter = this.#waiters[0]; waiter; waiter = this.#waiters[0]) {
      const value = waiter.take();
      const outcome = this.#outcome;
      if (value === undefined && !outcome) return;
      this.#waiters.shift();
      if (value !== undefined) waiter.resolve({ done: false, value });
      else if (!outcome?.error || outcome.isThrown) waiter.resolve(DONE);
      else {
        outcome.isThrown = true;
        waiter.resolve(thrownToCaller(outcome.error));
      }
    }
  }

  /** Reads on while more is wanted. */
  async #read(): Promise<void> {
    if (this.#isReading) return;
    this.#isReading = true;
    try {
      while (!this.#isOver && (this.#isDraining || this.#waiters.length > 0)) {
        this.#stopwatch.waiting();
        const isMore = await this.#reply.next();
        if (this.#isOver) return;
        if (isMore) this.#take();
        else this.#complete();
      }
    } catch (error) {
      this.#fail(error);
    }
    this.#isReading = false;
  }

  /** Takes the chunks that have arrived. The message has them, so the consumer gets them also when the reply ends. */
  #take(): void {
    const chunks = this.#reply.takeReady();
    if (chunks.length === 0) return;
    if (this.#tokensLeft !== undefined) {
      for (const chunk of chunks) this.#tokensLeft -= this.#reply.count(chunk);
      if (this.#tokensLeft <= 0) this.#stop();
      return;
    }
    this.#stopwatch.arrived(chunks.length);
    if (this.#reader === "finalMessage") return;
    for (const chunk of chunks) this.#queue.push(chunk);
    this.#deliver();
  }

  /** Reads on for the usage: shows nothing more. */
  #mute({ withinMs = MAX_DRAIN_MS, maxTokens = MAX_DRAIN_TOKENS }: DrainLimits): void {
    this.#take(); // what came before is shown
    this.#tokensLeft = maxTokens;
    this.#isDraining = true;
    this.#reply.mute();
    const limit = setTimeout(() => this.#stop(), Math.min(withinMs, MAX_TIMER_MS));
    this.#endWaiters.push(() => clearTimeout(limit));
    void this.#read();
  }

  /** The consumer leaves; a reply that is read for its usage is read on. */
  #leave(): void {
    if (this.#tokensLeft === undefined) this.#stop(false);
  }

  #stop(isStopped = true): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#take();
    this.#reply.close("stopped", isStopped);
    this.#finish("stopped");
  }

  #complete(): void {
    this.#isOver = true;
    this.#reply.close("answered");
    this.#finish(this.#tokensLeft === undefined ? "complete" : "drained");
  }

  #fail(thrown: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#take();
    const failure = failureFrom(thrown);
    this.#reply.close(failure.kind, false, failure.status);
    if (this.#tokensLeft !== undefined) return this.#finish("stopped");
    this.#stopwatch.ended();
    const message = this.#message("interrupted");
    const { provider, model, attempts } = this.#reply.facts;
    // A caller who aborts wants nothing more; every other failure comes after the chunks that had arrived.
    if (failure.kind === "aborted") this.#queue = [];
    this.#settle({ message, error: failure.with({ provider, model, partial: message, attempts: [...attempts] }) });
  }

  #finish(ending: "complete" | "stopped" | "drained"): void {
    this.#stopwatch.ended();
    const message = this.#message(ending);
    this.#queue.push({ type: "final", content: "", message, isFinal: true });
    this.#settle({ message });
  }

  #settle(outcome: Outcome): void {
    this.#outcome = outcome;
    for (const listener of this.#endListeners.splice(0)) notify(listener, outcome.message, outcome.error);
    this.#deliver();
    for (const wake of this.#endWaiters.splice(0)) wake();
  }

  /** Resolves with the message at the end, whichever reader reads until there; rejects with the failure. */
  #ending(): Promise<AssistantMessage<Output>> {
    // `stop()` and `finalMessage()` need not be awaited; a caller that awaits them still gets the error.
    const forgive = (): void => void ending.catch(() => undefined);
    const ending = new Promise<AssistantMessage<Output>>((resolve) => {
      const settle = (): void => {
        const error = this.#outcome?.error;
        resolve(error ? thrownToCaller(error, forgive) : this.partial);
      };
      if (this.#outcome) settle();
      else this.#endWaiters.push(settle);
    });
    return ending;
  }

  #message(ending: Parameters<RelayedReply["message"]>[0]): AssistantMessage {
    return this.#reply.message(ending, this.#stopwatch);
  }
}

function unsupported(method: string, instead: string): SendError {
  return new SendError("unsupported", `A stream of \`relayClient\` has no \`${method}\`. ${instead}`);
}
