/** How the requests of a client reach the network, where the runtime's own way is not wanted: types only. */

/**
 * An agent of `node:http` or `node:https`, or of a library that extends one of them. It opens and keeps the connections:
 * its CA, client certificate, proxy or socket count.
 * @see https://nodejs.org/docs/latest/api/https.html#class-httpsagent
 */
export interface HttpAgent {
  readonly maxSockets: number;
  readonly maxFreeSockets: number;
  destroy(): void;
}

/**
 * The choice of a client:
 * - `agent`: the caller's agent opens the connections.
 * - `proxy`: every request goes through this proxy. The URL may contain a password.
 * - `environment`: the proxy variables decide.
 * - `direct`: no proxy, also where the environment names one.
 * - `socket`: a Unix socket at this path.
 */
export type Network = { readonly allowInsecureHttp: boolean } & (
  | { readonly type: "agent"; readonly agent: HttpAgent }
  | { readonly type: "proxy"; readonly url: string }
  | { readonly type: "environment" }
  | { readonly type: "direct" }
  | { readonly type: "socket"; readonly path: string }
);
