/** A race as a client. */

import type { ClientWrapper, SendOptions } from "../client.ts";
import type { Message } from "../message.ts";
import { MessageStream } from "../stream/message-stream.ts";
import { streamOf } from "../stream/whole.ts";
import { Race, type RaceRules } from "./race.ts";

/** A client that runs a race for each call. `rulesOf` is asked anew each time: rules know who has started. */
export function raceClient(
  [first]: readonly [ClientWrapper, ...ClientWrapper[]],
  rulesOf: (whole: boolean) => RaceRules,
): ClientWrapper {
  const { provider, model } = first;
  async function open(messages: readonly Message[], options: SendOptions, whole: boolean): Promise<MessageStream> {
    let race: Race | undefined;
    const stream = new MessageStream((sink) => {
      race = new Race(messages, options, rulesOf(whole), sink);
      return race;
    });
    race?.start();
    await race?.accepted;
    return stream;
  }
  return {
    provider,
    model,
    sendMessage: async (messages, options = {}) => (await open(messages, options, true)).finalMessage(),
    sendMessageStream: (messages, options = {}) => open(messages, options, false),
  };
}

export const askStreamed: RaceRules["ask"] = (client, messages, options) => client.sendMessageStream(messages, options);

/** A whole reply runs as a stream that is there at once. */
export const askWhole: RaceRules["ask"] = async (client, messages, options) =>
  streamOf(await client.sendMessage(messages, options));

/** @throws {TypeError} when it is no list of clients. */
export function checkedClients(clients: readonly ClientWrapper[]): readonly [ClientWrapper, ...ClientWrapper[]] {
  if (!Array.isArray(clients)) throw new TypeError("`clients` must be an array of clients.");
  const [first, ...others] = clients as readonly ClientWrapper[];
  if (!first) throw new TypeError("`clients` is empty: there is nobody to ask.");
  for (const client of [first, ...others]) {
    if (typeof client?.sendMessage !== "function" || typeof client.sendMessageStream !== "function")
      throw new TypeError("`clients` must be clients: things with `sendMessage` and `sendMessageStream`.");
  }
  return [first, ...others];
}
