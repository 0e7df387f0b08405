/** `stop({ drain })`: nothing more is shown, the bill is exact, and it ends in bounded time and at a bounded price. */

import { fallback } from "cloudllm";
import { describe, expect, test, vi } from "vitest";
import { httpChunk, LAST_CHUNK, type RawRequest, STREAM_HEAD } from "../support/raw-server.ts";
import { useServers } from "../support/servers.ts";
import { CHAT, type TestWire, WIRES } from "../support/wires.ts";

const QUESTION = [{ role: "user", content: "hi" }] as const;

const serve = useServers();

async function opened(answer: (request: RawRequest) => void, wire: TestWire = CHAT, options = {}) {
  const server = await serve(({ socket, ...request }) => {
    socket.write(STREAM_HEAD + httpChunk(wire.begin() + wire.text("Shown.", 0)));
    answer({ socket, ...request });
  });
  const stream = await wire.client(server.port).sendMessageStream(QUESTION, options);
  const chunks = stream[Symbol.asyncIterator]();
  expect((await chunks.next()).value).toMatchObject({ content: "Shown." });
  const request = server.requests[0] as RawRequest;
  return { stream, chunks, request, server };
}

/** Writes the rest, once the client has asked for it to be drained. */
function rest(wire: TestWire, { socket }: RawRequest): void {
  socket.write(httpChunk(wire.text(" Unseen.", 1) + wire.end(2)) + LAST_CHUNK);
}

test.each(WIRES)("$name: the bill is the provider's, and the message what was shown", async (wire) => {
  const { stream, chunks, request } = await opened(() => undefined, wire);
  const bill = stream.stop({ drain: true });
  rest(wire, request);
  const message = await bill;
  expect(message).toMatchObject({ content: "Shown.", finishReason: "stopped", interrupted: true });
  expect(message.usage).toMatchObject({ inputTokens: 5, outputTokens: 2 });
  expect(message.estimatedUsage).toBeUndefined();
  expect((await chunks.next()).value).toMatchObject({ type: "final", message: { content: "Shown." } });
  expect((await chunks.next()).done).toBe(true);
});

test("`withinMs: Infinity` is no limit", async () => {
  const { stream, request } = await opened(() => undefined);
  const bill = stream.stop({ drain: { withinMs: Number.POSITIVE_INFINITY } });
  setTimeout(() => rest(CHAT, request), 20);
  expect((await bill).usage).toMatchObject({ inputTokens: 5, outputTokens: 2 });
});

test("unread text need not match a schema: the bill is the provider's all the same", async () => {
  const { stream, request } = await opened(() => undefined, CHAT, { output: { type: "object" } });
  const bill = stream.stop({ drain: true });
  rest(CHAT, request);
  const message = await bill;
  expect(message.usage).toMatchObject({ inputTokens: 5, outputTokens: 2 });
  expect(message.estimatedUsage).toBeUndefined();
  expect(message.output).toBeUndefined();
});

test("a loop that is left meanwhile does not end it", async () => {
  const { stream, chunks, request } = await opened(() => undefined);
  const bill = stream.stop({ drain: true });
  await chunks.return?.();
  await stream[Symbol.asyncDispose]();
  rest(CHAT, request);
  expect((await bill).usage).toMatchObject({ inputTokens: 5, outputTokens: 2 });
});

test("nor does a web stream that its reader cancels meanwhile", async () => {
  const server = await serve(({ socket }) => void socket.write(STREAM_HEAD + httpChunk(CHAT.text("Shown.", 0))));
  const stream = await CHAT.client(server.port).sendMessageStream(QUESTION);
  const reader = stream.toReadableStream().getReader();
  expect((await reader.read()).value).toMatchObject({ content: "Shown." });
  const bill = stream.stop({ drain: true });
  await reader.cancel();
  rest(CHAT, server.requests[0] as RawRequest);
  expect(await bill).toMatchObject({ content: "Shown.", usage: { totalTokens: 7 } });
});

test("through a wrapper it is the same", async () => {
  const server = await serve(({ socket }) => void socket.write(STREAM_HEAD + httpChunk(CHAT.text("Shown.", 0))));
  const stream = await fallback([CHAT.client(server.port)]).sendMessageStream(QUESTION, { recover: "continue" });
  for await (const chunk of stream) {
    expect(chunk.content).toBe("Shown.");
    const bill = stream.stop({ drain: true });
    rest(CHAT, server.requests[0] as RawRequest);
    expect(await bill).toMatchObject({ content: "Shown.", usage: { totalTokens: 7 } });
    break;
  }
});

