/**
 * Any tree of wrappers, over servers that do anything, read in any way, as a seed says: whatever happens, the outcome is the
 * whole reply or a typed error with what came, every request is listed, and nothing stays behind.
 */

import { getEventListeners } from "node:events";
import {
  type AssistantMessage,
  type ClientWrapper,
  fallback,
  hedge,
  type MessageChunk,
  MessageStream,
  rateLimit,
  SendError,
  type SendOptions,
} from "cloudllm";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { pick, type Random, randomFrom } from "../support/random.ts";
import {
  httpChunk,
  LAST_CHUNK,
  type RawRequest,
  type RawServer,
  rawServer,
  response,
  STREAM_HEAD,
} from "../support/raw-server.ts";
import { type TestWire, WIRES } from "../support/wires.ts";

const SEEDS = 240;
const AT_ONCE = 6;
const QUESTION = [{ role: "user", content: "hi" }] as const;
const TOOLS = [{ name: "look", parameters: { type: "object", properties: { a: { type: "number" } } } }] as const;
const HEAD = STREAM_HEAD.replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n");

// Full jitter near its least: nobody waits long.
beforeEach(() => void vi.spyOn(Math, "random").mockReturnValue(0.01));
afterEach(() => void vi.restoreAllMocks());

/** One request, and the text that a whole reply to it has. */
interface Sent {
  readonly socket: RawRequest["socket"];
  readonly whole: string | undefined;
}

/** What a server does with a request; returns whether it sends a whole reply. */
type Deed = (socket: RawRequest["socket"], wire: TestWire, begin: string, rest: string) => boolean;

const refusing =
  (status: number): Deed =>
  (socket) => {
    socket.end(response(status, "{}", { connection: "close", "retry-after-ms": "10" }));
    return false;
  };

const ending =
  (events: (wire: TestWire, begin: string) => string): Deed =>
  (socket, wire, begin) => {
    socket.end(Buffer.concat([Buffer.from(HEAD), httpChunk(events(wire, begin)), Buffer.from(LAST_CHUNK)]));
    return false;
  };

const WHOLE: Deed = (socket, _wire, begin, rest) => {
  socket.write(Buffer.concat([Buffer.from(STREAM_HEAD), httpChunk(begin + rest), Buffer.from(LAST_CHUNK)]));
  return true;
};

const DEEDS: readonly Deed[] = [
  WHOLE,
  WHOLE,
  WHOLE,
  (socket, _wire, begin, rest) => {
    socket.write(STREAM_HEAD + httpChunk(begin).toString("utf8"));
    setTimeout(() => socket.write(Buffer.concat([httpChunk(rest), Buffer.from(LAST_CHUNK)])), 50);
    return true;
  },
  refusing(400),
  refusing(401),
  refusing(429),
  refusing(503),
  (socket) => {
    socket.resetAndDestroy();
    return false;
  },
  () => false, // says nothing
  (socket) => !socket.write(HEAD),
  (socket, _wire, begin) => !socket.write(HEAD + httpChunk(begin).toString("utf8")), // falls silent
  (socket, _wire, begin) => {
    socket.write(HEAD + httpChunk(begin).toString("utf8"));
    setTimeout(() => socket.resetAndDestroy(), 20);
    return false;
  },
  ending((_wire, begin) => begin),
  ending((wire, begin) => begin + wire.error("it broke", 2)),
  ending((wire) => wire.error("it broke", 0)),
  ending((_wire, begin) => `${begin}data: {oops}\n\n`),
  ending((wire, begin) => begin + wire.openCall(2)),
  ending((wire, begin) => begin + wire.call(2)),
  ending(() => "<html>"),
  ending(() => ": nothing\n\n"),
];

/** Servers that answer as the seed says, and everything that was asked of them. */
async function serversOf(random: Random, wires: readonly TestWire[]) {
  const sent: Sent[] = [];
  const answer = (wire: TestWire) => (request: RawRequest) => {
    const { socket, head } = request;
    if (!head.startsWith("POST") || head.includes("/cancel"))
      return void socket.end(response(404, "{}", { connection: "close" }));
    const number = sent.length;
    const [one, two, three] = [`w${number}a `, `w${number}b `, `w${number}c.`];
    const isWhole = pick(random, DEEDS)(
      socket,
      wire,
      wire.begin() + wire.text(one, 0) + wire.text(two, 1),
      wire.text(three, 2) + wire.end(3),
    );
    sent.push({ socket, whole: isWhole ? one + two + three : undefined });
  };
  const servers: RawServer[] = [];
  for (const wire of wires) servers.push(await rawServer(answer(wire)));
  return { sent, servers };
}

const RECOVERIES = ["continue", "restart", "resume", undefined, undefined, undefined] as const;

/** A tree of wrappers. */
function clientOf(random: Random, leaf: () => ClientWrapper, depth = 0): ClientWrapper {
  const shape = depth > 2 ? "leaf" : pick(random, ["leaf", "fallback", "fallback", "hedge", "hedge", "rateLimit"]);
  if (shape === "leaf") return leaf();
  const first = clientOf(random, leaf, depth + 1);
  if (shape === "rateLimit") return rateLimit(first, { concurrency: 1 });
  const second = clientOf(random, leaf, depth + 1);
  if (shape === "hedge") return hedge(first, second, { afterMs: pick(random, [0, 30, 100]) });
  return fallback([first, second], {
    firstChunkWithinMs: pick(random, [80, undefined]),
    recover: pick(random, RECOVERIES),
    circuit: pick(random, [false, { failureThreshold: 2, resetAfterMs: 50 }]),
  });
}

/** How a stream is read; chunks that were seen are put into `seen`. */
type Way = (stream: MessageStream, seen: MessageChunk[], abort: AbortController) => Promise<unknown>;

