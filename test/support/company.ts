/** A company's network: a provider behind TLS with the company's own root, and a proxy as the only way to it. */

import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { ownCa } from "./own-ca.ts";
import { GOOD_END, textEvent } from "./raw-server.ts";

/** One request that reached the provider. */
interface ProviderRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
}

export interface Provider extends AsyncDisposable {
  readonly port: number;
  readonly requests: readonly ProviderRequest[];
  /** Connections there have been: tunnels, where a proxy is between. */
  connections(): number;
}

type Respond = (response: ServerResponse, request: IncomingMessage) => void;

/** The words of the reply, one event each. */
const WORDS = ["Hello", " from", " outside"];

export const streams: Respond = (response) => {
  response.writeHead(200, { "content-type": "text/event-stream" });
  for (const word of WORDS) response.write(textEvent(word));
  response.end(GOOD_END);
};

/** Starts a provider of Chat Completions; with `socketPath` or `plain` without TLS. */
export async function startProvider(
  respond: Respond = streams,
  { plain = false, socketPath }: { readonly plain?: boolean; readonly socketPath?: string } = {},
): Promise<Provider> {
  const requests: ProviderRequest[] = [];
  const answer = (request: IncomingMessage, response: ServerResponse) => {
    const { method = "", url = "", headers } = request;
    request.resume().on("end", () => {
      if (method === "HEAD") return void response.end();
      requests.push({ method, url, headers });
      if (url.endsWith("/models")) return void response.end(JSON.stringify({ data: [{ id: "m" }] }));
      respond(response, request);
    });
  };
  const server =
    plain || socketPath !== undefined
      ? createHttpServer(answer)
      : createHttpsServer({ key: ownCa().key, cert: ownCa().cert }, answer);
  let connections = 0;
  server.on("connection", () => connections++);
  const port = await listening(server, socketPath);
  return {
    port,
    requests,
    connections: () => connections,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** How the proxy treats a request, by its number from 0. */
export type Treatment =
  | "pass"
  /** It accepts the connection and says nothing. */
  | "silent"
  | "close"
  /** It answers with this status and header lines. */
  | { readonly status: number; readonly headers?: string; readonly body?: string }
  /** It says this, whatever it means, and goes on if it is a beginning. */
  | { readonly say: string }
  /** It cuts both sides after this many bytes from the provider. */
  | { readonly cutAfter: number }
  /** It keeps the provider's bytes back until the provider ends, or until this promise is there. */
  | { readonly holdUntil: Promise<unknown> };

export interface CompanyProxy extends AsyncDisposable {
  readonly port: number;
  readonly url: string;
  /** The heads of the requests: of CONNECT, and of requests in absolute form. */
  readonly heads: readonly string[];
  /** Those of `heads` that are CONNECT. */
  connects(): readonly string[];
  /** Closes all connections at once, as a proxy does that is started anew. Resolves when both sides are gone. */
  dropAll(): Promise<void>;
  /** Resolves when no socket is open. */
  idle(): Promise<void>;
}

/**
 * Starts a proxy on loopback. It leads every name to this machine. `credentials`: `name:password`, which it asks for
 * by 407.
 */
export async function startProxy({
  credentials,
  treat = () => "pass",
  isSecure = false,
}: {
  readonly credentials?: string;
  readonly treat?: (index: number, head: string) => Treatment;
  readonly isSecure?: boolean;
} = {}): Promise<CompanyProxy> {
  const heads: string[] = [];
  const sockets = new Set<Socket>();
  const waiting = new Set<() => void>();
  const accept = (client: Socket) => {
    sockets.add(client);
    client
      .on("error", () => undefined)
      .on("close", () => {
        sockets.delete(client);
        if (sockets.size === 0) for (const resolve of waiting) resolve();
      });
    let received = Buffer.alloc(0);
    const read = (bytes: Buffer) => {
      received = Buffer.concat([received, bytes]);
      const end = received.indexOf("\r\n\r\n");
      if (end < 0) return;
      client.off("data", read);
      const head = received.subarray(0, end).toString("latin1");
      heads.push(head);
      serve(client, head, received.subarray(end + 4), treat(heads.length - 1, head), credentials);
    };
    client.on("data", read);
  };
  const server = isSecure ? createTlsServer({ key: ownCa().key, cert: ownCa().cert }, accept) : createServer(accept);
  const idle = async () => {
    if (sockets.size > 0) await new Promise<void>((resolve) => waiting.add(resolve));
  };
  const port = await listening(server);
  return {
    port,
    url: `${isSecure ? "https" : "http"}://127.0.0.1:${port}`,
    heads,
    connects: () => heads.filter((head) => head.startsWith("CONNECT ")),
    dropAll() {
      for (const socket of sockets) socket.destroy();
      return idle();
    },
    idle,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function serve(client: Socket, head: string, rest: Buffer, treatment: Treatment, credentials?: string): void {
  const authorized = credentials === undefined || head.includes(`Basic ${Buffer.from(credentials).toString("base64")}`);
  if (!authorized) {
    client.end('HTTP/1.1 407 Who?\r\nProxy-Authenticate: Basic realm="company"\r\nContent-Length: 0\r\n\r\n');
    return;
  }
  if (treatment === "silent") return;
  if (treatment === "close") return void client.end();
  if (typeof treatment === "object" && "status" in treatment) {
    const { status, headers = "", body = "" } = treatment;
    client.end(`HTTP/1.1 ${status} Because\r\n${headers}Content-Length: ${body.length}\r\n\r\n${body}`);
    return;
  }
  if (typeof treatment === "object" && "say" in treatment) return void client.write(treatment.say);
  const [, method = "", target = ""] = /^(\S+) (\S+)/.exec(head) ?? [];
  const isTunnel = method === "CONNECT";
  const port = isTunnel ? Number(target.split(":").at(-1)) : Number(new URL(target).port);
  const upstream = connect(port, "127.0.0.1");
  upstream.on("connect", () => {
    if (isTunnel) client.write("HTTP/1.1 200 Connection established\r\n\r\n");
    else upstream.write(`${originForm(head)}\r\n\r\n`);
    if (rest.length > 0) upstream.write(rest);
    client.pipe(upstream);
    passBack(upstream, client, treatment);
  });
  upstream.on("error", () => client.destroy()).on("close", () => client.destroy());
  client.on("close", () => upstream.destroy());
}

/** A proxy passes on the path, and none of the headers that are for itself. */
function originForm(head: string): string {
  const target = /^\S+ (\S+)/.exec(head)?.[1] ?? "";
  const { origin } = new URL(target);
  return head.replace(origin, "").replace(/\r\nproxy-[^\r]*/gi, "");
}

function passBack(upstream: Socket, client: Socket, treatment: Treatment): void {
  if (typeof treatment === "object" && "cutAfter" in treatment) {
    let left = treatment.cutAfter;
    upstream.on("data", (bytes) => {
      client.write(bytes);
      left -= bytes.length;
      if (left > 0) return;
      client.destroySoon();
      upstream.destroy();
    });
    return;
  }
  if (typeof treatment === "object" && "holdUntil" in treatment) {
    void treatment.holdUntil.then(() => upstream.pipe(client));
    return;
  }
  upstream.pipe(client);
}

async function listening(server: Server, path?: string): Promise<number> {
  await new Promise<void>((resolve) => {
    if (path === undefined) server.listen(0, "127.0.0.1", resolve);
    else server.listen(path, resolve);
  });
  const address = server.address();
  return typeof address === "object" && address ? (address as AddressInfo).port : 0;
}
