/** A race as a client. */

import {
  type ClientWrapper,
  type ReplyTo,
  type SendOptions,
  type Tool,
  type TypedClient,
  typedReply,
} from "../contract/client.ts";
import type { Message } from "../contract/message.ts";
import { checkCall } from "../contract/validate.ts";
import { settledFor } from "../stream/caller-stack.ts";
import { streamOf } from "../stream/complete-source.ts";
import { MessageStream } from "../stream/message-stream.ts";
import { Race, type RaceRules } from "./race.ts";

/** A client that runs a race for each call. `rulesOf` is asked anew each time: rules know who has started. */
export function raceClient(
  clients: readonly [ClientWrapper, ...ClientWrapper[]],
  rulesOf: (whole: boolean) => RaceRules,
): TypedClient {
  const { provider, model } = clients[0];
  return {
    provider,
    model,
    defaults: jointDefaults(clients),
    async sendMessage<Output, Tools extends readonly Tool[] | undefined>(
      messages: readonly Message[],
      options: SendOptions<Output> & { readonly tools?: Tools } = {},
    ): Promise<ReplyTo<Output, Tools>> {
      const { stream } = await openRace(messages, options, rulesOf(true));
      return typedReply<Output, Tools>(await stream.finalMessage());
    },
    async sendMessageStream<Output>(messages: readonly Message[], options: SendOptions<Output> = {}) {
      const { stream } = await openRace(messages, options, rulesOf(false));
      return stream;
    },
  };
}

/** Runs one race, and resolves when a client's provider has accepted the request. What makes no sense is nobody's fault but the caller's. */
export async function openRace<Output>(
  messages: readonly Message[],
  options: SendOptions<Output>,
  rules: RaceRules,
): Promise<{ readonly stream: MessageStream<Output>; readonly race: Race }> {
  checkCall(messages, { ...options, toolChoice: undefined }); // whether there are tools to choose from, a client of tools knows
  const opened: { race?: Race } = {};
  const stream = new MessageStream<Output>((sink) => {
    opened.race = new Race(messages, options, rules, sink);
    return opened.race;
  });
  const { race } = opened;
  if (!race) throw new TypeError("A stream opens its source at once.");
  race.start();
  await settledFor(race.accepted);
  return { stream, race };
}

export const askStreamed: RaceRules["ask"] = (client, messages, options) => client.sendMessageStream(messages, options);

/** A whole reply runs as a stream that is there at once. */
export const askWhole: RaceRules["ask"] = async (client, messages, options) =>
  streamOf(await client.sendMessage(messages, options));

/** What a call of any of them may carry: the first's defaults, and the tools of all. Of two tools of one name, the first one. */
export function jointDefaults(clients: readonly ClientWrapper[]): SendOptions {
  const tools = new Map<string, Tool>();
  for (const tool of clients.flatMap(({ defaults }) => defaults?.tools ?? [])) {
    if (!tools.has(tool.name)) tools.set(tool.name, tool);
  }
  return { ...clients[0]?.defaults, ...(tools.size > 0 && { tools: [...tools.values()] }) };
}

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
