/**
 * A tunnel through a proxy: CONNECT by hand, since the agents of Node 20 have none, and those of later versions cannot
 * be stopped while a proxy is silent.
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-9.3.6
 */

import type { Socket } from "node:net";
import type { SendError } from "../contract/errors.ts";
import { NotSent } from "./network-errors.ts";
import { closedError, notAProxyError, silentError, tunnelRefusedError, unreachableError } from "./proxy-errors.ts";
import type { ProxyServer } from "./proxy-settings.ts";

/** Maximum length of a proxy's answer to CONNECT. */
const MAX_HEAD_LENGTH = 16 * 1024;

const END_OF_HEAD = "\r\n\r\n";

/** A tunnel that is being opened. */
export interface Opening {
  /** Closes the connection to the proxy, unless the tunnel is open. */
  abandon(): void;
}

/**
 * Opens a tunnel to `target` (`host:port`). Calls `onEnd` once, never before it has returned: with the error, or with
 * a socket on which the target speaks.
 */
export function openTunnel(
  proxy: ProxyServer,
  target: string,
  limitMs: number,
  onEnd: (error: Error | undefined, socket?: Socket) => void,
): Opening {
  let head = "";
  let isOver = false;
  const socket = connectTo(proxy);
  const limit = setTimeout(() => end(silentError(proxy, limitMs)), limitMs);

  function end(error: SendError | undefined): void {
    if (isOver) return;
    isOver = true;
    clearTimeout(limit);
    socket.removeListener("data", read).removeListener("error", fail).removeListener("close", closed);
    if (error === undefined) return onEnd(undefined, socket);
    socket.on("error", () => undefined).destroy();
    onEnd(new NotSent(error));
  }

  const fail = (error: Error) => end(unreachableError(proxy, error));
  const closed = () => end(closedError(proxy));

  function read(bytes: Buffer): void {
    const before = head.length;
    head += bytes.toString("latin1");
    const at = head.indexOf(END_OF_HEAD);
    if (at < 0) {
      if (head.length > MAX_HEAD_LENGTH || !"HTTP/1.".startsWith(head.slice(0, 7))) end(notAProxyError(proxy));
      return;
    }
    const answer = head.slice(0, at);
    const status = Number(/^HTTP\/1\.\d (\d{3})\b/.exec(answer)?.[1]);
    if (!(status >= 200)) return end(notAProxyError(proxy));
    if (status >= 300) {
      const asks = [...answer.matchAll(/^proxy-authenticate:(.*)$/gim)].map(([, text = ""]) => text.trim());
      return end(tunnelRefusedError(proxy, target, status, asks.length > 0 ? asks.join(", ") : undefined));
    }
    socket.pause();
    const rest = bytes.subarray(at + END_OF_HEAD.length - before);
    if (rest.length > 0) socket.unshift(rest); // it belongs to the tunnel
    end(undefined);
  }

  socket.on("data", read).on("error", fail).on("close", closed);
  const authorization = proxy.authorization === undefined ? "" : `Proxy-Authorization: ${proxy.authorization}\r\n`;
  socket.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n${authorization}\r\n`);
  return { abandon: () => end(closedError(proxy)) };
}

/** Connects to the proxy itself. The certificate of an https proxy is checked as any other. */
function connectTo({ isSecure, hostname: host, port }: ProxyServer): Socket {
  const net = process.getBuiltinModule("node:net");
  if (!isSecure) return net.connect({ host, port }).setNoDelay(true);
  const servername = net.isIP(host) === 0 ? { servername: host } : {};
  return process
    .getBuiltinModule("node:tls")
    .connect({ host, port, ALPNProtocols: ["http/1.1"], ...servername })
    .setNoDelay(true);
}
