/** The reply as it is written: one consumer, a small queue, no stack of generators. */

import type { FinalChunk, MessageChunk } from "../contract/chunk.ts";
import { SendError } from "../contract/errors.ts";
import type { AssistantMessage } from "../contract/message.ts";
import type { ReplyMetrics } from "../contract/metrics.ts";
import { type Clock, MAX_TIMER_MS, systemClock } from "../platform/clock.ts";
import { thrownToCaller } from "./caller-stack.ts";
import { type Ending, Fold } from "./fold.ts";
import type { DeepPartial } from "./partial-json.ts";
import { PartialOutput } from "./partial-output.ts";
import type { ReplyFacts } from "./reply-facts.ts";
import type { ChunkSink, ChunkSource } from "./source.ts";
import { Stopwatch } from "./stopwatch.ts";
import { readableOf, readableSource, sendErrorOf } from "./transfer.ts";

/** Learns how a reply ended: the message as far as it came, and the error if it failed. */
export type EndListener = (message: AssistantMessage, error: SendError | undefined) => void;

/** What a stream's maker may add. */
export interface StreamOptions {
  /** Default: `performance.now`. */
  readonly now?: Clock | undefined;
  /** When the call was made, on the same clock. Default: now. */
  readonly startedAt?: number | undefined;
}

type Outcome<Output> =
  | { readonly status: "running" }
  | { readonly status: "whole" | "stopped"; readonly message: AssistantMessage<Output> }
  | { readonly status: "failed"; readonly error: SendError };

/** Somebody's `next()`. Methods, so that one of any chunk type can wait here. */
interface Waiter {
  take(): unknown;
  resolve(result: IteratorResult<unknown> | PromiseLike<IteratorResult<unknown>>): void;
}

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined };
const RUNNING: Outcome<never> = { status: "running" };

/** How far `stop({ drain })` reads on for the bill, whichever comes first. */
export interface DrainLimits {
  /** In milliseconds. Default 30 000: most replies are written by then. */
  readonly withinMs?: number | undefined;
  /** Estimated tokens that come after the stop. Default 4 000: about as much as a stop should cost at most. */
  readonly maxTokens?: number | undefined;
}

/** How often a stream is looked at until it counts as unread. */
const UNREAD_LOOKS = 4;

/** For a source that relays `stream`: its own errors, whose `partial` holds the other's text, repeat no secret of that one's requests. */
export let relayRedactions: (stream: MessageStream, facts: Pick<ReplyFacts, "redactions">) => void;

const DRAIN_LIMITS = { withinMs: 30_000, maxTokens: 4_000 } as const;

/**
 * A reply that is being written. Read it once, in whichever way suits: `for await (const chunk of stream)`, `batches()`,
 * `text()`, `partialObject()`, `toReadableStream()`, or just `finalMessage()`. Leaving the loop closes the connection.
 *
 * @example
 * ```ts
 * import { OpenAIClient, OpenAIModel } from "cloudllm";
 *
 * export async function tell(): Promise<void> {
 *   const client = new OpenAIClient({ model: OpenAIModel.GPT6Luna });
 *   const stream = await client.sendMessageStream([{ role: "user", content: "Tell me a short story" }]);
 *   for await (const chunk of stream) process.stdout.write(chunk.content);
 *   const { usage, finishReason, metrics } = await stream.finalMessage();
 *   console.log(usage, finishReason, metrics);
 * }
 * ```
 */
