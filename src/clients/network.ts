/** The options `agent`, `proxy`, `fetch` and `baseUrl` as one choice of the way to the network. */

import { typeText } from "../platform/received.ts";
import type { HttpAgent, Network } from "../transport/network.ts";
import type { ClientOptions } from "./definition.ts";

/** The address of a Unix socket: its path, and the path of the URLs on it. */
const UNIX_SOCKET = /^unix:(\/[^:]+)(?::(\/.*)?)?$/;

type Given = Pick<ClientOptions, "agent" | "proxy" | "fetch" | "allowInsecureHttp">;

/** The way to the network, and the address of a client as a URL of http. */
interface Address {
  readonly baseUrl: string;
  /** Absent: the runtime decides. */
  readonly network: Network | undefined;
}

/**
 * Returns the choice of a client.
 * @throws {TypeError} when an option is invalid, or two of them choose
 */
export function addressOf(baseUrl: string, given: Given): Address {
  const { agent, proxy, fetch, allowInsecureHttp = false } = given;
  const [unix, path = "", base = ""] = (String(baseUrl).startsWith("unix:") && UNIX_SOCKET.exec(baseUrl)) || [];
  checkChoice(given, unix !== undefined);
  if (unix !== undefined) {
    return { baseUrl: `http://localhost${base}`, network: { type: "socket", path, allowInsecureHttp } };
  }
  if (agent !== undefined) {
    checkAgent(agent, baseUrl);
    return { baseUrl, network: { type: "agent", agent, allowInsecureHttp } };
  }
  if (proxy === undefined || fetch !== undefined) return { baseUrl, network: undefined };
  return { baseUrl, network: { ...proxyOf(proxy), allowInsecureHttp } };
}

function checkChoice({ agent, proxy, fetch }: Given, isUnix: boolean): void {
  if (fetch !== undefined && typeof fetch !== "function") throw new TypeError("`fetch` must be a function.");
  const names = [
    agent !== undefined && "`agent`",
    proxy !== undefined && proxy !== false && !(isUnix && proxy === true) && "`proxy`",
    fetch !== undefined && "`fetch`",
    isUnix && "a `baseUrl` that begins with unix:",
  ].filter((name) => name !== false);
  if (names.length > 1) throw new TypeError(`Pass either ${names.join(" or ")}: each of them opens the connections.`);
}

/** A value of `proxy` is not shown: it may contain a password. */
function proxyOf(proxy: unknown): { type: "environment" } | { type: "direct" } | { type: "proxy"; url: string } {
  if (typeof proxy === "boolean") return { type: proxy ? "environment" : "direct" };
  if (typeof proxy === "string" && /^https?:\/\//i.test(proxy) && URL.canParse(proxy)) {
    return { type: "proxy", url: proxy };
  }
  throw new TypeError(
    "`proxy` must be true (the proxy variables), false, or an http or https URL, such as http://name:password@proxy.example:3128. " +
      `Received ${typeof proxy === "string" ? "another string" : typeText(proxy)}. For SOCKS, pass an \`agent\`.`,
  );
}

function checkAgent(agent: unknown, baseUrl: string): asserts agent is HttpAgent {
  const isAgent = typeof agent === "object" && agent !== null && "addRequest" in agent;
  if (!isAgent)
    throw new TypeError(`\`agent\` must be an agent of node:http or node:https. Received ${typeText(agent)}.`);
  // Agents that serve both have a getter for it.
  const protocol: unknown = Object.getOwnPropertyDescriptor(agent, "protocol")?.value;
  const expected = /^https:/i.test(baseUrl) ? "https:" : "http:";
  if (typeof protocol === "string" && protocol !== expected) {
    throw new TypeError(
      `\`agent\` opens connections for ${protocol}, and \`baseUrl\` begins with ${expected}. Pass an agent of node:${expected.slice(0, -1)}.`,
    );
  }
}
