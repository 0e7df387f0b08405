/** The targets of requests on Node: the address, the module, and the connections that are kept for it. */

import type { Agent } from "node:http";
import { IdleSockets } from "./idle-sockets.ts";

/**
 * Milliseconds until an idle connection is closed; a second before its server would close it (`Keep-Alive: timeout=…`).
 * Routers and load balancers drop idle connections silently, and a request on a dropped connection is never answered.
 */
export const IDLE_LIMIT_MS = 4_000;

// Built-in modules are loaded at the first request: the library imports fast, and bundlers see no `node:` import.
const http = () => process.getBuiltinModule("node:http");
const https = () => process.getBuiltinModule("node:https");

/** Kept connections, and the object that closes them. */
export interface Kept {
  readonly agent: Agent;
  readonly idle: IdleSockets;
}

/** Returns an agent whose idle connections are closed after `idleMs`. */
export function keptAgent(agent: Agent, idleMs: number = IDLE_LIMIT_MS): Kept {
  return { agent, idle: new IdleSockets(agent, idleMs) };
}

/** The way to one address, where it is not a direct one. Without `idle`, the agent closes idle connections itself. */
export interface Route extends Omit<Kept, "idle"> {
  readonly idle?: IdleSockets;
  /** A proxy that gets the requests themselves: they name the complete address. Absent: the agent finds the way. */
  readonly forwarder?: Forwarder | undefined;
}

/** A proxy that reads requests and passes them on. */
interface Forwarder {
  readonly isSecure: boolean;
  readonly hostname: string;
  readonly port: number;
  /** Headers for the proxy itself. */
  readonly headers: Readonly<Record<string, string>>;
}

/** The target of a request: its address, the module and the connections. */
export interface Target {
  readonly url: string;
  readonly send: typeof import("node:http").request;
  readonly agent?: Agent;
  readonly idle?: IdleSockets;
  readonly hostname: string;
  /** The header `Host`. */
  readonly hostHeader: string;
  readonly port: string | undefined;
  readonly path: string;
  /** The beginning of the agent's names for these connections. */
  readonly socketName: string;
  /** The root of the server, and the headers of every request, where a proxy passes the requests on. */
  readonly rootPath?: string;
  readonly ownHeaders?: Readonly<Record<string, string>>;
}

/**
 * Returns the function that finds the target of a URL.
 * @param idleMs how long an idle connection is kept
 * @param routeTo returns the way to an address; `undefined` for a direct connection
 */
export function targets(idleMs: number, routeTo: (url: URL) => Route | undefined): (url: string) => Target {
  const options = { keepAlive: true } as const;
  const agents: { plain?: Kept; secure?: Kept } = {};
  /** A program uses few addresses, each of them often, and parsing one costs as much as framing ten chunks. */
  let last: Target | undefined;

  return (url) => {
    if (last?.url === url) return last;
    const address = new URL(url);
    const { protocol, host: hostHeader, hostname, port, pathname, search } = address;
    const secure = protocol === "https:";
    const route = routeTo(address);
    if (route) {
      last = routedTarget(address, route);
      return last;
    }
    if (secure) agents.secure ??= keptAgent(new (https().Agent)(options), idleMs);
    else agents.plain ??= keptAgent(new (http().Agent)(options), idleMs);
    const host = withoutBrackets(hostname);
    last = {
      url,
      send: secure ? https().request : http().request,
      ...(secure ? agents.secure : agents.plain),
      hostname: host,
      hostHeader,
      port: port === "" ? undefined : port,
      path: pathname + search,
      socketName: `${host}:${port || (secure ? 443 : 80)}:`,
    };
    return last;
  };
}

function routedTarget({ href, origin, host, hostname, port, protocol, pathname, search }: URL, route: Route): Target {
  const { agent, idle, forwarder } = route;
  const secure = protocol === "https:";
  const to = forwarder ?? { isSecure: secure, hostname: withoutBrackets(hostname), port, headers: {} };
  return {
    url: href,
    send: to.isSecure ? https().request : http().request,
    agent,
    ...(idle && { idle }),
    hostname: to.hostname,
    hostHeader: host,
    port: to.port === "" ? undefined : String(to.port),
    path: forwarder ? origin + pathname + search : pathname + search,
    socketName: `${to.hostname}:${to.port || (secure ? 443 : 80)}:`,
    ...(forwarder && { rootPath: `${origin}/`, ownHeaders: { host, ...forwarder.headers } }),
  };
}

/** In a URL, an IPv6 address is in brackets. */
function withoutBrackets(hostname: string): string {
  return hostname.startsWith("[") ? hostname.slice(1, -1) : hostname;
}
