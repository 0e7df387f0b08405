/**
 * A process of its own: a provider in four wire formats, and before it a proxy that delays, dribbles, cuts, half-closes, resets
 * and falls silent, connection by connection, as a seed says. Prints its address; `GET /goodbye` to its control port ends
 * what is idle and answers with what it did.
 */
import { createServer as createHttpServer } from "node:http";
import { connect, createServer } from "node:net";
import { WIRES } from "../../bench/wires/index.mjs";
import { piecesOf, randomOf } from "./reply.mjs";

const seed = Number(process.argv[2]);

/** A few replies a connection: then the next one has a fate of its own. */
const REPLIES_EACH = 3;
const provider = createHttpServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  let body = "";
  request.setEncoding("utf8").on("data", (text) => {
    body += text;
  });
  request.on("end", () => answer(request.url ?? "", body, response));
  response.on("error", () => undefined);
});

function answer(url, body, response) {
  const number = Number(/reply (\d+)/.exec(body)?.[1]);
  const wire = WIRES[wireOf(url)]?.();
  if (!wire || Number.isNaN(number)) return void response.writeHead(404).end("{}");
  const pieces = piecesOf(number);
  const events = [wire.beginning(), ...pieces.map((piece) => wire.text(piece)), wire.ending(pieces.length)];
  // Some bodies end with their connection alone: cut, they look like whole ones to HTTP.
  if (number % 3 === 0) {
    response.useChunkedEncodingByDefault = false;
    response.shouldKeepAlive = false;
  }
  response.writeHead(200, { "content-type": "text/event-stream" });
  // A few events a turn: the proxy gets something to delay.
  const send = () => {
    const some = events.splice(0, 5).join("");
    if (response.destroyed) return;
    if (events.length === 0) return void response.end(some);
    response.write(some);
    setTimeout(send, 1);
  };
  send();
}

function wireOf(url) {
  if (url.endsWith("/chat/completions")) return "chat";
  if (url.endsWith("/responses")) return "responses";
  return url.endsWith("/messages") ? "anthropic" : "gemini";
}

provider.maxRequestsPerSocket = REPLIES_EACH;

/** How often each fate falls to a connection, and what it does to the bytes on their way to the client. */
const FATES = { clean: 30, delay: 14, dribble: 14, cut: 12, "half-close": 10, reset: 12, refuse: 4, silence: 4 };
const MOST_BYTES = 24_000;
const done = Object.fromEntries(Object.keys(FATES).map((fate) => [fate, 0]));
const open = new Set();
let connections = 0;

function fateOf(random) {
  let left = random() * Object.values(FATES).reduce((sum, weight) => sum + weight);
  for (const [fate, weight] of Object.entries(FATES)) {
    left -= weight;
    if (left < 0) return fate;
  }
  return "clean";
}

const proxy = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
  const random = randomOf(seed + ++connections);
  const fate = fateOf(random);
  done[fate]++;
  open.add(client);
  client.on("error", () => undefined).on("close", () => open.delete(client));
  if (fate === "refuse") return void client.once("data", () => client.resetAndDestroy());
  const upstream = connect(provider.address().port, "127.0.0.1");
  upstream.setNoDelay(true).on("error", () => client.destroy());
  client.on("data", (bytes) => upstream.write(bytes));
  client.on("end", () => {
    upstream.destroy();
    client.end();
  });
  client.on("close", () => upstream.destroy());
  upstream.on("close", () => client.end());
  void relay(upstream, client, fate, random);
});

/** Passes on what comes, in the manner of the fate, until its moment has come. */
async function relay(upstream, client, fate, random) {
  const isFatal = ["cut", "half-close", "reset", "silence"].includes(fate);
  let left = isFatal ? Math.floor(random() * random() * MOST_BYTES) : Number.POSITIVE_INFINITY;
  try {
    for await (const bytes of upstream) {
      if (client.destroyed) return;
      const part = bytes.subarray(0, Math.min(left, bytes.length));
      left -= bytes.length;
      if (fate === "delay") await new Promise((resolve) => setTimeout(resolve, random() * 12));
      if (fate === "dribble") await dribble(part, client, random);
      else client.write(part);
      if (left > 0) continue;
      if (fate === "reset") client.resetAndDestroy();
      else if (fate === "cut") client.destroySoon();
      else if (fate === "half-close") client.end();
      else return await new Promise((resolve) => client.once("close", resolve)); // silence
      return;
    }
  } catch {
    client.destroy();
  }
}

/** The first bytes one by one, then in small pieces, each in a turn of its own. */
async function dribble(bytes, client, random) {
  for (let at = 0; at < bytes.length && !client.destroyed; ) {
    const size = at < 600 ? 1 : 1 + Math.floor(random() * 90);
    client.write(bytes.subarray(at, at + size));
    at += size;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const control = createHttpServer((_request, response) => {
  for (const client of open) client.end();
  setTimeout(() => {
    response.writeHead(200, { connection: "close" });
    response.end(JSON.stringify({ connections, open: open.size, fates: done }));
  }, 1_500);
});

const portOf = (server) =>
  new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server.address().port)));
await portOf(provider);
const [port, controlPort] = [await portOf(proxy), await portOf(control)];
process.stdout.write(`${JSON.stringify({ port, controlPort })}\n`);
process.stdin.on("end", () => process.exit()).resume(); // with the process that started it
