/**
 * A provider on loopback that speaks just enough Chat Completions and cuts its bytes where no boundary is. It serves a
 * folder, too, so that a page and the provider have one origin.
 */
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join } from "node:path";

const TYPES = { ".js": "text/javascript", ".gguf": "application/octet-stream" };
/**
 * How long a client may take to close the connection of a reply that it has left. A relay on an edge runtime notices at
 * its next keep-alive, after 8 s.
 */
const LEAVING_MS = 25_000;

const chunk = (choice, more = {}) => ({
  id: "1",
  object: "chat.completion.chunk",
  model: "test",
  choices: [choice],
  ...more,
});
const EVENTS = [
  chunk({ index: 0, delta: { role: "assistant", content: "" }, finish_reason: null }),
  ...["Hello", ", wörld", " 🌍", "!"].map((content) => chunk({ index: 0, delta: { content }, finish_reason: null })),
  chunk({ index: 0, delta: {}, finish_reason: "stop" }),
  chunk({}, { choices: [], usage: { prompt_tokens: 1, completion_tokens: 4, total_tokens: 5 } }),
];
const WHOLE = Buffer.from(`${EVENTS.map((event) => `data: ${JSON.stringify(event)}\n\n`).join("")}data: [DONE]\n\n`);
/** Up to the middle of a character. */
const HALF = WHOLE.subarray(0, WHOLE.indexOf("wörld") + 2);

/** The first connection to each reply of the relay at `/relay` breaks after so many bytes. */
const BYTES_OF_A_START = 150;

/**
 * `POST /PLAN/v1/chat/completions` answers with the plans `whole`, `cut` (half of it, and at `GET /break` the
 * connection breaks) and `endless` (half of it, then silence); `GET /left` says whether the client has left the last
 * endless one; what a page posts to `/outcome` is what `outcome()` waits for.
 */
export async function startServer(folder) {
  let left = Promise.resolve(false);
  let cut;
  let told;
  const plans = {
    whole: (response) => write(response, WHOLE).then(() => response.end()),
    cut: (response) => {
      cut = response;
      return write(response, HALF);
    },
    endless: (response) => {
      left = new Promise((resolve) => {
        response.once("close", () => resolve(true));
        setTimeout(resolve, LEAVING_MS, false).unref();
      });
      return write(response, HALF);
    },
  };
  let relay;
  const http = createServer(async (request, response) => {
    if (request.url.startsWith("/relay")) {
      return relay(request, request.method === "POST" ? breaking(response) : response);
    }
    const path = request.url.replace(/\?.*/, "");
    let posted = "";
    for await (const part of request.setEncoding("utf8")) posted += part;
    const plan = plans[/^\/(\w+)\/v1\/chat\/completions$/.exec(path)?.[1]];
    if (plan) {
      response.writeHead(200, { "content-type": "text/event-stream" });
      return plan(response);
    }
    if (path === "/left") return response.end((await left) ? "yes" : "no");
    if (path === "/break") cut?.destroy();
    if (path === "/outcome") told?.(posted);
    if (path === "/break" || path === "/outcome") return response.end();
    const file = await readFile(join(folder, path === "/" ? "index.html" : path)).catch(() => undefined);
    if (!file) return response.writeHead(404).end();
    response.writeHead(200, { "content-type": TYPES[extname(path)] ?? "text/html" }).end(file);
  });
  await new Promise((resolve) => http.listen(0, "127.0.0.1", resolve));
  const origin = `http://127.0.0.1:${http.address().port}`;
  relay = await relayTo(origin);
  return {
    origin,
    outcome: () =>
      new Promise((resolve) => {
        told = resolve;
      }),
    close: () => {
      http.close();
      http.closeAllConnections();
    },
  };
}

/** A relay of the built package, whose provider is this server. */
async function relayTo(origin) {
  const { CompatibleClient } = await import("../../dist/index.js");
  const { createRelay, memoryLog, toNode } = await import("../../dist/server/index.js");
  const client = (plan) => new CompatibleClient({ baseUrl: `${origin}/${plan}/v1`, model: plan, retries: 0 });
  const models = { whole: client("whole"), endless: client("endless") };
  const relay = createRelay({ client: models.whole, models, allow: ["model"], authorize: "public", log: memoryLog() });
  return toNode(relay.handle);
}

/** The response, whose connection breaks once it has carried so many bytes. */
function breaking(response) {
  const write = response.write.bind(response);
  let left = BYTES_OF_A_START;
  response.write = (piece, ...rest) => {
    if (left <= 0) return true;
    const passed = Buffer.from(piece).subarray(0, left); // text, or bytes
    left -= passed.length;
    if (left > 0) return write(passed, ...rest);
    return write(passed, () => response.destroy());
  };
  return response;
}

/** In packets of their own. */
async function write(response, bytes) {
  for (let at = 0; at < bytes.length; at += 101) {
    response.write(bytes.subarray(at, at + 101));
    await new Promise(setImmediate);
  }
}
