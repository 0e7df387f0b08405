/** The default transport in browsers, where a program does not choose its way to the network. */

import { fetchTransport } from "./fetch.ts";
import { LazyTransport } from "./lazy-transport.ts";
import type { Network } from "./network.ts";
import type { Transport } from "./transport.ts";
import { unsupportedNetwork } from "./unsupported-network.ts";

/** The first call reports a choice that a browser does not have. Its own proxy is not a part of the program. */
export function defaultTransport(network?: Network): Transport {
  if (!network || network.type === "direct") return fetchTransport();
  return new LazyTransport(() => Promise.reject(unsupportedNetwork(network)));
}
