/** The proxy of the command line: that of the environment, as for other programs of a shell. */

import type { ClientOptions } from "../index.ts";

const VARIABLES = ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"];

/** Returns the option for clients, if there is a variable to obey. Nothing is loaded for it otherwise. */
export function proxyOf(env: NodeJS.ProcessEnv): Pick<ClientOptions, "proxy"> {
  return VARIABLES.some((name) => env[name] || env[name.toLowerCase()]) ? { proxy: true } : {};
}
