/** Asks a client for one reply, and checks that it is one: another party may have written the client. */

import type { TypedClient } from "../contract/client.ts";
import { SendError } from "../contract/errors.ts";
import type { Message } from "../contract/message.ts";
import type { SendOptions } from "../contract/options.ts";
import { CompleteSource } from "../stream/complete-source.ts";
import { MessageStream } from "../stream/message-stream.ts";
import { replyFault } from "./history.ts";

/** Asks for one reply. Rejects as the client does, or with kind `protocol` when the client returned something else. */
export type Ask = <Output>(
  client: TypedClient,
  messages: readonly Message[],
  options: SendOptions<Output>,
) => Promise<MessageStream<Output>>;

export const askStreamed: Ask = async (client, messages, options) => {
  const stream = await client.sendMessageStream(messages, options);
  if (typeof stream?.onEnd === "function") return stream;
  throw new SendError("protocol", "The client's `sendMessageStream` returned no MessageStream.");
};

/** A non-streamed reply as a stream, so that every turn takes the same road. */
export const askNonStreamed: Ask = async (client, messages, options) => {
  const reply = await client.sendMessage(messages, options);
  const fault = replyFault(reply);
  if (fault) throw new SendError("protocol", `The client's \`sendMessage\` returned no reply: it ${fault}.`);
  return new MessageStream(new CompleteSource(reply));
};
