/** The stream that a client's caller gets: a reply that is being written, as its consumer reads it. */

import type { MessageChunk } from "../contract/chunk.ts";
import { SendError } from "../contract/errors.ts";
import type { AssistantMessage } from "../contract/message.ts";
import type { ReplyMetrics } from "../contract/metrics.ts";
import { type Clock, systemClock } from "../platform/clock.ts";
import { DONE } from "./chunk-queue.ts";
import type { DeepPartial } from "./deep-partial.ts";
import type { EndListener } from "./ending.ts";
import { PartialOutput } from "./partial-output.ts";
import type { ReplyFacts } from "./reply-facts.ts";
import type { ChunkSource, DrainLimits } from "./source.ts";
import type { ArrivalListener } from "./stopwatch.ts";
import { StreamState } from "./stream-state.ts";
import { readableOf, readableSource } from "./transfer.ts";
import { watchUnread } from "./unread.ts";

/** Options for the constructor of a `MessageStream`, and for `openStream`. */
export interface StreamOptions {
  /** Default: `performance.now`. */
  readonly now?: Clock | undefined;
  /** When the call was made, on the same clock. Default: now. */
  readonly startedAt?: number | undefined;
}

/**
 * A reply that is being written. Read it once, in whichever way suits: `for await (const chunk of stream)`,
 * `batches()`, `text()`, `partialObject()`, `toReadableStream()`, or just `finalMessage()`. Leaving the loop closes the
 * connection.
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
  readonly #state: StreamState;

  /**
   * For authors of a `ChunkSource`; `openStream` also waits until the source is open. Callers get streams from a
   * `ClientWrapper`.
   * @throws {TypeError} when an argument is invalid
   */
  constructor(source: ChunkSource, options: StreamOptions = {}) {
    if (typeof source?.attach !== "function") throw new TypeError("`source` must be a `ChunkSource`.");
    const { now = systemClock(), startedAt = now() } = options ?? {};
    this.#state = new StreamState(source, now, startedAt);
  }

  /**
   * A stream of chunks that come from elsewhere: from another thread (`toReadableStream()` there), or from an async
   * generator that yields `MessageChunk`s and ends with the final one. Chunks without a final one fail as `truncated`.
   * `signal` fails it as `aborted`: a thread that ends in the middle sends no signal, so let its end fire one.
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

  /** Returns the reply so far as a message; the complete message after the end. */
  get partial(): AssistantMessage<Output> {
    return this.#state.message as AssistantMessage<Output>;
  }

  /** Returns who writes the reply, in less time than `partial`. For the relay. @internal */
  get writer(): Pick<AssistantMessage, "provider" | "model"> {
    return this.#state.source.facts;
  }

  /** Returns the timing so far; after the end, that of the final message. */
  get metrics(): ReplyMetrics {
    return this.#state.metrics;
  }

  /**
   * The chunks, one by one. Leaving the loop early closes the connection.
   * @throws {SendError} when the reply fails, or at once when the stream is already being read.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<MessageChunk<Output>> {
    const { queue } = this.#state;
    return this.#iterate(() => queue.take() as MessageChunk<Output> | undefined);
  }

  /**
   * Returns the chunks in arrays, one for everything that arrived in one read: the least overhead. Arrays are never
   * empty.
   * @throws {SendError} when the reply fails, or at once when the stream is already being read
   */
  batches(): AsyncIterableIterator<readonly MessageChunk<Output>[]> {
    const { queue } = this.#state;
    return this.#iterate(() => queue.takeAll() as MessageChunk<Output>[] | undefined);
  }

  /**
   * Returns the visible text alone, piece by piece. Text that a recovery takes back (`rewind`) stays in it.
   * @throws {SendError} when the reply fails, or at once when the stream is already being read
   */
  text(): AsyncIterableIterator<string> {
    const { queue } = this.#state;
    return this.#iterate(() => {
      for (let chunk = queue.take(); chunk; chunk = queue.take()) if (chunk.content) return chunk.content;
      return undefined;
    });
  }

  /**
   * Returns views of the value that the option `output` asked for, while it is written: one for each read that added to
   * it. Each view is complete up to where the model is, and later chunks do not change it (see `PartialJson`). The last
   * view is the complete value as written; `finalMessage().output` is the value as the schema returned it. The loop
   * ends without an error only when the value fits. A text that is not JSON shows nothing.
   * @typeParam Partial the type of the views, unchecked: only the complete value is validated. It is a parameter so
   * that a `MessageStream<A>` stays assignable to a `MessageStream<unknown>`
   * @throws {SendError} kind `invalidOutput`, with the text on `partial`, when the complete value does not fit; and
   * every error that a loop over the stream throws
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
    const { queue } = this.#state;
    const output = new PartialOutput();
    let shown: unknown;
    return this.#iterate(() => {
      for (let chunk = queue.take(); chunk; chunk = queue.take()) output.add(chunk);
      const { value } = output;
      if (value === shown) return undefined;
      shown = value;
      return value as Partial;
    });
  }

  /**
   * Resolves with the complete message after reading the rest. Chunks that a loop has not taken yet stay there for it.
   * After `stop()` or a `break`, the message has `finishReason: "stopped"` and no `output`; so `output` is optional in
   * the type of every stream's message. `sendMessage` types it as present.
   * @throws {SendError} when the reply fails.
   */
  finalMessage(): Promise<AssistantMessage<Output>> {
    this.#state.drain();
    return this.#ending();
  }

  /**
   * Ends the reply here: the connection closes at once, the loop gets its final chunk, and the message so far resolves.
   * With `drain`, the rest is read in the background and not shown, also when the loop is left. So `usage` is the
   * provider's exact bill; the connection closes when a limit is reached (see `DrainLimits`), and the bill is an
   * estimate then, as it is when the reply fails meanwhile.
   */
  stop(options: { readonly drain?: boolean | DrainLimits | undefined } = {}): Promise<AssistantMessage<Output>> {
    const { drain } = options;
    if (drain) this.#state.drainMuted(drain === true ? {} : drain);
    else this.#state.stop();
    return this.#ending();
  }

  /**
   * Returns the chunks as a web stream, which may be transferred to another thread; `MessageStream.from` reads it
   * there. A failure rejects its reader with the `SendError`, whose `cause` is the same in plain form: an error's own
   * fields do not survive a transfer, its cause does. Cancelling it there closes the connection here. A thread that
   * just ends sends no signal: stop the stream when it has (`worker.once("exit", () => stream.stop())`); else the
   * connection closes only when the garbage collector finds the other end gone.
   */
  toReadableStream(): ReadableStream<MessageChunk<Output>> {
    return readableOf(this[Symbol.asyncIterator](), () => this.#state.leave());
  }

  /**
   * Calls `listener` once, on every ending, before the consumer learns of it; at once when the reply is over already.
   * For wrappers that keep books. A failure is still thrown at the consumer. An error that a listener throws is an
   * uncaught exception of the program; it affects neither the stream nor the other listeners.
   */
  onEnd(listener: EndListener): void {
    this.#state.onEnd(listener);
  }

  /**
   * Calls `listener` once, when no consumer has taken a chunk or waited for one for `afterMs` milliseconds (or up to a
   * quarter more, after an earlier read); never after the end. For wrappers. Its timer does not keep the process alive.
   * @throws {SendError} kind `unsupported` for a stream of `relayClient`
   */
  onUnread(afterMs: number, listener: () => void): void {
    watchUnread(this.#state, afterMs, listener);
  }

  /**
   * Calls `listener` with each read that brings chunks, for telemetry: see `ArrivalListener`. It must not throw.
   * @internal
   */
  onArrival(listener: ArrivalListener): void {
    this.#state.onArrival(listener);
  }

  /**
   * Returns what the consumer waits for, and since how many milliseconds; `undefined` while it does not wait.
   * @internal
   */
  get waiting(): { readonly phase: "reply" | "tools"; readonly waitedMs: number } | undefined {
    const { isRead, source, waitedMs } = this.#state;
    return isRead ? { phase: source.waitsForTools ? "tools" : "reply", waitedMs } : undefined;
  }

  /** Passes a failure of the reply through `replace` before a consumer learns of it. For wrappers. @internal */
  replaceFailure(replace: (error: SendError) => SendError): void {
    const { replaceFailure: own } = this.#state;
    this.#state.replaceFailure = own ? (error) => replace(own(error)) : replace;
  }

  /** Stops retries of this reply: only its rest is wanted. For the wrappers of this package. @internal */
  onlyRest(): void {
    this.#state.lastAttempt();
  }

  /**
   * Returns, for wrappers, whether the provider took the conversation's last turn as the beginning of this reply, so
   * that its text continues exactly where that turn ends. Known with the first chunk.
   * @internal
   */
  get continuesExactly(): boolean {
    return this.#state.source.facts.continuesExactly === true;
  }

  /** Returns what keeps the secrets of its requests out of errors. For the wrappers of this package. @internal */
  get redactions(): ReplyFacts["redactions"] {
    return this.#state.source.facts.redactions;
  }

  /** `await using stream = …` closes the connection when the block is left. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#state.leave();
  }

  /** @throws {SendError} when the stream is already being read */
  #iterate<T>(take: () => T | undefined): AsyncIterableIterator<T> {
    const state = this.#state;
    if (state.beginLoop()) return new ChunkIterator(state, take);
    throw new SendError("invalidRequest", "This stream has already been read. Keep its finalMessage(), or send again.");
  }

  #ending(): Promise<AssistantMessage<Output>> {
    return this.#state.ending() as Promise<AssistantMessage<Output>>;
  }
}

/**
 * A loop over a stream. A class, because a literal with a symbol among its names is put together name by name each
 * time.
 */
class ChunkIterator<T> implements AsyncIterableIterator<T> {
  readonly #state: StreamState;
  readonly #take: () => T | undefined;

  constructor(state: StreamState, take: () => T | undefined) {
    this.#state = state;
    this.#take = take;
  }

  next(): Promise<IteratorResult<T>> {
    return this.#state.next(this.#take);
  }

  return(): Promise<IteratorResult<T>> {
    this.#state.leave();
    this.#state.queue.clear();
    return Promise.resolve(DONE);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
