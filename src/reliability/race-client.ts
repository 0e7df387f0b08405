/** A race as a client. */

import type { ClientWrapper, TypedClient } from "../contract/client.ts";
import type { Message } from "../contract/message.ts";
import type { SendOptions, Tool } from "../contract/options.ts";
import { checkCall } from "../contract/validate.ts";
import { streamOf } from "../stream/complete-source.ts";
import { clientOf, openStream } from "../stream/open-stream.ts";
import { Race, type RaceRules } from "./race.ts";

/**
 * Returns a client that runs a race for each call. `rulesOf` is called for each race: rules know which clients have
 * started.
 */
export function raceClient(
  clients: readonly [ClientWrapper, ...ClientWrapper[]],
  rulesOf: (streamed: boolean) => RaceRules,
): TypedClient {
  const { provider, model } = clients[0];
  const race = clientOf({
    provider,
    model,
    defaults: jointDefaults(clients),
    open: (messages, options, streamed) => openStream(raceOf(messages, options, rulesOf(streamed))),
  });
  return countingBy(clients[0], race);
}

/** Returns the wrapper, which now counts tokens as a client in it does. Providers limit counts apart from replies. */
export function countingBy(client: ClientWrapper, wrapper: TypedClient): TypedClient {
  const countTokens = client.countTokens?.bind(client);
  return countTokens ? Object.assign(wrapper, { countTokens }) : wrapper;
}

/** Returns the source of one race. @throws {SendError} when the call is invalid, which is not the fault of a client. */
export function raceOf(messages: readonly Message[], options: SendOptions, rules: RaceRules): Race {
  checkCall(messages, { ...options, toolChoice: undefined }); // a client of tools knows whether there are tools to choose from
  return new Race(messages, options, rules);
}

export const askStreamed: RaceRules["ask"] = (client, messages, options) => client.sendMessageStream(messages, options);

/** A non-streamed reply runs as a stream that is complete at once. */
export const askComplete: RaceRules["ask"] = async (client, messages, options) =>
  streamOf(await client.sendMessage(messages, options));

/**
 * Returns the options for a call of any of them: the first's defaults, and the tools of all. Of two tools of one name,
 * the first one.
 */
export function jointDefaults(clients: readonly ClientWrapper[]): SendOptions {
  const tools = new Map<string, Tool>();
  for (const tool of clients.flatMap(({ defaults }) => defaults?.tools ?? [])) {
    if (!tools.has(tool.name)) tools.set(tool.name, tool);
  }
  return { ...clients[0]?.defaults, ...(tools.size > 0 && { tools: [...tools.values()] }) };
}

/** @throws {TypeError} when it is not an array of clients. */
export function checkedClients(clients: readonly ClientWrapper[]): readonly [ClientWrapper, ...ClientWrapper[]] {
  if (!Array.isArray(clients)) throw new TypeError("`clients` must be an array of clients.");
  const [first, ...others] = clients as readonly ClientWrapper[];
  if (!first) throw new TypeError("`clients` is empty. Give at least one client.");
  for (const client of [first, ...others]) {
    if (typeof client?.sendMessage !== "function" || typeof client.sendMessageStream !== "function")
      throw new TypeError("`clients` must be clients: objects with `sendMessage` and `sendMessageStream`.");
  }
  return [first, ...others];
}
