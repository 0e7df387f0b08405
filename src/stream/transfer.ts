/** A reply whose chunks come from elsewhere: another thread, or the caller's generator. */

import type { MessageChunk } from "../contract/chunk.ts";
import { withFacts } from "../contract/error-copies.ts";
import { isSendErrorKind } from "../contract/error-kind.ts";
import { SendError, type SendErrorData } from "../contract/errors.ts";
import { offAbort, onAbort } from "../platform/abort.ts";
import { MAX_TIMER_MS } from "../platform/clock.ts";
import { typeText } from "../platform/received.ts";
import { messageOf } from "../platform/text-of.ts";
import { chunkFault } from "./chunk-fault.ts";
import type { ReplyFacts } from "./reply-facts.ts";
import { type ChunkSource, failureOf, NO_SINK } from "./source.ts";

/**
 * Reads one chunk at a time, only when asked. A transferred stream's errors become `SendError`s again. `signal` ends
 * the stream as it ends a call.
 */
export function readableSource(
  chunks: ReadableStream<MessageChunk> | AsyncIterable<MessageChunk>,
  signal?: AbortSignal,
): ChunkSource {
  const facts: ReplyFacts = { provider: "", model: "", attempts: [] };
  const { read, cancel } = openReader(chunks);
  let sink = NO_SINK;
  let isOver = false;

  function release(): void {
    isOver = true;
    offAbort(signal, abort);
    cancel().catch(() => undefined); // the stream is over: no reader is left
  }

  function fail(error: SendError): void {
    release();
    sink.fail(error);
  }

  function abort(): void {
    fail(new SendError("aborted", "The caller's signal ended the stream.", { cause: signal?.reason }));
  }

  function deliver({ done, value }: IteratorResult<MessageChunk, unknown>): void {
    if (isOver) return; // a generator cannot abort its own wait
    if (done) return fail(new SendError("truncated", "The chunks ended without a final one."));
    const fault = chunkFault(value);
    if (fault) return fail(new SendError("protocol", `A chunk of this stream ${fault}.`, { retryable: false }));
    if (value.type === "final") {
      const { provider, model, usage } = value.message;
      Object.assign(facts, { provider, model, ...(usage && { usage }) });
      release(); // a generator waits after its last `yield`: its `finally` must run
      return sink.end(value.message);
    }
    sink.chunks.push({ ...value }); // as it is now, also if the object changes later
    sink.flush();
  }

  return {
    facts,
    attach(to) {
      sink = to;
      onAbort(signal, abort);
    },
    pull() {
      if (signal?.aborted) return abort();
      const broken = (error: unknown): void => fail(sendErrorOf(error));
      try {
        read().then(deliver).catch(broken);
      } catch (error) {
        broken(error);
      }
    },
    close: release,
  };
}

interface ChunkReader {
  read(): Promise<IteratorResult<MessageChunk, unknown>>;
  cancel(): Promise<unknown>;
}

/** @throws {SendError} kind `invalidRequest` for a value that cannot be read, or is being read already */
function openReader(chunks: ReadableStream<MessageChunk> | AsyncIterable<MessageChunk>): ChunkReader {
  try {
    return readerOf(chunks);
  } catch (cause) {
    throw new SendError("invalidRequest", `The chunks cannot be read: ${messageOf(cause)}.`, { cause });
  }
}

function readerOf(chunks: ReadableStream<MessageChunk> | AsyncIterable<MessageChunk>): ChunkReader {
  if (typeof chunks !== "object" || chunks === null || !("getReader" in chunks || Symbol.asyncIterator in chunks))
    throw new TypeError(`they must be a ReadableStream or an AsyncIterable, not ${typeText(chunks)}`);
  if ("getReader" in chunks) {
    const reader = chunks.getReader();
    return {
      read: () => reader.read() as Promise<IteratorResult<MessageChunk, unknown>>,
      cancel: async () => reader.cancel(),
    };
  }
  const iterator = chunks[Symbol.asyncIterator]();
  return { read: async () => iterator.next(), cancel: async () => iterator.return?.() };
}

const nothing = (): void => undefined;

/** Calls `stop` for streams whose reader is lost. Made at the first use. */
let abandoned: FinalizationRegistry<() => void> | undefined;

/**
 * Returns the chunks as a web stream; `stop` is called when its reader cancels it, and when it is lost. A thread that
 * ends takes its end of a transferred stream with it and sends no signal: then the garbage collector finds this end,
 * sooner or later.
 */
export function readableOf<T>(chunks: AsyncIterator<T>, stop: () => void): ReadableStream<T> {
  abandoned ??= new FinalizationRegistry((stopLost) => stopLost());
  const end = {};
  let staying: ReturnType<typeof setInterval> | undefined;
  const over = (): void => {
    clearInterval(staying);
    abandoned?.unregister(end);
  };
  const lost = (): void => {
    over();
    stop();
  };
  const readable = new ReadableStream<T>(
    {
      async pull(controller) {
        // Its reader may be in another thread, which this one must not end before: nothing else keeps this one alive.
        staying ??= setInterval(nothing, MAX_TIMER_MS);
        try {
          const { done, value } = await chunks.next();
          if (!done) return controller.enqueue(value);
          controller.close();
        } catch (error) {
          controller.error(error instanceof SendError ? error.forTransfer() : error);
        }
        over();
      },
      cancel: lost,
    },
    { highWaterMark: 0 },
  );
  abandoned.register(readable, lost, end);
  return readable;
}

/**
 * Returns the error of a stream, or of another party's client, as a `SendError`. Never throws.
 * @param source what has failed, for the message
 */
export function sendErrorOf(error: unknown, source = "source of this stream"): SendError {
  const failure = failureOf(error, source);
  const { cause } = failure;
  try {
    if (failure !== error && cause instanceof Error && isSendErrorData(cause.cause)) return SendError.from(cause.cause);
  } catch {
    // a proxy, or accessors that throw
  }
  return failure;
}

/** Returns the error with which a client has refused a call. An error of another class after the signal is its end. */
export function refusalOf(
  error: unknown,
  { provider, model }: Pick<ReplyFacts, "provider" | "model">,
  signal?: AbortSignal,
): SendError {
  const refusal = sendErrorOf(error, "client");
  if (refusal === error) return refusal;
  if (!signal?.aborted || refusal.kind !== "protocol") return withFacts(refusal, { provider, model });
  const cause: unknown = signal.reason;
  return new SendError("aborted", "The caller's signal ended the call.", { provider, model, cause });
}

function isSendErrorData(value: unknown): value is SendErrorData {
  if (typeof value !== "object" || value === null) return false;
  const { kind, message, partial, attempts } = value as Partial<Record<keyof SendErrorData, unknown>>;
  const isMessage = partial === undefined || (typeof partial === "object" && partial !== null && "content" in partial);
  return isSendErrorKind(kind) && typeof message === "string" && isMessage && isAbsentOrArray(attempts);
}

function isAbsentOrArray(value: unknown): boolean {
  return value === undefined || Array.isArray(value);
}
