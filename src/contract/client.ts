/** The one contract: an object that answers messages, streamed or not, and the eight laws that it keeps. */

import type { MessageStream } from "../stream/message-stream.ts";
import type { AssistantMessage, Message, MessageWithOutput } from "./message.ts";
import type { SendOptions, Tool } from "./options.ts";
import type { TokenCount } from "./token-count.ts";

/**
 * The reply to a call with these options. With `output` and without `tools`, the reply has the value or the call fails.
 * A client whose constructor was given tools may return calls of those first, and `invalidOutput: "deliver"` lets a
 * reply without the value pass.
 */
export type ReplyTo<Output, Tools> = unknown extends Output
  ? AssistantMessage<Output>
  : [Tools] extends [undefined]
    ? MessageWithOutput<Output>
    : AssistantMessage<Output>;

/**
 * Returns the reply with the type `ReplyTo`. The compiler cannot decide the type where the options are not known yet.
 */
export function typedReply<Output, Tools>(reply: AssistantMessage<Output>): ReplyTo<Output, Tools> {
  return reply as ReplyTo<Output, Tools>;
}

/**
 * An object that answers messages. Provider clients, wrappers around them, test clients and your own implementations
 * are all `ClientWrapper`s, and all keep these laws:
 *
 * 1. **Opens, then flows.** `sendMessageStream` resolves when the provider has accepted the request; a refusal
 *    rejects there. A call sends its request again only as `metrics.attempts` reports.
 * 2. **Ends once.** A stream that succeeds yields exactly one chunk with `isFinal`, last, after usage is known. The
 *    joined text of all chunks (rewinds applied) equals `message.content`.
 * 3. **Partial is not complete.** A body that ends without the terminal event of its protocol throws kind
 *    `truncated`. A cut tool call is never delivered as complete. Unknown finish reasons are `"unknown"`, never
 *    `"stop"`.
 * 4. **Fails by throwing** a `SendError`, and nothing else, with everything that arrived on `error.partial`. A
 *    failure is never an item, a callback or silence. It never becomes an unhandled rejection.
 * 5. **Stops when you stop.** `break`, `return`, a thrown error in the loop, `await using`, `stream.stop()` and the
 *    caller's signal close the provider's socket at once, also during a wait for a token or for the headers. `stop()`
 *    is a normal end (`finishReason: "stopped"`); the signal is an error (kind `aborted`).
 * 6. **Holds nothing back, holds nothing up.** A chunk is deliverable as soon as its bytes arrive. The socket is
 *    read only when the consumer wants more. The idle clock does not run while the caller holds a chunk.
 * 7. **Non-streamed equals streamed.** `sendMessage` and the fold of `sendMessageStream` give the same
 *    `AssistantMessage`.
 * 8. **Replays faithfully.** The provider that wrote an `AssistantMessage` accepts it in `messages`. `replay`
 *    carries the data that the provider wants back, and other providers ignore it. It survives JSON.
 *
 * `contractSuite` in `cloudllm/testing` checks them on any implementation.
 */
export interface ClientWrapper {
  /** The provider's name in lower case, such as `"openai"`. */
  readonly provider: string;
  /** The model asked for, such as `"gpt-6-luna"`. */
  readonly model: string;
  /**
   * The client's default options, as far as others must know them. A session also runs these tools, and keeps room for
   * these `maxOutputTokens`. A wrapper passes on the defaults of its client. Absent: none.
   */
  readonly defaults?: SendOptions | undefined;
  /**
   * Sends the conversation and resolves with the complete reply.
   * @throws {SendError} of any kind; everything that arrived is on `error.partial`
   */
  sendMessage(messages: readonly Message[], options?: SendOptions): Promise<AssistantMessage>;
  /**
   * Sends the conversation and resolves with the stream of the reply once the provider has accepted the request.
   * @throws {SendError} the refusal; reading the stream throws a later failure
   */
  sendMessageStream(messages: readonly Message[], options?: SendOptions): Promise<MessageStream>;
  /**
   * Resolves with the input tokens that `sendMessage` with the same arguments would have. Absent in clients that do not
   * know them.
   * @throws {SendError} as `sendMessage` does
   */
  countTokens?(messages: readonly Message[], options?: SendOptions): Promise<TokenCount>;
}

/**
 * A client whose replies have the type of the schema in `output`: provider clients, and the results of `fallback`,
 * `hedge` and `rateLimit`. A function that does not need the type takes a `ClientWrapper`.
 */
export interface TypedClient extends ClientWrapper {
  sendMessage<Output = unknown, Tools extends readonly Tool[] | undefined = undefined>(
    messages: readonly Message[],
    options?: SendOptions<Output> & { readonly tools?: Tools },
  ): Promise<ReplyTo<Output, Tools>>;
  /** `Tools` has no effect here: a stream may stop before its value. It keeps unions of both methods callable. */
  sendMessageStream<Output = unknown, Tools extends readonly Tool[] | undefined = undefined>(
    messages: readonly Message[],
    options?: SendOptions<Output> & { readonly tools?: Tools },
  ): Promise<MessageStream<Output>>;
}
