/** The stream of `relayClient`: a `MessageStream` that carries no more than a viewer needs. */

import type { MessageChunk } from "../contract/chunk.ts";
import { SendError } from "../contract/errors.ts";
import type { AssistantMessage } from "../contract/message.ts";
import { MAX_TIMER_MS } from "../platform/clock.ts";
import { thrownToCaller } from "../stream/caller-stack.ts";
import { type Ending, type EndListener, notify } from "../stream/ending.ts";
import type { MessageStream } from "../stream/message-stream.ts";
import { type DrainLimits, MAX_DRAIN_MS, MAX_DRAIN_TOKENS } from "../stream/source.ts";
import type { Stopwatch } from "../stream/stopwatch.ts";
import { withFacts } from "./error-facts.ts";
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
type PublicStream = Pick<MessageStream, keyof MessageStream>;

/** Returns a stream that reads a relayed reply as its consumer asks. */
export function viewerStream(reply: RelayedReply, stopwatch: Stopwatch): PublicStream {
  /** Chunks that have arrived and are not taken. */
  let queue: MessageChunk[] = [];
  const waiters: Waiter[] = [];
  /** The first reader: a loop, which gets the chunks, or `finalMessage`, which drops them. */
  let reader: "loop" | "finalMessage" | undefined;
  /** The reply is read to its end without waiting for the consumer. */
  let isDraining = false;
  /** After `stop({ drain })`: the chunks are counted and not shown, up to so many tokens. */
  let tokensLeft: number | undefined;
  let isReading = false;
  let isOver = false;
  let outcome: Outcome | undefined;
  const replaceFailures: Parameters<MessageStream["replaceFailure"]>[0][] = [];
  const endListeners: EndListener[] = [];
  const endWaiters: (() => void)[] = [];

  const messageAt = (ending: Ending): AssistantMessage => reply.message(ending, stopwatch);

  /** Resolves the pending `next()`s in turn, as far as there are chunks or there is an end. */
  const deliver = (): void => {
    for (let waiter = waiters[0]; waiter; waiter = waiters[0]) {
      const value = waiter.take();
      if (value === undefined && !outcome) return;
      waiters.shift();
      if (value !== undefined) waiter.resolve({ done: false, value });
      else if (!outcome?.error || outcome.isThrown) waiter.resolve(DONE);
      else {
        outcome.isThrown = true;
        waiter.resolve(thrownToCaller(outcome.error));
      }
    }
  };

  /** Takes the chunks that have arrived. The message has them, so the consumer gets them also when the reply ends. */
  const take = (): void => {
    const chunks = reply.takeReady();
    if (chunks.length === 0) return;
    if (tokensLeft !== undefined) {
      for (const chunk of chunks) tokensLeft -= reply.count(chunk);
      if (tokensLeft <= 0) stop(true);
      return;
    }
    stopwatch.arrived(chunks.length);
    if (reader === "finalMessage") return;
    for (const chunk of chunks) queue.push(chunk);
    deliver();
  };

  const settle = (ended: Outcome): void => {
    outcome = ended;
    for (const listener of endListeners.splice(0)) notify(listener, ended.message, ended.error);
    deliver();
    for (const wake of endWaiters.splice(0)) wake();
  };

  const finish = (ending: Ending): void => {
    stopwatch.ended();
    const message = messageAt(ending);
    queue.push({ type: "final", content: "", message, isFinal: true });
    settle({ message });
  };

  const fail = (thrown: unknown): void => {
    if (isOver) return;
    isOver = true;
    take();
    const failure = replaceFailures.reduce((error, replace) => replace(error), failureFrom(thrown));
    reply.close(failure.kind, false, failure.status);
    if (tokensLeft !== undefined) return finish("stopped");
    stopwatch.ended();
    const message = messageAt("interrupted");
    const { provider, model, attempts } = reply.facts;
    // A caller who aborts wants nothing more; every other failure comes after the chunks that had arrived.
    if (failure.kind === "aborted") queue = [];
    settle({ message, error: withFacts(failure, { provider, model, partial: message, attempts: [...attempts] }) });
  };

  const stop = (isStopped: boolean): void => {
    if (isOver) return;
    isOver = true;
    take();
    reply.close("stopped", isStopped);
    finish("stopped");
  };

  /** The consumer leaves; a reply that is read for its usage is read on. */
  const leave = (): void => {
    if (tokensLeft === undefined) stop(false);
  };

  /** Reads on while more is wanted. */
  const read = async (): Promise<void> => {
    if (isReading) return;
    isReading = true;
    try {
      while (!isOver && (isDraining || waiters.length > 0)) {
        stopwatch.waiting();
        const isMore = await reply.next();
        if (isOver) return;
        if (isMore) take();
        else {
          isOver = true;
          reply.close("answered");
          finish(tokensLeft === undefined ? "complete" : "drained");
        }
      }
    } catch (error) {
      fail(error);
    }
    isReading = false;
  };

  /** Reads on for the usage: shows nothing more. */
  const mute = ({ withinMs = MAX_DRAIN_MS, maxTokens = MAX_DRAIN_TOKENS }: DrainLimits): void => {
    take(); // what came before is shown
    tokensLeft = maxTokens;
    isDraining = true;
    reply.mute();
    const limit = setTimeout(stop, Math.min(withinMs, MAX_TIMER_MS), true);
    endWaiters.push(() => clearTimeout(limit));
    void read();
  };

  /** Resolves with the message at the end, whichever reader reads until there; rejects with the failure. */
  const ending = (): Promise<AssistantMessage> => {
    // `stop()` and `finalMessage()` need not be awaited; a caller that awaits them still gets the error.
    const forgive = (): void => void ended.catch(() => undefined);
    const ended = new Promise<AssistantMessage>((resolve) => {
      const end = (): void => {
        const error = outcome?.error;
        resolve(error ? thrownToCaller(error, forgive) : stream.partial);
      };
      if (outcome) end();
      else endWaiters.push(end);
    });
    return ended;
  };

  /** @throws {SendError} when the stream is already being read */
  const iterate = <T>(taken: () => T | undefined): AsyncIterableIterator<T> => {
    if (reader) {
      const message = "This stream has already been read. Keep its finalMessage(), or send again.";
      throw new SendError("invalidRequest", message);
    }
    reader = "loop";
    return {
      next: () =>
        new Promise((resolve) => {
          waiters.push({ take: taken, resolve });
          deliver();
          void read();
        }),
      return: async () => {
        leave();
        queue = [];
        return DONE;
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  };

  const stream: PublicStream = {
    get partial() {
      return outcome?.message ?? messageAt("running");
    },
    get writer() {
      return reply.facts;
    },
    get metrics() {
      return outcome?.message.metrics ?? stopwatch.read(reply.facts, reply.outputTokens());
    },
    get waiting(): MessageStream["waiting"] {
      return isDraining || waiters.length > 0 ? { phase: "reply", waitedMs: stopwatch.waitedMs } : undefined;
    },
    continuesExactly: false,
    redactions: undefined, // a relay has the secrets
    [Symbol.asyncIterator]: () => iterate(() => queue.shift()),
    batches: () =>
      iterate(() => {
        const batch = queue.splice(0);
        return batch[0] && batch;
      }),
    text: () =>
      iterate(() => {
        for (;;) {
          const chunk = queue.shift();
          if (!chunk || chunk.content) return chunk?.content;
        }
      }),
    partialObject() {
      throw unsupported("partialObject()", "Use `partialObject(stream)` of `cloudllm/web`.");
    },
    finalMessage() {
      reader ??= "finalMessage";
      isDraining = true;
      void read();
      return ending();
    },
    stop({ drain } = {}) {
      if (!drain) stop(true);
      else if (!isOver && tokensLeft === undefined) mute(drain === true ? {} : drain);
      return ending();
    },
    toReadableStream() {
      const chunks = stream[Symbol.asyncIterator]();
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
          cancel: leave,
        },
        { highWaterMark: 0 },
      );
    },
    onEnd(listener) {
      if (outcome) notify(listener, outcome.message, outcome.error);
      else endListeners.push(listener);
    },
    onUnread() {
      throw unsupported("onUnread()", "Note when your loop takes a chunk.");
    },
    onArrival(listener) {
      stopwatch.onArrival = listener;
    },
    replaceFailure(replace) {
      replaceFailures.push(replace);
    },
    onlyRest() {}, // a relay retries by itself
    async [Symbol.asyncDispose]() {
      leave();
    },
  };
  reply.over.addEventListener("abort", () => fail(reply.over.reason));
  return stream;
}

function unsupported(method: string, instead: string): SendError {
  return new SendError("unsupported", `A stream of \`relayClient\` has no \`${method}\`. ${instead}`);
}
