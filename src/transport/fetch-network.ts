/** The way to the network where `fetch` sends the requests: as far as the runtime's `fetch` has options for it. */

import { type FetchLike, fetchTransport } from "./fetch.ts";
import type { Network } from "./network.ts";
import { NotSent, unsentError } from "./network-errors.ts";
import { unauthorizedError } from "./proxy-errors.ts";
import { type ProxyServer, type ProxySettings, proxyFor, settingsFor, settingsOf } from "./proxy-settings.ts";
import type { Transport } from "./transport.ts";
import { unsupported, unsupportedNetwork } from "./unsupported-network.ts";

/** The options of `fetch` that two runtimes have in addition to the standard. */
interface WayOfRuntime {
  readonly proxy?: string;
  readonly unix?: string;
  readonly client?: unknown;
}

interface Runtime {
  through(proxy: ProxyServer): WayOfRuntime;
  /** Absent: it has no Unix sockets. */
  onSocket?(path: string): WayOfRuntime;
}

interface DenoClients {
  createHttpClient(options: object): unknown;
}

/**
 * Returns the transport of a choice.
 * @throws {SendError} kind `unsupported` when the runtime has no such way
 */
export function networkTransport(network: Network): Transport {
  const runtime = runtimeOf();
  switch (network.type) {
    case "agent":
      throw unsupportedNetwork(network);
    case "socket": {
      if (!runtime?.onSocket) throw unsupportedNetwork(network);
      const way = runtime.onSocket(network.path);
      return fetchTransport((url, init) => fetch(url, { ...init, ...way }));
    }
    case "direct": {
      const settings = settingsOf(environment(), false);
      // A browser's own proxy is not a part of the program.
      return fetchTransport((url, init) => {
        if (runtime && chosenProxy(url, settings)) {
          const advice = "Its `fetch` obeys the proxy variables. Unset them, or add the host to NO_PROXY.";
          throw new NotSent(unsupported("`proxy: false`", advice));
        }
        return fetch(url, init);
      });
    }
    case "proxy":
      if (!runtime) throw unsupportedNetwork(network);
      return fetchTransport(proxied(settingsFor(network.url), runtime));
    case "environment":
      if (!runtime) throw unsupportedNetwork(network);
      return fetchTransport(proxied(settingsOf(environment(), false), runtime));
  }
}

function proxied(settings: ProxySettings, runtime: Runtime): FetchLike {
  let last: { readonly proxy: string; readonly way: WayOfRuntime } | undefined;
  return async (url, init) => {
    const proxy = chosenProxy(url, settings);
    if (!proxy) return fetch(url, init);
    if (last?.proxy !== proxy.href) last = { proxy: proxy.href, way: runtime.through(proxy) };
    const response = await fetch(url, { ...init, ...last.way }).catch((error: unknown) => {
      throw isUnauthorized(error) ? new NotSent(unauthorizedError(proxy, undefined)) : error;
    });
    if (response.status !== 407) return response;
    throw new NotSent(unauthorizedError(proxy, response.headers.get("proxy-authenticate") ?? undefined));
  };
}

function chosenProxy(url: string, settings: ProxySettings): ProxyServer | undefined {
  try {
    return proxyFor(new URL(url), settings);
  } catch (error) {
    throw new NotSent(unsentError(error));
  }
}

/** Bun and Deno say it in words. */
function isUnauthorized(error: unknown): boolean {
  return error instanceof Error && /\b407\b|proxy authentication required/i.test(error.message);
}

/** Deno keeps connections by client, so that one is made for each proxy. */
function runtimeOf(): Runtime | undefined {
  const { Bun: bun, Deno: deno } = globalThis as { readonly Bun?: unknown; readonly Deno?: unknown };
  if (bun !== undefined) return { through: ({ href }) => ({ proxy: href }), onSocket: (path) => ({ unix: path }) };
  if (!isDeno(deno)) return undefined;
  return {
    through({ origin: url, username }) {
      // Deno 2.9.6 sends the header for the proxy also to the server, inside of the tunnel.
      if (username !== undefined) {
        throw new NotSent(unsupported("a proxy with a password", "Deno would send it to the provider as well."));
      }
      return { client: deno.createHttpClient({ proxy: { url } }) };
    },
  };
}

function isDeno(value: unknown): value is DenoClients {
  return typeof value === "object" && value !== null && "createHttpClient" in value;
}

/** Some runtimes have no environment, or ask before they show it. */
function environment(): Readonly<Record<string, string | undefined>> {
  try {
    return { ...globalThis.process?.env };
  } catch {
    return {};
  }
}