const reading =
  (then: (stream: MessageStream, chunk: MessageChunk, abort: AbortController) => unknown): Way =>
  async (stream, seen, abort) => {
    for await (const chunk of stream) {
      seen.push(chunk);
      if ((await then(stream, chunk, abort)) === "leave") break;
    }
  };

const WAYS: readonly Way[] = [
  reading(() => undefined),
  reading(() => undefined),
  reading(() => new Promise((resolve) => setTimeout(resolve, 20))),
  reading(() => "leave"),
  reading((_stream, _chunk, abort) => abort.abort()),
  reading((stream) => void stream.stop()),
  reading((stream) => void stream.stop({ drain: { withinMs: 100 } })),
  async (stream, seen) => {
    for await (const batch of stream.batches()) seen.push(...batch);
  },
  async (stream, seen) => {
    for await (const chunk of MessageStream.from(stream.toReadableStream())) seen.push(chunk);
  },
  async (stream) => stream.stop(),
  async (stream) => stream[Symbol.asyncIterator]().return?.(),
  async (_stream, _seen, abort) => abort.abort(),
  async (stream) => stream.finalMessage(),
];

function shownOf(chunks: readonly MessageChunk[]): string {
  return chunks.reduce(
    (text, chunk) => (chunk.type === "rewind" ? text.slice(0, text.length - chunk.length) : text + chunk.content),
    "",
  );
}

/** What nobody may see, whatever has happened. */
function checkReply(message: AssistantMessage, error: SendError | undefined, seen: readonly MessageChunk[]): void {
  const calls = seen.flatMap((chunk) => (chunk.type === "toolCall" ? [chunk.toolCall.id] : []));
  expect(new Set(calls).size).toBe(calls.length);
  if (error?.kind !== "aborted" && seen.length > 0 && !(message.finishReason === "stopped" && !seen.at(-1)?.isFinal)) {
    expect(shownOf(seen)).toBe(message.content);
    expect(calls).toEqual(message.toolCalls.map(({ id }) => id));
    expect(seen.filter(({ isFinal }) => isFinal)).toHaveLength(error ? 0 : 1);
  }
  if (!error && message.finishReason !== "stopped") expect(message.unfinishedToolCalls).toBeUndefined();
  expect(message.usage ?? message.estimatedUsage).toBeDefined();
}

async function run(seed: number): Promise<void> {
  const random = randomFrom(seed);
  const wires = [pick(random, WIRES), pick(random, WIRES)];
  const { sent, servers } = await serversOf(random, wires);
  const usesFetch = random() < 0.25;
  const client = clientOf(random, () => {
    const which = random() < 0.5 ? 0 : 1;
    return (wires[which] as TestWire).client((servers[which] as RawServer).port, {
      retries: pick(random, [0, 1, 2]),
      recover: pick(random, RECOVERIES),
      timeouts: { headers: 150, idle: 150, stall: 250, firstChunk: 800 },
      fetch: usesFetch ? (input, init) => fetch(input, init) : undefined,
    });
  });
  const abort = new AbortController();
  const total = pick(random, [0, 0, 0, 250]);
  const options: SendOptions = {
    signal: abort.signal,
    tools: TOOLS,
    recover: pick(random, RECOVERIES),
    timeouts: { total },
  };
  const seen: MessageChunk[] = [];
  let stream: MessageStream | undefined;
  let ends = 0;
  let message: AssistantMessage | undefined;
  let error: unknown;
  try {
    if (random() < 0.15) message = await client.sendMessage(QUESTION, options);
    else {
      stream = await client.sendMessageStream(QUESTION, options);
      stream.onEnd(() => ends++);
      await pick(random, WAYS)(stream, seen, abort);
      message = await stream.finalMessage();
    }
  } catch (reason) {
    error = reason;
  }
  if (error !== undefined && !(error instanceof SendError)) throw error;
  const reply = message ?? error?.partial;
  if (stream) {
    expect(ends).toBe(1);
    expect(reply).toBeDefined();
  }
  if (reply && stream) checkReply(reply, error, seen);
  if (message && message.finishReason === "stop")
    expect(sent.some(({ whole }) => whole !== undefined && message.content.endsWith(whole))).toBe(true);
  // What was sent is listed; a request may be given up before it is seen at the other end.
  const attempts = reply?.metrics.attempts ?? error?.attempts ?? [];
  expect(attempts.length).toBeGreaterThanOrEqual(sent.length);
  if (!abort.signal.aborted) expect(attempts.map(({ outcome }) => outcome)).not.toContain("aborted");
  if (message && !message.interrupted) expect(attempts.filter(({ outcome }) => outcome === "answered")).toHaveLength(1);
  expect(getEventListeners(abort.signal, "abort")).toEqual([]);
  // A line is free again, and a circuit lets somebody through: the next call comes to an end of its own.
  await client.sendMessage(QUESTION, { timeouts: { total: 30_000 } }).catch((reason: unknown) => {
    expect(reason).toBeInstanceOf(SendError);
    expect(reason).not.toMatchObject({ phase: "total" });
  });
  // Only what is kept for the next call may be open.
  for (const { socket, whole } of sent)
    if (whole === undefined && !socket.closed) await new Promise((resolve) => socket.once("close", resolve));
  for (const server of servers) await server[Symbol.asyncDispose]();
}

test(`${SEEDS} seeds`, { timeout: 120_000 }, async () => {
  const seeds = Array.from({ length: SEEDS }, (_, at) => at + 1);
  const worker = async (): Promise<void> => {
    for (let seed = seeds.shift(); seed !== undefined; seed = seeds.shift()) {
      await run(seed).catch((cause: unknown) => {
        throw new Error(`seed ${seed}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
      });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
});
