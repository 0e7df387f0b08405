/** The default transport on Node (export condition `node`). */

import { LazyTransport } from "./lazy-transport.ts";
import type { Network } from "./network.ts";
import { nodeHttpTransport } from "./node-http.ts";
import { keptAgent } from "./node-targets.ts";
import type { Transport } from "./transport.ts";

let shared: Transport | undefined;

/**
 * Returns one transport for the whole process, so that clients share connections, unless a client or the environment
 * chooses another way: then it is in a file of its own.
 */
export function defaultTransport(network?: Network): Transport {
  if (network ? network.type === "direct" : !usesEnvironmentProxy()) {
    shared ??= nodeHttpTransport();
    return shared;
  }
  const parts = { nodeHttpTransport, keptAgent }; // passed: a built file that imports them would need one more between the two
  return new LazyTransport(async () => (await import("./node-network.ts")).networkTransport(network, parts));
}

/**
 * Whether the program was started with the switch for proxy variables. Agents ignore it, so it is read here.
 * @see https://nodejs.org/docs/latest/api/cli.html#node_use_env_proxy1
 */
function usesEnvironmentProxy(): boolean {
  const { env, execArgv } = process;
  const flag = "--use-env-proxy";
  return env.NODE_USE_ENV_PROXY === "1" || execArgv.includes(flag) || env.NODE_OPTIONS?.includes(flag) === true;
}
