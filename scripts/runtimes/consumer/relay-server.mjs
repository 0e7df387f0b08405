/** Serves the relay with the runtime's own server. The first line that it prints is its address. */
import { relayOf } from "./relay.mjs";

const [origin] = globalThis.Deno?.args ?? process.argv.slice(2);
const handle = relayOf(origin);
const hostname = "127.0.0.1";
const print = (port) => console.log(JSON.stringify({ port }));

if (globalThis.Bun) print(Bun.serve({ port: 0, hostname, fetch: handle }).port);
else if (globalThis.Deno) Deno.serve({ port: 0, hostname, onListen: ({ port }) => print(port) }, handle);
else {
  const { createServer } = await import("node:http");
  const { toNode } = await import("cloudllm/server");
  const server = createServer(toNode(handle)).listen(0, hostname, () => print(server.address().port));
}
