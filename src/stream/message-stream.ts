/** The stream that a client's caller gets. */

import type { MessageChunk } from "../contract/chunk.ts";
import { Fold } from "./fold.ts";
import { PartialOutput } from "./partial-output.ts";
import { ReplyStream, type StreamOptions } from "./reply-stream.ts";
import type { ChunkSource } from "./source.ts";
import type { StreamParts } from "./stream-parts.ts";
import { readableOf, readableSource } from "./transfer.ts";
import { watchUnread } from "./unread.ts";

/** The complete ones. */
const ALL_PARTS: StreamParts = {
  fold: (facts) => new Fold(facts),
  partialOutput: () => new PartialOutput(),
  readableOf,
  watchUnread,
};

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
export class MessageStream<out Output = unknown> extends ReplyStream<Output> {
  /**
   * For authors of a `ChunkSource`; `openStream` also waits until the source is open. Callers get streams from a
   * `ClientWrapper`.
   */
  constructor(source: ChunkSource, options: StreamOptions = {}) {
    super(source, ALL_PARTS, options);
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
}
