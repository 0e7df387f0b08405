/** The default transport everywhere but on Node. */

import { fetchTransport } from "./fetch.ts";
import type { Transport } from "./transport.ts";

/** The runtime keeps connections itself. */
export function defaultTransport(): Transport {
  return fetchTransport();
}