export class MessageStream<out Output = unknown> implements AsyncIterable<MessageChunk<Output>>, AsyncDisposable {
  readonly #source: ChunkSource;
  readonly #fold: Fold;
  readonly #stopwatch: Stopwatch;
  readonly #endListeners: EndListener[] = [];
  #outcome: Outcome<Output> = RUNNING;
  /** A plain field, no accessor: each object literal with an accessor gets a hidden class of its own, which V8 keeps long. */
  readonly #queue: Omit<ChunkSink, "chunks"> & { chunks: MessageChunk<Output>[] };
  /** How many of its chunks the consumer has taken, and how many are folded. */
  #head = 0;
  #folded = 0;
  #reader: "none" | "iterator" | "finalMessage" = "none";
  /** True while the source is read to its end without waiting for the consumer. */
  #draining = false;
  /** True after `stop({ drain: true })`: what still comes is counted, not shown, until so many tokens have come. */
  #muted = false;
  #mutedTokensLeft = 0;
  #thrown = false;
  /** True while the source owes an answer: it is asked once, whoever waits for it. */
  #asked = false;
  #pulling = false;
  #pullAgain = false;
  /** Plain objects: a closure over a promise's functions outlives it by many collections. */
  readonly #waiters: Waiter[] = [];
  readonly #endWaiters: (() => void)[] = [];

  static {
    relayRedactions = (stream, facts) => {
      if (!(#source in stream)) return; // a stream of somebody else's
      for (const redact of stream.#source.facts.redactions ?? []) {
        facts.redactions ??= new Set();
        facts.redactions.add(redact);
      }
    };
  }

  /** Streams come from a `ClientWrapper` or from `MessageStream.from`; a source is the library's own affair. */
  constructor(source: ChunkSource, options: StreamOptions = {}) {
    const now = options.now ?? systemClock();
    this.#queue = {
      chunks: [],
      flush: () => this.#flush(),
      end: (message) => this.#end(message),
      fail: (error) => this.#fail(error),
    };
    this.#source = source;
    this.#fold = new Fold(source.facts);
    this.#stopwatch = new Stopwatch(now, options.startedAt ?? now());
    source.attach(this.#queue);
  }

  /**
   * A stream of chunks that come from elsewhere: from another thread (`toReadableStream()` there), or from an async
   * generator that yields `MessageChunk`s and ends with the final one. Chunks without a final one fail as `truncated`.
   * `signal` fails it as `aborted`: a thread that ends in the middle tells nobody, so let its end fire one.
   *
   * @example
   * ```ts
   * import type { Worker } from "node:worker_threads";
   * import { type MessageChunk, MessageStream } from "cloudllm";
   *
   * export function streamOf(worker: Worker, chunks: ReadableStream<MessageChunk>): MessageStream {
   *   const gone = new AbortController();
   *   worker.once("exit", () => gone.abort(new Error("the worker has ended")));
   *   return MessageStream.from(chunks, { signal: gone.signal });
   * }
   * ```
   */
  static from<Output = unknown>(
    chunks: ReadableStream<MessageChunk<Output>> | AsyncIterable<MessageChunk<Output>>,
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): MessageStream<Output> {
    return new MessageStream(readableSource(chunks, options.signal));
  }

  /** What has arrived so far, as a message; the whole message after the end. */
  get partial(): AssistantMessage<Output> {
    const outcome = this.#outcome;
    switch (outcome.status) {
      case "running":
        return this.#message("running");
      case "failed":
        return (outcome.error.partial as AssistantMessage<Output> | undefined) ?? this.#message("interrupted");
      case "whole":
      case "stopped":
        return outcome.message;
    }
  }

  /** Timing so far; what the final message says after the end. */
  get metrics(): ReplyMetrics {
    if (this.#outcome.status !== "running") return this.partial.metrics;
    return this.#stopwatch.read(this.#source.facts.attempts, this.#fold.outputTokens());
  }

  /**
   * The chunks, one by one. Leaving the loop early closes the connection.
   * @throws {SendError} when the reply fails, or at once when the stream is already being read.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<MessageChunk<Output>> {
    return this.#iterate(() => (this.#head < this.#queue.chunks.length ? this.#queue.chunks[this.#head++] : undefined));
  }

  /** The chunks, all that arrived in one read at a time: the least overhead. Arrays are never empty. */
  batches(): AsyncIterableIterator<readonly MessageChunk<Output>[]> {
    return this.#iterate(() => {
      if (this.#head >= this.#queue.chunks.length) return undefined;
      const batch = this.#head === 0 ? this.#queue.chunks : this.#queue.chunks.slice(this.#head);
      this.#clear();
      return batch;
    });
  }

  /** The visible text alone, piece by piece. */
  text(): AsyncIterableIterator<string> {
    return this.#iterate(() => {
      while (this.#head < this.#queue.chunks.length) {
        const content = this.#queue.chunks[this.#head++]?.content;
        if (content) return content;
      }
      return undefined;
    });
  }

