/** Failures of a proxy as `SendError`s. They name the proxy without its password. */

import { SendError } from "../contract/errors.ts";
import { messageOf } from "../platform/text-of.ts";
import { isCertificate } from "./network-errors.ts";
import type { ProxyServer } from "./proxy-settings.ts";

/** The code of a tunnel that did not come up, as in Node and Bun. */
const CODE = "ERR_PROXY_TUNNEL";

/** The schemes of a proxy's `Proxy-Authenticate` that are not Basic, and need a program of the system. */
const OTHER_SCHEMES = /\b(negotiate|ntlm|kerberos|digest)\b/i;

/**
 * Returns the error for a proxy that wants to know who asks.
 * @param asks its header `Proxy-Authenticate`
 */
export function unauthorizedError(proxy: ProxyServer, asks: string | undefined, status: 401 | 407 = 407): SendError {
  const scheme = asks !== undefined && !/\bbasic\b/i.test(asks) ? OTHER_SCHEMES.exec(asks)?.[1] : undefined;
  const example = proxy.origin.replace("//", "//name:password@");
  const advice =
    scheme !== undefined
      ? `It asks for ${scheme}, which is not supported. Use a local proxy that speaks it, or pass an \`agent\` that does.`
      : proxy.authorization === undefined
        ? `It asks for a name and a password. Write them into ${proxy.source}: ${example}.`
        : `It does not accept the name and password in ${proxy.source}. Check them; special characters need percent-encoding.`;
  return new SendError("permission", `${named(proxy)} refused the request (${status}). ${advice}`, {
    status,
    code: CODE,
    retryable: false,
  });
}

/** Returns the error for a proxy that opened no tunnel to `host:port`. */
export function tunnelRefusedError(
  proxy: ProxyServer,
  target: string,
  status: number,
  asks: string | undefined,
): SendError {
  if (status === 407 || status === 401) return unauthorizedError(proxy, asks, status); // 401: tinyproxy
  const text = `${named(proxy)} opened no connection to ${target}: it answered ${status}.`;
  if (status === 403) {
    return new SendError("permission", `${text} Ask its administrator to allow this address.`, {
      status,
      code: CODE,
      retryable: false,
    });
  }
  const passes = status >= 500 || status === 408 || status === 429;
  return new SendError("network", text, { status, code: CODE, retryable: passes });
}

/** Returns the error for a proxy that cannot be reached, or whose certificate is not trusted. */
export function unreachableError(proxy: ProxyServer, error: unknown): SendError {
  const code = error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
  const advice = code === "ECONNREFUSED" ? ". Is the proxy running there?" : "";
  return new SendError("network", `Could not reach ${named(proxy, "the")}: ${messageOf(error) || code}${advice}`, {
    code: code ?? CODE,
    cause: error,
    retryable: isCertificate(code) ? false : undefined,
  });
}

/** Returns the error for a proxy that closed the connection before the tunnel was open. */
export function closedError(proxy: ProxyServer): SendError {
  return new SendError("network", `${named(proxy)} closed the connection before it opened the tunnel.`, { code: CODE });
}

/** Returns the error for an answer to CONNECT that is not HTTP. */
export function notAProxyError(proxy: ProxyServer): SendError {
  const message = `${named(proxy)} did not answer as a proxy does. Is its address right?`;
  return new SendError("network", message, { code: CODE, retryable: false });
}

/** Returns the error for a proxy that did not answer CONNECT. */
export function silentError(proxy: ProxyServer, waitedMs: number): SendError {
  const message = `${named(proxy)} opened no tunnel within ${waitedMs} ms.`;
  return new SendError("timeout", message, { code: CODE, phase: "headers", waitedMs });
}

/** Returns the error for a key that a proxy, and everyone on the way to it, could read. */
export function readableKeyError(proxy: ProxyServer, host: string): SendError {
  const message = `The key for ${host} would be sent over http to ${named(proxy, "the")}, readable on the way. Use an https address, add ${host} to NO_PROXY, or set \`allowInsecureHttp: true\`.`;
  return new SendError("invalidRequest", message);
}

function named({ origin, source }: ProxyServer, article: "The" | "the" = "The"): string {
  return `${article} proxy ${origin} (${source})`;
}
