/**
 * The mock provider, a process of its own: plain sockets and packets made in advance, so that it is never what is
 * measured. `node bench/server.mjs` prints its port; it ends with its standard input.
 */
import { createServer } from "node:net";
import { AUDIENCE, CROWD, PLANS, piecesOf, stamp } from "./replies.mjs";
import { WIRES } from "./wires/index.mjs";

const HEAD = Buffer.from(
  "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ncache-control: no-cache\r\n" +
    "x-request-id: req_5f1c0e7a9b3d4826\r\nconnection: keep-alive\r\ntransfer-encoding: chunked\r\n\r\n",
);
const LAST = "0\r\n\r\n";
/** A crowd that does not grow any more starts without the missing ones. */
const CROWD_PATIENCE_MS = 10_000;

/** Made when first asked for, by the name in the path. */
const packets = {};
/** Crowds that gather, by the name in the path, and their sockets so far. */
const crowds = {
  crowd: { patienceMs: CROWD_PATIENCE_MS, ...CROWD, sockets: [] },
  audience: { ...AUDIENCE, sockets: [] },
};
/** Chat events do not depend on each other, so that one reply can write for all. */
const crowdReply = WIRES.chat();

const server = createServer({ noDelay: true }, (socket) => {
  let received = "";
  socket.setEncoding("latin1").on("data", (text) => {
    received += text;
    const head = received.indexOf("\r\n\r\n");
    if (head < 0) return;
    const length = Number(/content-length: *(\d+)/i.exec(received)?.[1] ?? 0);
    if (received.length < head + 4 + length) return;
    const [plan, wire] = received.slice(0, head).split("/", 2)[1].split(".");
    received = "";
    answer(socket, plan, wire);
  });
  socket.on("error", () => socket.destroy());
});

server.listen(0, "127.0.0.1", 1_024, () => console.log(server.address().port));
process.stdin.resume().on("end", () => process.exit());

function answer(socket, name, wire) {
  if (crowds[name]) return join(crowds[name], socket);
  const plan = PLANS[name];
  if (!plan || !WIRES[wire]) return socket.end("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n");
  packets[`${name}.${wire}`] ??= packetsOf(plan, WIRES[wire]);
  const made = packets[`${name}.${wire}`];
  let next = 0;
  const step = () => {
    if (socket.destroyed) return;
    socket.write(made[next++]);
    if (next === made.length) return;
    if (plan.gapMs > 0) setTimeout(step, plan.gapMs);
    else setImmediate(step);
  };
  step();
}

/** Holds a reply back until the crowd is complete. */
function join(crowd, socket) {
  socket.write(HEAD);
  socket.write(httpChunk(crowdReply.beginning()));
  crowd.sockets.push(socket);
  socket.once("close", () => {
    crowd.sockets = crowd.sockets.filter((other) => other !== socket); // of a client that has given up
  });
  clearTimeout(crowd.timer);
  if (crowd.sockets.length >= crowd.streams) start(crowd);
  else crowd.timer = setTimeout(start, crowd.patienceMs, crowd);
}

/** Gives every reply of the crowd a piece at its pace, each at its own moment within the pace. */
function start(crowd) {
  const { sockets, pieces, everyMs } = crowd;
  crowd.sockets = [];
  const startedAt = performance.now();
  let sent = 0;
  const total = sockets.length * pieces;
  const tick = () => {
    const due = Math.min(total, ((performance.now() - startedAt) / everyMs) * sockets.length);
    for (; sent < due; sent++) {
      const socket = sockets[sent % sockets.length];
      if (!socket.destroyed) socket.write(httpChunk(crowdReply.text(stamp())));
      if (sent >= total - sockets.length) socket.write(httpChunk(crowdReply.ending(pieces)) + LAST);
    }
    if (sent < total) setTimeout(tick, 1);
  };
  tick();
}

/** The head comes with the first packet: servers send it when the model begins. */
function packetsOf({ pieces, perPacket }, openWire) {
  const reply = openWire();
  const texts = piecesOf(pieces);
  const beginning = reply.beginning();
  const made = [];
  for (let at = 0; at < pieces; at += perPacket) {
    const events = texts.slice(at, at + perPacket).map(reply.text);
    if (at === 0) events.unshift(beginning);
    if (at + perPacket >= pieces) events.push(reply.ending(pieces));
    const body = Buffer.from(httpChunk(events.join("")) + (at + perPacket >= pieces ? LAST : ""));
    made.push(at === 0 ? Buffer.concat([HEAD, body]) : body);
  }
  return made;
}

function httpChunk(text) {
  return `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
}
