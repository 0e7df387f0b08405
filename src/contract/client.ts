/** The one contract: something that answers messages, whole or streamed. Its laws stand here; one suite checks them. */

import type { MessageStream } from "../stream/message-stream.ts";
import type { AssistantMessage, Message, MessageWithOutput } from "./message.ts";
import type { SendOptions, Tool } from "./options.ts";

/**
 * The reply to a call with these options: with `output` and without `tools` to ask for first it has the value, or the call has
 * failed. A client whose constructor was given tools may still ask for those.
 */
export type ReplyTo<Output, Tools> = unknown extends Output
  ? AssistantMessage<Output>
  : [Tools] extends [undefined]
    ? MessageWithOutput<Output>
    : AssistantMessage<Output>;

/** A reply as `ReplyTo` types it: the compiler cannot decide that where the options are not known yet. */
export function typedReply<Output, Tools>(reply: AssistantMessage<Output>): ReplyTo<Output, Tools> {
  return reply as ReplyTo<Output, Tools>;
}

/**
 * Something that answers messages. Provider clients, wrappers around them, fakes for tests and whatever you write
 * yourself are all `ClientWrapper`s, and all keep these laws:
 *
 * 1. **Opens, then flows.** `sendMessageStream` resolves when the provider has accepted the request; a refusal rejects
 *    there. Nothing is sent twice for one call unless `metrics.attempts` says so.
 * 2. **Ends once.** A stream that succeeds yields exactly one chunk with `isFinal`, last, after usage is known. The text
 *    of all chunks joined (rewinds applied) equals `message.content`.
 * 3. **Half is not whole.** A body that ends without the protocol's own end throws kind `truncated`. A cut tool call is
 *    never delivered as whole. Unknown finish reasons are `"unknown"`, never `"stop"`.
 * 4. **Fails by throwing**, only ever a `SendError`, with everything that did arrive on `error.partial`. No failure is an
 *    item, a callback or silence; none becomes an unhandled rejection.
 * 5. **Stops when you stop.** `break`, `return`, a thrown error in the loop, `await using`, `stream.stop()` and the
 *    caller's signal close the provider's socket at once, also while waiting for a token or for the headers. `stop()` is
 *    a normal end (`finishReason: "stopped"`); the signal is an error (kind `aborted`).
 * 6. **Holds nothing back, holds nothing up.** A chunk is deliverable as soon as its bytes are there; the socket is read
 *    only when the consumer wants more. The idle clock does not run while the caller holds a chunk.
 * 7. **Whole equals streamed.** `sendMessage` and the fold of `sendMessageStream` give the same `AssistantMessage`.
 * 8. **Replays faithfully.** An `AssistantMessage` put back into `messages` is accepted by the provider that wrote it:
 *    what the provider wants back rides in `replay`, which others ignore. It survives JSON.
 *
 * `contractSuite` in `cloudllm/testing` checks them on any implementation.
 */
export interface ClientWrapper {
  /** The provider's name in lower case, such as `"openai"`. */
  readonly provider: string;
  /** The model asked for, such as `"gpt-6-luna"`. */
  readonly model: string;
  /**
   * What its calls carry unless they say otherwise, as far as others must know it: a session runs these tools, too, and keeps
   * room for these `maxOutputTokens`. A wrapper hands on what its client says. Absent: nothing.
   */
  readonly defaults?: SendOptions | undefined;
  /**
   * Sends the conversation and resolves with the complete reply.
   * @throws {SendError} of any kind; everything that arrived is on `error.partial`
   */
  sendMessage(messages: readonly Message[], options?: SendOptions): Promise<AssistantMessage>;
  /**
   * Sends the conversation and resolves with the stream of the reply once the provider has accepted the request.
   * @throws {SendError} the refusal; a failure after that is thrown where the stream is read
   */
  sendMessageStream(messages: readonly Message[], options?: SendOptions): Promise<MessageStream>;
}

/**
 * A client whose replies have the type of the schema they were asked for with `output`: provider clients, and what `fallback`,
 * `hedge` and `rateLimit` make. Whatever needs only a client takes a `ClientWrapper`, which is less to write.
 */
export interface TypedClient extends ClientWrapper {
  sendMessage<Output = unknown, Tools extends readonly Tool[] | undefined = undefined>(
    messages: readonly Message[],
    options?: SendOptions<Output> & { readonly tools?: Tools },
  ): Promise<ReplyTo<Output, Tools>>;
  /** `Tools` changes nothing here: a stream may be stopped before its value. It keeps unions of both methods callable. */
  sendMessageStream<Output = unknown, Tools extends readonly Tool[] | undefined = undefined>(
    messages: readonly Message[],
    options?: SendOptions<Output> & { readonly tools?: Tools },
  ): Promise<MessageStream<Output>>;
}
