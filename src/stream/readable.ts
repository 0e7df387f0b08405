/** A reply whose chunks come from elsewhere: another thread, or somebody's generator. */

import type { MessageChunk } from "../chunk.ts";
import { SendError, type SendErrorData } from "../errors.ts";
import type { ReplyFacts } from "../fold.ts";
import type { ChunkSink, ChunkSource } from "./message-stream.ts";

/** Reads one chunk at a time, only when asked. A transferred stream's errors become `SendError`s again. */
export function readableSource(
  chunks: ReadableStream<MessageChunk> | AsyncIterable<MessageChunk>,
  sink: ChunkSink,
): ChunkSource {
  const facts: ReplyFacts = { provider: "", model: "", attempts: [] };
  const { read, cancel } = readerOf(chunks);

  function release(): void {
    cancel().catch(() => undefined); // nobody is left to tell
  }

  function deliver({ done, value }: IteratorResult<MessageChunk, unknown>): void {
    if (done) return sink.fail(new SendError("truncated", "The chunks ended without a final one."));
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
    pull: () =>
      void read()
        .then(deliver)
        .catch((error: unknown) => sink.fail(sendErrorOf(error))),
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
  return { read: () => iterator.next(), cancel: async () => iterator.return?.() };
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
