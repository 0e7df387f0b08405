/** The default transport everywhere but on Node. */

import { fetchTransport } from "./fetch.ts";
import { LazyTransport } from "./lazy-transport.ts";
import type { Network } from "./network.ts";
import type { Transport } from "./transport.ts";

/** The runtime keeps connections itself, and finds its own way, unless a client chooses another one. */
export function defaultTransport(network?: Network): Transport {
  if (!network) return fetchTransport();
  return new LazyTransport(async () => (await import("./fetch-network.ts")).networkTransport(network));
}
