/** A race as a client. */

import type { ClientWrapper, TypedClient } from "../contract/client.ts";
import { loadPart } from "../contract/load-part.ts";
import type { SendOptions, Tool } from "../contract/options.ts";
import { clientOf, openStream } from "../stream/open-stream.ts";
import { races } from "./load-races.ts";
import type { RaceRules } from "./race.ts";

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
    async open(messages, options, streamed) {
      const { raceOf } = races.isLoaded ? races.loaded : await loadPart(races);
      return openStream(raceOf(messages, options, rulesOf(streamed)));
    },
  });
  return countingBy(clients[0], race);
}

/** Returns the wrapper, which now counts tokens as a client in it does. Providers limit counts apart from replies. */
export function countingBy(client: ClientWrapper, wrapper: TypedClient): TypedClient {
  const countTokens = client.countTokens?.bind(client);
  return countTokens ? Object.assign(wrapper, { countTokens }) : wrapper;
}

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
