/**
 * The proxy of an address, by the environment's variables. Pure: the environment is an argument. Runtimes and programs
 * differ in the details; these rules accept what any of them accepts, and never turn a proxy into a direct connection.
 */

import { SendError } from "../contract/errors.ts";
import { base64Of } from "../platform/base64.ts";
import { isLoopback } from "./hosts.ts";

/** A value of a proxy variable or of the option `proxy`, and its name for messages. */
interface Source {
  readonly text: string;
  readonly name: string;
}

/** The proxies of an environment, as texts: they are read when they are needed. */
export interface ProxySettings {
  readonly http: Source | undefined;
  readonly https: Source | undefined;
  readonly noProxy: string;
}

/** One proxy. Only `href` and `authorization` contain its password. */
export interface ProxyServer {
  readonly isSecure: boolean;
  readonly hostname: string;
  readonly port: number;
  /** For messages: scheme, host and port. */
  readonly origin: string;
  /** For messages: a variable, or the option. */
  readonly source: string;
  readonly href: string;
  /** The header `Proxy-Authorization`. */
  readonly authorization: string | undefined;
  /** Absent, both: the proxy gets no credentials. */
  readonly username: string | undefined;
  readonly password: string | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads the variables: lower case before upper case, empty is unset, `all_proxy` where the scheme has none.
 * @param httpForHttps whether `http_proxy` also counts for https, as for the `fetch` of Node
 */
export function settingsOf(env: Environment, httpForHttps: boolean): ProxySettings {
  // In CGI, the header `Proxy` of any request becomes HTTP_PROXY: https://httpoxy.org
  const http = sourceIn(env, "http_proxy", ...(env.REQUEST_METHOD === undefined ? ["HTTP_PROXY"] : []));
  const https = sourceIn(env, "https_proxy", "HTTPS_PROXY");
  const all = sourceIn(env, "all_proxy", "ALL_PROXY");
  return {
    http: http ?? all,
    https: https ?? (httpForHttps ? http : undefined) ?? all,
    noProxy: sourceIn(env, "no_proxy", "NO_PROXY")?.text ?? "",
  };
}

/** Returns the settings that send every request through one proxy. */
export function settingsFor(url: string): ProxySettings {
  const source = { text: url, name: "the option `proxy`" };
  return { http: source, https: source, noProxy: "" };
}

function sourceIn(env: Environment, ...names: readonly string[]): Source | undefined {
  for (const name of names) {
    const text = env[name]?.trim();
    if (text) return { text, name };
  }
  return undefined;
}

/**
 * Returns the proxy for an address; `undefined` for a direct connection. Loopback addresses are never sent to the
 * proxy of a variable.
 * @throws {SendError} kind `unsupported` when the proxy is not one of HTTP: a direct connection would go around it
 */
export function proxyFor({ protocol, hostname, port }: URL, settings: ProxySettings): ProxyServer | undefined {
  const isSecure = protocol === "https:";
  const source = isSecure ? settings.https : settings.http;
  if (source === undefined) return undefined;
  const isOption = source.name.includes(" ");
  const target = { name: hostname.replace(/^\[|\]$|\.$/g, ""), port: port || (isSecure ? "443" : "80") };
  if (!isOption && (isLoopback(hostname) || isExempt(target, settings.noProxy))) return undefined;
  return readProxy(source);
}

function readProxy({ text, name }: Source): ProxyServer {
  const url = parsed(/^[a-z][a-z\d+.-]*:\/\//i.test(text) ? text : `http://${text}`);
  const credentials = url && credentialsOf(url);
  if (!url?.hostname || !credentials) {
    throw unsupported(`The proxy in ${name} is not a valid URL. Expected one such as http://proxy.example:3128.`);
  }
  if (!/^https?:$/.test(url.protocol)) {
    throw unsupported(
      `The proxy in ${name} speaks ${url.protocol.slice(0, -1)}, which is not supported, and nothing is sent around it. ` +
        "Use an http or https proxy, or pass an `agent` that speaks it.",
    );
  }
  const isSecure = url.protocol === "https:";
  const { user, password } = credentials;
  const isAnonymous = user === "" && password === "";
  const basic = base64Of(new TextEncoder().encode(`${user}:${password}`));
  return {
    isSecure,
    hostname: url.hostname.replace(/^\[(.*)\]$/, "$1"),
    port: Number(url.port || (isSecure ? 443 : 80)),
    origin: url.origin,
    source: name,
    href: url.href,
    authorization: isAnonymous ? undefined : `Basic ${basic}`,
    username: isAnonymous ? undefined : user,
    password: isAnonymous ? undefined : password,
  };
}

function parsed(text: string): URL | undefined {
  return URL.canParse(text) ? new URL(text) : undefined;
}

function credentialsOf({ username, password }: URL): { user: string; password: string } | undefined {
  try {
    return { user: decodeURIComponent(username), password: decodeURIComponent(password) };
  } catch {
    return undefined; // a percent sign that is not an escape
  }
}

function unsupported(message: string): SendError {
  return new SendError("unsupported", message);
}

interface Host {
  readonly name: string;
  readonly port: string;
}

/**
 * Whether an entry of `NO_PROXY` names the host: entries are separated by commas or white space and are names (with
 * their subdomains), addresses, IPv4 ranges (`10.0.0.0/8`, `10.0.0.1-10.0.0.9`) or `*`, each with an optional port.
 */
function isExempt(host: Host, noProxy: string): boolean {
  return noProxy.split(/[\s,]+/).some((entry) => entry !== "" && isNamed(host, entry.toLowerCase()));
}

function isNamed({ name, port }: Host, entry: string): boolean {
  const [, bracketed, plain = "", entryPort] = /^(?:\[([^\]]*)\]|([^:]*|.*:.*:.*?))(?::(\d+))?$/.exec(entry) ?? [];
  const isIPv6 = bracketed === undefined && /:.*:/.test(entry);
  if (!isIPv6 && entryPort !== undefined && entryPort !== port) return false;
  const wanted = (isIPv6 ? entry : (bracketed ?? plain)).replace(/^\*?\.|\.$/g, "");
  if (wanted === "*" || wanted === name) return true;
  const address = ipv4Of(name);
  if (address !== undefined) return isInRange(address, wanted);
  return wanted !== "" && name.endsWith(`.${wanted}`);
}

function isInRange(address: number, range: string): boolean {
  const [from = "", bits] = range.split("/");
  const [first = "", last] = range.split("-");
  if (bits !== undefined) {
    const base = ipv4Of(from);
    const size = 2 ** (32 - Number(bits));
    return base !== undefined && /^\d+$/.test(bits) && Math.floor(base / size) === Math.floor(address / size);
  }
  const [low, high] = [ipv4Of(first), last === undefined ? undefined : ipv4Of(last)];
  return low !== undefined && high !== undefined && low <= address && address <= high;
}

function ipv4Of(text: string): number | undefined {
  if (!/^\d{1,3}(\.\d{1,3}){3}$/.test(text)) return undefined;
  return text.split(".").reduce((sum, octet) => sum * 256 + Number(octet), 0);
}
