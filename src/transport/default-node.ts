/** The default transport on Node (export condition `node`). */

import { nodeHttpTransport } from "./node-http.ts";
import type { Transport } from "./transport.ts";

let shared: Transport | undefined;

/** One for the whole process, so that clients share connections. */
export function defaultTransport(): Transport {
  shared ??= nodeHttpTransport();
  return shared;
}
