/**
 * A stage for the contract of a client in another process: a relay of the built package whose model plays scripts, which
 * it takes as JSON (see `consumer/contract.mjs`), and a network before it that breaks connections at random bytes.
 */
import { createServer as createHttpServer } from "node:http";
import { connect, createServer } from "node:net";

/** Everything that a browser may see, and may ask for. */
const OPEN_RELAY = {
  authorize: "public",
  history: "client",
  trustHistory: true,
  clientTools: true,
  allow: ["maxOutputTokens", "temperature", "topP", "stop", "seed", "toolChoice", "reasoning", "output", "search"],
  expose: { reasoning: true, usage: true, toolResults: true, providerTools: true, logprobs: true },
  describe: ({ message }) => message,
};
const SEED = 12;
const UNBROKEN_SHARE = 0.3;
const MAX_BYTES = 12_000;
/** A page on another origin may read what the control port answers. */
const CORS = { "access-control-allow-origin": "*" };

/**
 * `POST /open/direct` and `/open/breaking` put scripts on the stage, and answer with their number `N` and the relay's
 * address. `GET /N/requests`, `/N/sent/CALL` and `/N/closed/CALL` observe the model, the last one when it is so.
 * `GET /N/reached/GATE` waits for a gate of the scripts, `POST /N/pass/GATE` opens it, and `POST /N/dispose` ends all.
 * `GET /breaks` answers with how many connections broke.
 */
export async function startStage() {
  const network = { random: numbers(SEED), broken: 0 };
  const plays = [];
  const open = async (kind, body, origin) => {
    const origins = origin === undefined ? [] : [origin];
    const play = await startPlay(JSON.parse(body), origins, kind === "breaking" ? network : undefined);
    return { number: plays.push(play) - 1, url: play.url };
  };
  const orders = {
    requests: (play) => play.calls.length,
    sent: (play, call) => play.calls[call]?.chunks ?? 0,
    closed: (play, call) => play.calls[call]?.closed,
    reached: (play, gate) => Promise.race([play.gates[gate].reached, play.over]),
    pass: (play, gate) => play.gates[gate].open(),
    dispose: (play) => play.dispose(),
  };
  const control = await listening(
    createHttpServer(async (request, response) => {
      let body = "";
      for await (const part of request.setEncoding("utf8")) body += part;
      const [first, second, which] = request.url.slice(1).split("/");
      const order = () =>
        first === "open" ? open(second, body, request.headers.origin) : orders[second](plays[first], which);
      const answer = first === "breaks" ? { broken: network.broken } : await order();
      response.writeHead(200, CORS).end(JSON.stringify(answer ?? null));
    }),
  );
  return {
    origin: control.origin,
    async close() {
      control.close();
      for (const play of plays) await play.dispose();
    },
  };
}

async function startPlay(scripts, origins, network) {
  const { createRelay, memoryLog, toNode } = await import("../../dist/server/index.js");
  const { Gate, scriptedClient } = await import("../../dist/testing/index.js");
  const gates = [];
  const model = scriptedClient(decoded(scripts, gates, Gate));
  const relay = createRelay({ client: model, log: memoryLog(), origins, ...OPEN_RELAY });
  const site = await listening(createHttpServer(toNode(relay.handle)));
  const proxy = network && (await listening(breakingProxy(site.port, network)));
  let end;
  const over = new Promise((resolve) => {
    end = resolve;
  });
  return {
    url: `${(proxy ?? site).origin}/chat`,
    calls: model.calls,
    gates,
    over,
    async dispose() {
      end();
      proxy?.close();
      site.close();
      await relay.drain(0);
    },
  };
}

/** The scripts, with gates of their own where a `$gate` stood, and repeated pieces where a `$repeat` stood. */
function decoded(value, gates, Gate) {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((each) => decoded(each, gates, Gate));
  if ("$repeat" in value) return new Array(value.times).fill(value.$repeat);
  if ("$gate" in value) {
    gates[value.$gate] ??= new Gate();
    return gates[value.$gate];
  }
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, decoded(each, gates, Gate)]));
}

/** Most connections end by a reset, or in an orderly way, after some bytes of responses. */
function breakingProxy(port, network) {
  const { random } = network;
  return createServer({ noDelay: true }, (client) => {
    const upstream = connect({ port, host: "127.0.0.1", noDelay: true });
    let left = random() < UNBROKEN_SHARE ? Number.POSITIVE_INFINITY : 1 + Math.floor(random() ** 2 * MAX_BYTES);
    const isReset = random() < 0.5;
    for (const socket of [client, upstream]) socket.on("error", () => undefined); // this is the test
    client.on("data", (bytes) => upstream.write(bytes));
    client.on("close", () => upstream.destroy());
    upstream.on("end", () => client.end());
    upstream.on("close", () => client.destroySoon());
    upstream.on("data", (bytes) => {
      if (left <= 0) return;
      const passed = bytes.subarray(0, left);
      left -= passed.length;
      if (left > 0) return passOn(upstream, client, passed);
      network.broken += 1;
      client.write(passed, () => {
        upstream.destroy();
        if (isReset) client.resetAndDestroy();
        else client.end();
      });
    });
  });
}

/** Reads no faster than the client does. */
function passOn(upstream, client, bytes) {
  if (client.write(bytes)) return;
  upstream.pause();
  client.once("drain", () => upstream.resume());
}

async function listening(server) {
  const sockets = new Set();
  server.on("connection", (socket) => sockets.add(socket.once("close", () => sockets.delete(socket))));
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  const close = () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  return { port, origin: `http://127.0.0.1:${port}`, close };
}

/** Numbers from 0 to 1, the same in each run (a linear congruential generator). */
function numbers(seed) {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return state / 2 ** 32;
  };
}