describe("it ends", () => {
  test("after `withinMs`, with an estimate", async () => {
    const { stream, request } = await opened(() => undefined);
    const started = performance.now();
    const message = await stream.stop({ drain: { withinMs: 80 } });
    expect(performance.now() - started).toBeLessThan(10_000); // the default is half a minute
    expect(message).toMatchObject({ content: "Shown.", finishReason: "stopped" });
    expect(message.usage).toBeUndefined();
    expect(message.estimatedUsage?.outputTokens).toBeGreaterThan(0);
    await request.closed;
  });

  test("after `maxTokens`, which the estimate counts", async () => {
    const { stream, request } = await opened(() => undefined);
    const bill = stream.stop({ drain: { maxTokens: 200 } });
    const timer = setInterval(
      () => request.socket.write(httpChunk(CHAT.text("many words again and again ", 1).repeat(5))),
      1,
    );
    const message = await bill;
    await request.closed;
    clearInterval(timer);
    expect(message.content).toBe("Shown.");
    expect(message.estimatedUsage?.outputTokens).toBeGreaterThanOrEqual(200);
    expect(message.estimatedUsage?.outputTokens).toBeLessThan(400);
  });

  test.each([
    ["the connection breaks", ({ socket }: RawRequest): void => void socket.resetAndDestroy()],
    ["the body ends early", ({ socket }: RawRequest): void => void socket.end(LAST_CHUNK)],
    ["an error comes", ({ socket }: RawRequest): void => void socket.end(httpChunk(CHAT.error("no", 1)) + LAST_CHUNK)],
  ])("when %s, as a stop, and nothing is sent again", async (_name, breakOff) => {
    const { stream, request, server } = await opened(() => undefined, CHAT, { recover: "continue", retries: 2 });
    const bill = stream.stop({ drain: true });
    breakOff(request);
    const message = await bill;
    expect(message).toMatchObject({ content: "Shown.", finishReason: "stopped", interrupted: true });
    expect(message.metrics.attempts).toHaveLength(1);
    expect(server.requests).toHaveLength(1);
  });

  test.each([
    ["a retry", { retries: 5 }, { beginning: "" }],
    ["a recovery", { recover: "continue" }, { beginning: CHAT.text("Shown.", 0) }],
  ] as const)("at once when it is stopped while %s is waited for", async (_name, options, { beginning }) => {
    let broken: () => void = () => undefined;
    const once = new Promise<void>((resolve) => {
      broken = resolve;
    });
    const server = await serve(({ socket }) => {
      socket.on("close", broken);
      const head = STREAM_HEAD.replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n");
      socket.end(head + httpChunk(beginning === "" ? ": x\n\n" : beginning) + LAST_CHUNK);
    });
    const client = CHAT.client(server.port, options);
    vi.spyOn(Math, "random").mockReturnValue(1); // the longest waits: half a second and more
    const stream = await client.sendMessageStream(QUESTION);
    const reading = stream.finalMessage();
    await once;
    await new Promise((resolve) => setTimeout(resolve, 50));
    const message = await stream.stop({ drain: true });
    expect(message).toMatchObject({ finishReason: "stopped", interrupted: true });
    await reading;
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect(server.requests).toHaveLength(1);
    vi.restoreAllMocks();
  });

  test.each(["the caller's signal fires", "it is stopped without draining"])("at once when %s", async (way) => {
    const abort = new AbortController();
    const { stream, request } = await opened(() => undefined, CHAT, { signal: abort.signal });
    const bill = stream.stop({ drain: true });
    if (way.includes("signal")) abort.abort();
    else void stream.stop();
    expect((await bill).finishReason).toBe("stopped");
    await request.closed;
  });

  test("and leaves no timer behind", async () => {
    const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;
    const before = timers();
    const { stream, request } = await opened(() => undefined);
    const undrained = timers();
    const bill = stream.stop({ drain: true });
    expect(timers()).toBeGreaterThan(undrained);
    rest(CHAT, request);
    await bill;
    await new Promise((resolve) => setImmediate(resolve));
    expect(timers()).toBeLessThanOrEqual(before);
  });
});
