/**
 * A company's proxy on loopback, in front of the server of `test-runtimes.mjs`: it alone knows `provider.test`. Another
 * port wants a password, and a Unix socket leads to the same server.
 */
import { rmSync } from "node:fs";
import { createServer as createHttpServer, request as httpRequest } from "node:http";
import { connect, createServer } from "node:net";

const USER = "name";
const PASSWORD = "p@ss word";
const ACCEPTED = `Basic ${Buffer.from(`${USER}:${PASSWORD}`).toString("base64")}`;

/** Starts both proxies and the socket. `origin` is the server's. */
export async function startProxies(origin, socketPath) {
  const { port } = new URL(origin);
  const open = createHttpServer((request, response) => forward(request, response, port));
  const closed = createHttpServer((request, response) => {
    if (request.headers["proxy-authorization"] === ACCEPTED) return forward(request, response, port);
    response.writeHead(407, { "proxy-authenticate": 'Basic realm="company"' }).end();
  });
  const socket = createServer((client) => {
    const server = connect(Number(port), "127.0.0.1");
    for (const side of [client, server]) side.on("error", () => side.destroy());
    client.pipe(server).pipe(client);
  });
  for (const server of [open, closed]) await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  rmSync(socketPath, { force: true });
  await new Promise((resolve) => socket.listen(socketPath, resolve));
  return {
    open: `http://127.0.0.1:${open.address().port}`,
    closed: `127.0.0.1:${closed.address().port}`,
    close() {
      for (const server of [open, closed]) {
        server.close();
        server.closeAllConnections();
      }
      socket.close();
    },
  };
}

/** Sends a request for `http://provider.test/…` to the server, without what was for the proxy alone. */
function forward(request, response, port) {
  const target = URL.canParse(request.url) ? new URL(request.url) : undefined;
  if (target?.hostname !== "provider.test") return response.writeHead(502).end();
  const { "proxy-authorization": _password, "proxy-connection": _hop, ...headers } = request.headers;
  const inner = httpRequest(
    { host: "127.0.0.1", port, method: request.method, path: target.pathname + target.search, headers },
    (answer) => {
      response.writeHead(answer.statusCode, { ...answer.headers, via: "1.1 company" });
      answer.pipe(response);
    },
  );
  inner.on("error", () => response.destroy());
  request.pipe(inner);
}
