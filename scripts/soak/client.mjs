/**
 * The process under test: many streams through the proxy, each checked exactly. Prints one line of JSON, and then has nothing
 * left to do: it must end by itself.
 */
import assert from "node:assert/strict";
import { readdirSync, readlinkSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { ClaudeClient, CompatibleClient, GeminiClient, OpenAIClient, SendError } from "cloudllm";
import { piecesOf } from "./reply.mjs";

const [port, controlPort, count, atOnce, seed] = process.argv.slice(2).map(Number);
const origin = `http://127.0.0.1:${port}`;

const TRANSPORTS = { "node:http": {}, fetch: { fetch: (input, init) => fetch(input, init) } };
const CLIENTS = {
  chat: (options) => new CompatibleClient({ ...options, baseUrl: `${origin}/v1` }),
  responses: (options) => new OpenAIClient({ ...options, baseUrl: `${origin}/v1` }),
  anthropic: (options) => new ClaudeClient({ ...options, baseUrl: origin }),
  gemini: (options) => new GeminiClient({ ...options, baseUrl: origin }),
};
/** Every format over every transport, with retries and without. */
const clients = Object.entries(CLIENTS).flatMap(([wire, make]) =>
  Object.entries(TRANSPORTS).flatMap(([transport, own]) =>
    [0, 2].map((retries) => ({
      name: `${wire} over ${transport}`,
      client: make({
        model: "m",
        apiKey: "key-0123456789",
        retries,
        timeouts: { headers: 3_000, idle: 1_500 },
        ...own,
      }),
    })),
  ),
);

const ends = {};
let retried = 0;

async function oneStream(number) {
  const { name, client } = clients[number % clients.length];
  const pieces = piecesOf(seed + number);
  const whole = pieces.join("");
  let text = "";
  let end = "full text";
  try {
    const stream = await client.sendMessageStream([{ role: "user", content: `reply ${seed + number}` }]);
    for await (const chunk of stream) text += chunk.content;
    const message = await stream.finalMessage();
    assert.equal(text, whole, "the text");
    assert.equal(message.content, whole, "the message");
    assert.equal(message.finishReason, "stop");
    assert.equal(message.usage?.outputTokens, pieces.length, "the bill");
    if (message.metrics.attempts.length > 1) retried++;
  } catch (error) {
    if (!(error instanceof SendError)) throw error;
    assert.ok(["network", "timeout", "truncated"].includes(error.kind), `kind ${error.kind}: ${error.message}`);
    assert.ok(whole.startsWith(text), "what came is the beginning of what was sent");
    assert.equal(error.partial?.content ?? "", text, "the partial message");
    end = error.kind;
  }
  ends[name] ??= {};
  ends[name][end] = (ends[name][end] ?? 0) + 1;
}

/** All of them, so many at once. */
async function streams(from, to) {
  let next = from;
  const worker = async () => {
    while (next < to) await oneStream(next++);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

/** Open sockets of this process, idle ones included, where the system tells. */
function sockets() {
  try {
    return readdirSync("/proc/self/fd").filter((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`).startsWith("socket:");
      } catch {
        return false; // gone meanwhile
      }
    }).length;
  } catch {
    return process.getActiveResourcesInfo().filter((kind) => kind === "TCPSocketWrap").length;
  }
}

async function settled() {
  for (let round = 0; round < 5; round++) {
    globalThis.gc?.();
    await sleep(20);
  }
  const { heapUsed, rss } = process.memoryUsage();
  return { heapUsed, rss };
}

const socketsBefore = sockets();
const warm = Math.min(200, count >> 1);
await streams(0, warm);
const before = await settled();
const start = performance.now();
await streams(warm, count);
const seconds = (performance.now() - start) / 1_000;
const chaos = await (await fetch(`http://127.0.0.1:${controlPort}/goodbye`)).json();
let socketsAfter = sockets();
for (let round = 0; round < 40 && socketsAfter > socketsBefore; round++) {
  await sleep(50);
  socketsAfter = sockets();
}
const after = await settled();
process.stdout.write(
  `${JSON.stringify({ ends, retried, seconds, before, after, socketsBefore, socketsAfter, chaos })}\n`,
);
