/** A reply whose chunks come from elsewhere: another thread, or somebody's generator. */

import { offAbort, onAbort } from "../abort.ts";
import type { MessageChunk } from "../chunk.ts";
import { SendError, type SendErrorData } from "../errors.ts";
import type { ReplyFacts } from "../fold.ts";
import type { ChunkSink, ChunkSource } from "./message-stream.ts";

/**
 * Reads one chunk at a time, only when asked. A transferred stream's errors become `SendError`s again. `signal` ends the
 * stream as it ends a call.
 */
export function readableSource(
  chunks: ReadableStream<MessageChunk> | AsyncIterable<MessageChunk>,
  sink: ChunkSink,
  signal?: AbortSignal,
): ChunkSource {
  const facts: ReplyFacts = { provider: "", model: "", attempts: [] };
  const { read, cancel } = readerOf(chunks);
  let isOver = false;
  onAbort(signal, abort);

  function release(): void {
    isOver = true;
    offAbort(signal, abort);
    cancel().catch(() => undefined); // nobody is left to tell
  }

  function fail(error: SendError): void {
    release();
    sink.fail(error);
  }

  function abort(): void {
    fail(new SendError("aborted", "The caller's signal ended the stream.", { cause: signal?.reason }));
  }

  function deliver({ done, value }: IteratorResult<MessageChunk, unknown>): void {
    if (isOver) return; // a generator does not break off what it waits for
    if (done) return fail(new SendError("truncated", "The chunks ended without a final one."));
    if (value.type === "final") {
      const { provider, model, usage } = value.message;
      Object.assign(facts, { provider, model, ...(usage && { usage }) });
      release(); // a generator waits after its last `yield`: its `finally` must run
      return sink.end(value.message);
    }
    sink.chunks.push(value);
    sink.flush();
  }

  return {
    facts,
    pull() {
      if (signal?.aborted) return abort();
      read()
        .then(deliver)
        .catch((error: unknown) => fail(sendErrorOf(error)));
    },
    close: release,
  };
}

interface ChunkReader {
  read(): Promise<IteratorResult<MessageChunk, unknown>>;
  cancel(): Promise<unknown>;
}

function readerOf(chunks: ReadableStream<MessageChunk> | AsyncIterable<MessageChunk>): ChunkReader {
  if ("getReader" in chunks) {
    const reader = chunks.getReader();
    return {
      read: () => reader.read() as Promise<IteratorResult<MessageChunk, unknown>>,
      cancel: () => reader.cancel(),
    };
  }
  const iterator = chunks[Symbol.asyncIterator]();
  return { read: async () => iterator.next(), cancel: async () => iterator.return?.() };
}

/** Streams that somebody may read, and what to do when nobody can any more. Made at the first use. */
let abandoned: FinalizationRegistry<() => void> | undefined;

/**
 * The chunks as a web stream; `stop` is called when its reader cancels it, and when it is lost. A thread that ends takes its
 * end of a transferred stream with it and tells nobody: then the garbage collector finds this end, sooner or later.
 */
export function readableOf<T>(chunks: AsyncIterator<T>, stop: () => void): ReadableStream<T> {
  abandoned ??= new FinalizationRegistry((stopLost) => stopLost());
  const end = {};
  const readable = new ReadableStream<T>(
    {
      async pull(controller) {
        try {
          const { done, value } = await chunks.next();
          if (!done) return controller.enqueue(value);
          controller.close();
        } catch (error) {
          controller.error(error instanceof SendError ? error.forTransfer() : error);
        }
        abandoned?.unregister(end);
      },
      cancel() {
        abandoned?.unregister(end);
        stop();
      },
    },
    { highWaterMark: 0 },
  );
  abandoned.register(readable, stop, end);
  return readable;
}

/** Whatever a stream threw, as the one error there is. */
export function sendErrorOf(error: unknown): SendError {
  if (error instanceof SendError) return error;
  if (error instanceof Error && isSendErrorData(error.cause)) return SendError.from(error.cause);
  const message = error instanceof Error ? error.message : String(error);
  return new SendError("protocol", `The source of this stream failed: ${message}`, { cause: error, retryable: false });
}

function isSendErrorData(value: unknown): value is SendErrorData {
  return typeof value === "object" && value !== null && "kind" in value && "message" in value;
}
