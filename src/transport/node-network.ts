/** Requests on Node that take another way than a direct connection: a proxy, an agent of the caller's, a socket. */

import type { Agent, AgentOptions } from "node:http";
import type { Socket } from "node:net";
import { isPrivateNetwork } from "./hosts.ts";
import type { Network } from "./network.ts";
import { NotSent } from "./network-errors.ts";
import type { nodeHttpTransport } from "./node-http.ts";
import type { keptAgent, Route } from "./node-targets.ts";
import { type Opening, openTunnel } from "./node-tunnel.ts";
import { readableKeyError, unauthorizedError, unreachableError } from "./proxy-errors.ts";
import { type ProxyServer, type ProxySettings, proxyFor, settingsFor, settingsOf } from "./proxy-settings.ts";
import { type Exchange, type HttpRequest, type Receiver, type Transport, WARM_LIMIT_MS } from "./transport.ts";

/** Maximum time for opening a tunnel. The proxy connects to the provider meanwhile. */
const TUNNEL_LIMIT_MS = 30_000;

/** Transports that are kept for later clients: programs have one proxy, or a few. */
const MAX_SHARED = 8;

const sharedTransports = new Map<string, Transport>();

/** The parts of the direct way. */
interface Parts {
  readonly nodeHttpTransport: typeof nodeHttpTransport;
  readonly keptAgent: typeof keptAgent;
}

/**
 * Returns the transport of a choice; without one, that of the environment. Clients with the same proxies share their
 * tunnels.
 */
export function networkTransport(network: Network | undefined, parts: Parts): Transport {
  switch (network?.type) {
    case "agent":
      return routed({ agent: network.agent as Agent }, parts); // checked by the client
    case "socket": {
      // The types of Node have `socketPath` for a request only; an agent's options are added to those of its requests.
      const options = { keepAlive: true, socketPath: network.path } as AgentOptions;
      const agent = new (process.getBuiltinModule("node:http").Agent)(options);
      return routed(parts.keptAgent(agent), parts);
    }
    case "direct":
      return parts.nodeHttpTransport();
    case "proxy":
      return sharedTransport(settingsFor(network.url), network.allowInsecureHttp, parts);
    case "environment":
      return sharedTransport(settingsOf(process.env, false), network.allowInsecureHttp, parts);
    case undefined:
      return sharedTransport(settingsOf(process.env, true), false, parts);
  }
}

function routed(route: Route, parts: Parts): Transport {
  return parts.nodeHttpTransport(undefined, () => route);
}

function sharedTransport(settings: ProxySettings, allowInsecureHttp: boolean, parts: Parts): Transport {
  const name = JSON.stringify([settings, allowInsecureHttp]);
  const known = sharedTransports.get(name);
  if (known) return known;
  const [oldest] = sharedTransports.keys();
  if (oldest !== undefined && sharedTransports.size >= MAX_SHARED) sharedTransports.delete(oldest);
  const transport = new ProxyTransport(settings, allowInsecureHttp, parts);
  sharedTransports.set(name, transport);
  return transport;
}

/** Sends requests through the proxies of some settings; without one, directly. */
class ProxyTransport implements Transport {
  readonly #settings: ProxySettings;
  readonly #allowInsecureHttp: boolean;
  readonly #parts: Parts;
  readonly #inner: Transport;
  readonly #routes = new Map<string, Route>();
  /** The tunnel that the request in the making has begun. */
  #begun: Opening | undefined;

  constructor(settings: ProxySettings, allowInsecureHttp: boolean, parts: Parts) {
    this.#settings = settings;
    this.#allowInsecureHttp = allowInsecureHttp;
    this.#parts = parts;
    this.#inner = parts.nodeHttpTransport(undefined, (url) => this.#routeTo(url));
  }

