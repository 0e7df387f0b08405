/** Upstash's REST interface over a real Redis: HTTP in, the commands of a connection out. */

import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

/** Sends one command to Redis. */
export type Command = (args: readonly string[]) => Promise<unknown>;

/** Starts the server. Its token is `secret`. */
export async function startUpstash(command: Command): Promise<{ url: string; server: Server }> {
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const piece of request) body += piece;
    if (request.url !== "/pipeline" || request.headers.authorization !== "Bearer secret") {
      response.writeHead(401).end('{"error":"Unauthorized"}');
      return;
    }
    const encode = request.headers["upstash-encoding"] === "base64" ? encoded : (value: unknown) => value;
    const replies = (JSON.parse(body) as string[][]).map((args) =>
      command(args).then(
        (result) => ({ result: encode(result) }),
        (error: unknown) => ({ error: String(error).replace(/^\w*Error: /, "") }),
      ),
    );
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify(await Promise.all(replies)));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server };
}

/** Its own client asks for strings in base64. */
function encoded(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(encoded);
  return typeof value === "string" && value !== "OK" ? Buffer.from(value).toString("base64") : value;
}
