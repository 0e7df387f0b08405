/** One server with both wires. Each token is an event of its own, for both at the same moments. */
import { createServer } from "node:http";
import { WORD } from "./history.mjs";

const HEADERS = { "content-type": "text/event-stream", "cache-control": "no-cache" };
const REPLAYED = 3_000;

const data = (value, id) => `${id === undefined ? "" : `id: ${id}\n`}data: ${JSON.stringify(value)}\n\n`;

/** How each wire says that a reply begins, goes on, and is complete. */
const WIRES = {
  cloudllm: {
    begin: (run) => data({ opened: { run, provider: "bench", model: "bench" } }),
    word: (number) => data({ text: WORD }, `1-${number}`),
    end: (words) =>
      data({
        message: {
          role: "assistant",
          content: WORD.repeat(words),
          reasoning: "",
          toolCalls: [],
          citations: [],
          finishReason: "stop",
          provider: "bench",
          model: "bench",
          metrics: { durationMs: 0, chunks: words, longestGapMs: 0, attempts: [] },
        },
      }),
  },
  "ai-sdk": {
    begin: (run) =>
      [{ type: "start", messageId: run }, { type: "start-step" }, { type: "text-start", id: "1" }]
        .map((part) => data(part))
        .join(""),
    word: () => data({ type: "text-delta", id: "1", delta: WORD }),
    end: () =>
      `${[{ type: "text-end", id: "1" }, { type: "finish-step" }, { type: "finish" }].map((part) => data(part)).join("")}data: [DONE]\n\n`,
  },
};

/** Starts the server. `file` returns what a page and its script are. */
export async function startServer(file) {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url, "http://bench");
    const wire = WIRES[pathname.split("/")[1]];
    if (!wire) return file(request, response);
    if (request.method === "POST") return begin(request, response, wire);
    if (pathname.endsWith("/stream")) return replay(response, wire);
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ messages: [], run: "replay", turn: [{ role: "user", content: "Tell" }] }));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { origin: `http://127.0.0.1:${server.address().port}`, stop: () => server.close() };
}

async function begin(request, response, wire) {
  let text = "";
  for await (const piece of request) text += piece;
  const words = Number(/reply (\d+)/.exec(text.slice(text.lastIndexOf("reply ")))?.[1] ?? 0);
  const run = JSON.parse(text).run ?? "live";
  response.writeHead(200, HEADERS);
  response.write(wire.begin(run));
  const since = performance.now();
  let sent = 0;
  const timer = setInterval(() => {
    // By the clock, so that a late timer does not make the reply slower.
    const due = Math.min(words, Math.floor((performance.now() - since) / 5));
    for (; sent < due; sent++) response.write(wire.word(sent));
    if (sent < words && !response.destroyed) return;
    clearInterval(timer);
    response.end(wire.end(words));
  }, 5);
}

function replay(response, wire) {
  response.writeHead(200, HEADERS);
  const words = Array.from({ length: REPLAYED }, (_, number) => wire.word(number));
  response.end(wire.begin("replay") + words.join("") + wire.end(REPLAYED));
}