  open(request: HttpRequest, receiver: Receiver): Exchange {
    const url = new URL(request.url);
    const proxy = proxyFor(url, this.#settings);
    if (!proxy) return this.#inner.open(request, receiver);
    if (url.protocol === "http:") {
      this.#checkReadable(proxy, url, request);
      return openForwarded(this.#inner, request, receiver, proxy);
    }
    this.#begun = undefined;
    const exchange = this.#inner.open(request, receiver);
    const opening = this.#takeBegun();
    if (!opening) return exchange; // on a kept tunnel
    return {
      ...exchange,
      close() {
        exchange.close();
        opening.abandon(); // Node does not stop a request that has no connection yet
      },
    };
  }

  async warm(url: string): Promise<void> {
    this.#begun = undefined;
    const warmed = this.#inner.warm(url);
    const opening = this.#takeBegun();
    const limit = setTimeout(() => opening?.abandon(), WARM_LIMIT_MS);
    try {
      await warmed;
    } finally {
      clearTimeout(limit);
    }
  }

  #takeBegun(): Opening | undefined {
    const opening = this.#begun;
    this.#begun = undefined;
    return opening;
  }

  #routeTo(url: URL): Route | undefined {
    const proxy = proxyFor(url, this.#settings);
    if (!proxy) return undefined;
    const isTunnelled = url.protocol === "https:";
    const name = isTunnelled ? "tunnel" : "forward"; // one proxy for each
    const known = this.#routes.get(name);
    if (known) return known;
    const agent = isTunnelled ? this.#tunnelAgent(proxy) : forwardingAgent(proxy);
    const route = {
      ...this.#parts.keptAgent(agent),
      forwarder: isTunnelled ? undefined : { ...proxy, headers: authorizationOf(proxy) },
    };
    this.#routes.set(name, route);
    return route;
  }

  /** Returns an agent that keeps tunnels by the name of their target, as it keeps direct connections. */
  #tunnelAgent(proxy: ProxyServer): Agent {
    const agent = new (process.getBuiltinModule("node:https").Agent)({ keepAlive: true });
    const connect = agent.createConnection.bind(agent);
    agent.createConnection = (options, callback) => {
      const { host = "", port = 443 } = options as { readonly host?: string; readonly port?: number | string };
      const target = `${host.includes(":") ? `[${host}]` : host}:${port}`;
      const onEnd = (error: Error | undefined, socket?: Socket) => {
        if (error || !socket) return callback?.(error ?? null, undefined as never);
        // `connect` begins TLS on the tunnel, with the sessions and the checks of a direct connection.
        callback?.(null, connect({ ...options, socket } as typeof options) as Socket);
      };
      this.#begun = openTunnel(proxy, target, TUNNEL_LIMIT_MS, onEnd);
      return undefined;
    };
    return agent;
  }

  /** A key must not be read on the way to the proxy either. */
  #checkReadable(proxy: ProxyServer, { hostname }: URL, { headers }: HttpRequest): void {
    if (proxy.isSecure || this.#allowInsecureHttp || isPrivateNetwork(proxy.hostname)) return;
    if (Object.keys(headers).some((name) => /auth|key|token|cookie|secret/i.test(name)))
      throw readableKeyError(proxy, hostname);
  }
}

function forwardingAgent({ isSecure }: ProxyServer): Agent {
  const { Agent } = process.getBuiltinModule(isSecure ? "node:https" : "node:http");
  return new Agent({ keepAlive: true });
}

function authorizationOf({ authorization }: ProxyServer): Readonly<Record<string, string>> {
  return authorization === undefined ? {} : { "proxy-authorization": authorization };
}

/** Opens a request that the proxy reads and passes on: it may answer itself, and repeat its password. */
function openForwarded(inner: Transport, request: HttpRequest, receiver: Receiver, proxy: ProxyServer): Exchange {
  let isRefused = false;
  let isAnswered = false;
  const exchange = inner.open(request, {
    onHead(head) {
      isAnswered = true;
      isRefused = head.status >= 400;
      if (head.status !== 407) return receiver.onHead(head);
      receiver.onError(new NotSent(unauthorizedError(proxy, head.header("proxy-authenticate"))));
      exchange.close();
    },
    onText: (text, byteLength) => receiver.onText(text, byteLength),
    onEnd: () => receiver.onEnd(),
    onError: (error, safeToResend) =>
      receiver.onError(isAnswered || safeToResend ? error : new NotSent(unreachableError(proxy, error)), safeToResend),
  });
  const decode = (delivered: string) => {
    const text = exchange.decode(delivered);
    return isRefused ? withoutPassword(text, proxy) : text;
  };
  return { ...exchange, decode };
}

function withoutPassword(text: string, { authorization, password }: ProxyServer): string {
  if (authorization === undefined) return text;
  const clean = text.replaceAll(authorization.replace(/^Basic /, ""), "[key]");
  return password ? clean.replaceAll(password, "[key]") : clean;
}