  /**
   * The value that the option `output` asked for, as it is written: a view of what has come, one for each read that added to
   * it, each complete up to where the model is and none changed by what follows (see `PartialJson`). The last one is the
   * whole value as written; as the schema returned it, it stands in `finalMessage().output`. The loop ends without an error
   * only when that fits. A text that is no JSON shows nothing.
   * @typeParam Partial what the views are taken for, on trust; only the whole value is checked
   * @throws {SendError} kind `invalidOutput`, with the text on `partial`, when the value does not fit in the end; and
   * whatever else a loop over the stream throws
   * @example
   * ```ts
   * import type { ClientWrapper } from "cloudllm";
   *
   * const schema = { type: "object", properties: { title: { type: "string" } }, required: ["title"] };
   *
   * export async function name(client: ClientWrapper, story: string): Promise<unknown> {
   *   const stream = await client.sendMessageStream([{ role: "user", content: `Name this story: ${story}` }], { output: schema });
   *   for await (const partial of stream.partialObject()) console.log(partial); // {}, { title: "The" }, { title: "The Fox" }
   *   return (await stream.finalMessage()).output;
   * }
   * ```
   */
  partialObject<Partial = DeepPartial<Output>>(): AsyncIterableIterator<Partial> {
    const growing = new PartialOutput();
    let shown: unknown;
    return this.#iterate(() => {
      const { chunks } = this.#queue;
      while (this.#head < chunks.length) {
        const chunk = chunks[this.#head++];
        if (chunk) growing.add(chunk);
      }
      const { value } = growing;
      if (value === shown) return undefined;
      shown = value;
      return value as Partial;
    });
  }

  /**
   * Reads what is left and resolves with the whole message (with `finishReason: "stopped"` after `stop()` or a `break`).
   * Chunks that a loop has not taken yet stay there for it.
   * @throws {SendError} when the reply fails.
   */
  finalMessage(): Promise<AssistantMessage<Output>> {
    if (this.#reader === "none") this.#reader = "finalMessage";
    if (this.#outcome.status === "running") {
      this.#draining = true;
      this.#pull();
    }
    return this.#ending();
  }

  /**
   * Ends the reply here: the connection closes at once, the loop gets its final chunk, and the message so far resolves.
   * With `drain`, nothing more is shown but the rest is read in the background, also when the loop is left, so that `usage` is
   * the provider's exact bill; the connection closes when a limit is reached (see `DrainLimits`), and the bill is an estimate
   * then, as it is when the reply fails meanwhile.
   */
  stop(options: { readonly drain?: boolean | DrainLimits | undefined } = {}): Promise<AssistantMessage<Output>> {
    const { drain } = options;
    if (this.#outcome.status === "running") {
      if (drain) this.#drainMuted(drain === true ? {} : drain);
      else this.#stop();
    }
    return this.#ending();
  }

  /**
   * The chunks as a web stream, which may be transferred to another thread; `MessageStream.from` reads it there. A failure
   * rejects its reader with the `SendError`, whose `cause` is the same in plain form: an error's own fields do not survive
   * a transfer, its cause does. Cancelling it there closes the connection here. A thread that just ends tells nobody: stop
   * the stream when it has (`worker.once("exit", () => stream.stop())`); else the connection closes only when the garbage
   * collector finds the other end gone.
   */
  toReadableStream(): ReadableStream<MessageChunk<Output>> {
    return readableOf(this[Symbol.asyncIterator](), () => this.#leave());
  }

  /**
   * For wrappers that keep books: `listener` is called once, on every ending, before the consumer learns of it; at once
   * when the reply is over already. A failure still reaches the consumer by being thrown there. What a listener throws is an
   * uncaught exception of the program; neither the stream nor the other listeners notice.
   */
  onEnd(listener: EndListener): void {
    const outcome = this.#outcome;
    if (outcome.status === "running") this.#endListeners.push(listener);
    else tell(listener, this.partial, outcome.status === "failed" ? outcome.error : undefined);
  }

  /**
   * For wrappers: calls `listener` once, when nobody has taken a chunk or waited for one for `afterMs` milliseconds (or up to a
   * quarter more, after an earlier read); never after the end. The process need not run on for it.
   */
  onUnread(afterMs: number, listener: () => void): void {
    if (this.#outcome.status !== "running") return;
    let [seen, head, quiet] = [this.#queue.chunks, this.#head, 0];
    const look = (): void => {
      // No chunk costs anything for this: what was taken shows in the queue.
      const isRead = this.#draining || this.#waiters.length > 0 || this.#head !== head || this.#queue.chunks !== seen;
      [seen, head, quiet] = [this.#queue.chunks, this.#head, isRead ? 0 : quiet + 1];
      if (quiet === UNREAD_LOOKS) listener();
      else timer = later(look, afterMs / UNREAD_LOOKS);
    };
    let timer = later(look, afterMs / UNREAD_LOOKS);
    this.#endWaiters.push(() => clearTimeout(timer));
  }

  /** For wrappers: only the rest of this reply is wanted, so what fails from now on is not begun again. */
  onlyRest(): void {
    if (this.#outcome.status === "running") this.#lastAttempt();
  }

  /**
   * For wrappers: whether the provider took the conversation's last turn as the beginning of this reply, so that its text goes on
   * exactly behind it. Known with the first chunk.
   */
  get continuesExactly(): boolean {
    return this.#source.facts.continuesExactly === true;
  }

  /** `await using stream = …` closes the connection when the block is left. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#leave();
  }

  #iterate<T>(take: () => T | undefined): AsyncIterableIterator<T> {
    if (this.#reader !== "none") {
      throw new SendError(
        "invalidRequest",
        "This stream has already been read. Keep its finalMessage(), or send again.",
      );
    }
    this.#reader = "iterator";
    return new Reading(
      () => this.#next(take),
      () => {
        this.#leave();
        this.#clear();
      },
    );
  }

  /** One promise: resolved at once when a chunk is there, else by the arrival of the next. */
  #next<T>(take: () => T | undefined): Promise<IteratorResult<T>> {
    let value: T | undefined;
    try {
      value = this.#waiters.length === 0 ? take() : undefined;
    } catch (error) {
      this.#thrown = true;
      return thrownToCaller(this.#collapse(error));
    }
    if (value !== undefined) return Promise.resolve({ done: false, value });
    return new Promise((resolve) => {
      this.#waiters.push({ take, resolve });
      if (this.#outcome.status !== "running") this.#deliver();
      else this.#pull();
    });
  }

  /** Settles whoever waits, in turn, as far as there are chunks or there is an end. */
  #deliver(): void {
    for (let waiter = this.#waiters[0]; waiter; waiter = this.#waiters[0]) {
      let value: unknown;
      try {
        value = waiter.take();
      } catch (error) {
        this.#waiters.shift();
        this.#thrown = true;
        waiter.resolve(thrownToCaller(this.#collapse(error)));
        continue;
      }
      if (value === undefined && this.#outcome.status === "running") return;
      this.#waiters.shift();
      if (value !== undefined) waiter.resolve({ done: false, value });
      else if (this.#outcome.status === "failed" && !this.#thrown) {
        this.#thrown = true;
        waiter.resolve(thrownToCaller(this.#outcome.error));
      } else waiter.resolve(DONE);
    }
  }

  #pull(): void {
    if (this.#asked) return;
    this.#pullAgain = this.#pulling;
    if (this.#pulling) return;
    this.#pulling = true;
    if (this.#head >= this.#queue.chunks.length) this.#clear();
    const at = this.#stopwatch.waiting();
    // A loop, not a recursion: a source may answer within the call.
    do {
      this.#pullAgain = false;
      this.#asked = true;
      try {
        this.#source.pull(at);
      } catch (error) {
        this.#collapse(error);
      }
    } while (this.#pullAgain && this.#outcome.status === "running");
    this.#pulling = false;
  }

  /** What cannot be read ends the stream, wherever that shows itself. Returns the error for who was about to read it. */
  #collapse(thrown: unknown): SendError {
    const error = sendErrorOf(thrown);
    this.#queue.chunks.length = Math.min(this.#folded, this.#queue.chunks.length);
    if (this.#outcome.status !== "running") return error;
    this.#close();
    this.#fail(error);
    return this.#failure ?? error;
  }

  get #failure(): SendError | undefined {
    return this.#outcome.status === "failed" ? this.#outcome.error : undefined;
  }

  /** A source that cannot be closed has been let go of all the same. */
  #close(): void {
    try {
      this.#source.close();
    } catch {
      // nobody is left to tell
    }
  }

  #clear(): void {
    this.#queue.chunks = [];
    this.#head = 0;
    this.#folded = 0;
  }

  #flush(): void {
    this.#asked = false;
    if (this.#outcome.status !== "running" || !this.#foldFresh()) return;
    if (this.#muted && this.#mutedTokensLeft <= 0) return this.#stop();
    if (this.#draining && this.#reader !== "iterator") this.#clear();
    if (this.#head < this.#queue.chunks.length) this.#deliver();
    if (this.#draining || this.#waiters.length > 0) this.#pull();
  }

  /** Returns false when there is something that cannot be folded: the stream is over then. */
  #foldFresh(): boolean {
    const fresh = this.#queue.chunks.length - this.#folded;
    if (fresh === 0) return true;
    try {
      if (this.#muted) this.#countUnseen();
      else this.#foldAll();
    } catch (error) {
      this.#collapse(error);
      return false;
    }
    if (!this.#muted) this.#stopwatch.arrived(fresh);
    return true;
  }

  #foldAll(): void {
    for (; this.#folded < this.#queue.chunks.length; this.#folded++) {
      const chunk = this.#queue.chunks[this.#folded];
      if (chunk) this.#fold.add(chunk);
    }
  }

  #countUnseen(): void {
    for (const chunk of this.#queue.chunks.splice(this.#folded)) this.#mutedTokensLeft -= this.#fold.addUnseen(chunk);
  }

  #end(message?: AssistantMessage): void {
    if (this.#outcome.status !== "running" || !this.#foldFresh()) return;
    // Who stopped has seen less than the relayed message says.
    if (this.#muted) this.#finish("drained");
    else this.#finish("whole", message);
  }

  /** The consumer goes. What is read for its bill is read on. */
  #leave(): void {
    if (!this.#muted) this.#stop();
  }

  #stop(): void {
    if (this.#outcome.status !== "running") return;
    this.#close();
    if (this.#outcome.status === "running") this.#finish("stopped");
  }

  #finish(ending: "whole" | "stopped" | "drained", relayed?: AssistantMessage): void {
    this.#stopwatch.ended();
    const message = (relayed as AssistantMessage<Output> | undefined) ?? this.#message(ending);
    this.#outcome = { status: ending === "whole" ? "whole" : "stopped", message };
    const final: FinalChunk<Output> = { type: "final", content: "", message, isFinal: true };
    this.#queue.chunks.push(final);
    this.#settle(message, undefined);
  }

  #fail(error: SendError): void {
    if (this.#outcome.status !== "running" || !this.#foldFresh()) return;
    if (this.#muted) return this.#finish("stopped");
    this.#stopwatch.ended();
    const arrived = error.partial ?? this.#message("interrupted");
    const { attempts, redactions = [] } = this.#source.facts;
    let failure = error;
    if (!error.partial) {
      for (const redact of redactions) failure = failure.redactedBy(redact);
      failure = failure.with({ partial: arrived, attempts });
    }
    const { partial = arrived } = failure;
    this.#outcome = { status: "failed", error: failure };
    // Whoever aborts wants nothing more; every other failure comes after what had arrived.
    if (failure.kind === "aborted") this.#clear();
    this.#settle(partial, failure);
  }

  #settle(message: AssistantMessage, error: SendError | undefined): void {
    for (const listener of this.#endListeners.splice(0)) tell(listener, message, error);
    this.#deliver();
    for (const wake of this.#endWaiters.splice(0)) wake();
  }

  #drainMuted(limits: DrainLimits): void {
    if (this.#muted) return; // the first limits hold
    const { withinMs = DRAIN_LIMITS.withinMs, maxTokens = DRAIN_LIMITS.maxTokens } = limits;
    this.#muted = true;
    this.#mutedTokensLeft = maxTokens;
    this.#draining = true;
    this.#lastAttempt();
    if (this.#outcome.status !== "running") return;
    const limit = setTimeout(() => this.#stop(), Math.min(withinMs, MAX_TIMER_MS));
    this.#endWaiters.push(() => clearTimeout(limit));
    this.#pull();
  }

  #lastAttempt(): void {
    try {
      this.#source.lastAttempt?.();
    } catch (error) {
      this.#collapse(error);
    }
  }

  #ending(): Promise<AssistantMessage<Output>> {
    // `stop()` and `finalMessage()` need not be awaited; whoever awaits still gets the error.
    const forgive = (): void => void ending.catch(() => undefined);
    const ending = new Promise<AssistantMessage<Output>>((resolve) => {
      const settle = () => {
        if (this.#outcome.status === "failed") resolve(thrownToCaller(this.#outcome.error, forgive));
        else if (this.#outcome.status !== "running") resolve(this.#outcome.message);
      };
      if (this.#outcome.status === "running") this.#endWaiters.push(settle);
      else settle();
    });
    return ending;
  }

  /** The one place where the value's type is taken on trust: the schema it was held against says so. */
  #message(ending: Ending): AssistantMessage<Output> {
    const message = this.#fold.message(ending, (tokens) =>
      this.#stopwatch.read([...this.#source.facts.attempts], tokens),
    );
    return this.#completed(message) as AssistantMessage<Output>;
  }

  /** What only the source knows is left out where it cannot say it. */
  #completed(message: AssistantMessage): AssistantMessage {
    try {
      return this.#source.complete?.(message) ?? message;
    } catch {
      return message;
    }
  }
}

/** A timer that no process need wait for. */
function later(task: () => void, afterMs: number): ReturnType<typeof setTimeout> {
  const timer = setTimeout(task, Math.min(afterMs, MAX_TIMER_MS));
  timer.unref?.();
  return timer;
}

/** A loop over a stream. A class, because a literal with a symbol among its names is put together anew, name by name, each time. */
class Reading<T> implements AsyncIterableIterator<T> {
  readonly next: () => Promise<IteratorResult<T>>;
  readonly #leave: () => void;

  constructor(next: () => Promise<IteratorResult<T>>, leave: () => void) {
    this.next = next;
    this.#leave = leave;
  }

  return(): Promise<IteratorResult<T>> {
    this.#leave();
    return Promise.resolve(DONE);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

/** A listener that throws is its own affair: it is reported as uncaught, and keeps nobody else from learning of the end. */
function tell(listener: EndListener, message: AssistantMessage, error: SendError | undefined): void {
  try {
    listener(message, error);
  } catch (thrown) {
    queueMicrotask(() => {
      throw thrown;
    });
  }
}
