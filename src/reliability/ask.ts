/** Asks one client of several for a reply. */

import type { ClientWrapper } from "../contract/client.ts";
import type { Message } from "../contract/message.ts";
import type { SendOptions } from "../contract/options.ts";
import { streamOf } from "../stream/complete-source.ts";
import type { MessageStream } from "../stream/message-stream.ts";

/** Resolves with the stream of a client's reply. Rejects as the client does. */
export type AskClient = (
  client: ClientWrapper,
  messages: readonly Message[],
  options: SendOptions,
) => Promise<MessageStream>;

export const askStreamed: AskClient = (client, messages, options) => client.sendMessageStream(messages, options);

/** A non-streamed reply runs as a stream that is complete at once. */
export const askComplete: AskClient = async (client, messages, options) =>
  streamOf(await client.sendMessage(messages, options));
