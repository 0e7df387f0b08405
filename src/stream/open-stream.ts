/** From a source to the stream that a client's caller gets, and from there to a client. */

import { type ReplyTo, type TypedClient, typedReply } from "../contract/client.ts";
import { SendError } from "../contract/errors.ts";
import type { Message } from "../contract/message.ts";
import { checkGiven } from "../contract/option-faults.ts";
import type { SendOptions, Tool } from "../contract/options.ts";
import { ownMessages } from "../contract/own-messages.ts";
import { seenByCaller } from "./caller-stack.ts";
import { MessageStream, type StreamOptions } from "./message-stream.ts";
import type { ChunkSource } from "./source.ts";

/**
 * Resolves with the source's stream once its reply is open.
 * @throws {SendError} the refusal
 */
export async function openStream<Output>(
  source: ChunkSource,
  options: StreamOptions = {},
): Promise<MessageStream<Output>> {
  const stream = new MessageStream<Output>(source, options);
  try {
    if (source.opened) await source.opened;
  } catch (error) {
    throw error instanceof SendError ? seenByCaller(error) : error; // no function of its own, which would cost two promises
  }
  return stream;
}

/** The parts of a client: its name, its defaults, and the function that opens one reply. */
export interface ClientParts {
  readonly provider: string;
  readonly model: string;
  readonly defaults?: SendOptions | undefined;
  /**
   * Opens one reply: one that is streamed, or one whose caller waits for the complete message. Rejects with a
   * `SendError`.
   */
  open<Output>(
    messages: readonly Message[],
    options: SendOptions<Output>,
    streamed: boolean,
  ): Promise<MessageStream<Output>>;
}

/**
 * Returns a client both of whose methods read the same stream: law 7 of `ClientWrapper` holds by construction.
 * @throws {TypeError} when a part is missing
 */
export function clientOf(parts: ClientParts): TypedClient {
  if (typeof parts?.open !== "function") throw new TypeError("`parts` must be an object with `open`.");
  const { provider, model, defaults, open } = parts;
  return {
    provider,
    model,
    ...(defaults && { defaults }),
    async sendMessage<Output, Tools extends readonly Tool[] | undefined>(
      messages: readonly Message[],
      options: SendOptions<Output> & { readonly tools?: Tools } = {},
    ): Promise<ReplyTo<Output, Tools>> {
      checkGiven(options);
      const stream = await open(ownMessages(messages), options, false);
      return typedReply<Output, Tools>(await stream.finalMessage());
    },
    async sendMessageStream<Output>(messages: readonly Message[], options: SendOptions<Output> = {}) {
      checkGiven(options);
      return open(ownMessages(messages), options, true);
    },
  };
}
