/** A reply handed over to another thread, both ways: chunks, errors, cancellation and the pace travel with it. */

import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Worker } from "node:worker_threads";
import { CompatibleClient, type MessageChunk, MessageStream, SendError } from "cloudllm";
import { afterEach, expect, test } from "vitest";
import { GOOD_END, httpChunk, LAST_CHUNK, type RawServer, STREAM_HEAD, textEvent } from "../support/raw-server.ts";
import { useServers } from "../support/servers.ts";

const PROGRAM = fileURLToPath(new URL("./worker.mjs", import.meta.url));
const QUESTION = [{ role: "user", content: "hi" }] as const;
const BEGUN = STREAM_HEAD + httpChunk(textEvent("a") + textEvent("b"));

let workers: Worker[] = [];
const serve = useServers();
afterEach(async () => {
  for (const worker of workers) await worker.terminate();
  workers = [];
});

/** What the worker says, by its one key. */
type Said = Readonly<Record<string, unknown>>;

function startWorker(): { worker: Worker; said(key: string): Promise<Said> } {
  const worker = new Worker(PROGRAM);
  workers.push(worker);
  const all: Said[] = [];
  worker.on("message", (message: Said) => all.push(message));
  return {
    worker,
    async said(key) {
      for (;;) {
        const found = all.find((message) => key in message);
        if (found) return found;
        await once(worker, "message");
      }
    },
  };
}

async function ask(server: RawServer, signal?: AbortSignal): Promise<MessageStream> {
  const client = new CompatibleClient({ baseUrl: server.baseUrl, model: "m", retries: 0 });
  return client.sendMessageStream(QUESTION, { signal });
}

/** Made here, read in the worker. */
async function handOver(server: RawServer, how?: string, signal?: AbortSignal) {
  const stream = await ask(server, signal);
  const { worker, said } = startWorker();
  const read = stream.toReadableStream();
  worker.postMessage({ read, how }, [read as never]);
  return { stream, worker, said };
}

/** Made in the worker, read here. */
async function takeOver(server: RawServer, hangs = false) {
  const { worker, said } = startWorker();
  worker.postMessage({ ask: { baseUrl: server.baseUrl, hangs } });
  const { chunks } = await said("chunks");
  return { worker, said, chunks: chunks as ReadableStream<MessageChunk> };
}

test("a complete reply arrives in a worker, with its usage and its metrics", async () => {
  const server = await serve(({ socket }) => {
    socket.write(BEGUN + httpChunk(textEvent("\u{1F600}") + GOOD_END) + LAST_CHUNK);
  });
  const { stream, said } = await handOver(server);
  expect(await said("text")).toMatchObject({
    text: "ab\u{1F600}",
    message: {
      content: "ab\u{1F600}",
      finishReason: "stop",
      provider: "compatible",
      usage: { inputTokens: 5, outputTokens: 2 },
      metrics: { chunks: 3, attempts: [{ outcome: "answered", status: 200 }] },
    },
  });
  expect((await stream.finalMessage()).content).toBe("ab\u{1F600}");
});

test("a complete reply arrives from a worker", async () => {
  const server = await serve(({ socket }) => void socket.write(BEGUN + httpChunk(GOOD_END) + LAST_CHUNK));
  const { chunks } = await takeOver(server);
  const stream = MessageStream.from(chunks);
  let text = "";
  for await (const chunk of stream) text += chunk.content;
  expect(text).toBe("ab");
  expect(await stream.finalMessage()).toMatchObject({
    content: "ab",
    finishReason: "stop",
    provider: "compatible",
    usage: { totalTokens: 7 },
    metrics: { attempts: [{ outcome: "answered" }] },
  });
});

test("a failure arrives in a worker as a SendError with its partial reply", async () => {
  const server = await serve(({ socket }) => {
    socket.write(BEGUN);
    setTimeout(() => socket.resetAndDestroy(), 40);
  });
  const { said } = await handOver(server);
  expect(await said("error")).toMatchObject({
    text: "ab",
    error: {
      isSendError: true,
      kind: "network",
      provider: "compatible",
      retryable: true,
      attempts: [{ outcome: "network", status: 200 }],
      partial: { content: "ab", finishReason: "interrupted", metrics: { chunks: 2 } },
    },
  });
});

test("a failure arrives from a worker as a SendError with its partial reply", async () => {
  const server = await serve(({ socket }) => void socket.end(BEGUN + LAST_CHUNK));
  const { chunks } = await takeOver(server);
  const error = await MessageStream.from(chunks)
    .finalMessage()
    .catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(SendError);
  expect(error).toMatchObject({
    kind: "truncated",
    status: 200,
    attempts: [{ outcome: "truncated" }],
    partial: { content: "ab", interrupted: true, metrics: { chunks: 2 } },
  });
});

test("a signal here ends the loop in the worker as aborted", async () => {
  const abort = new AbortController();
  const server = await serve(({ socket }) => void socket.write(BEGUN));
  const { said } = await handOver(server, undefined, abort.signal);
  await said("began");
  abort.abort(new Error("enough"));
  expect(await said("error")).toMatchObject({ error: { isSendError: true, kind: "aborted" } });
  await server.requests[0]?.closed;
});

test.each(["break", "stop"])("%s in the worker closes the socket here", async (how) => {
  const server = await serve(({ socket }) => void socket.write(BEGUN));
  const { stream, said } = await handOver(server, how);
  await server.requests[0]?.closed;
  expect(await said("text")).toMatchObject({ message: { finishReason: "stopped" } });
  expect(await stream.finalMessage()).toMatchObject({ finishReason: "stopped", interrupted: true });
});

test.each(["break", "stop", "cancel"])("%s here closes the socket in the worker", async (how) => {
  const server = await serve(({ socket }) => void socket.write(BEGUN));
  const { chunks, said } = await takeOver(server);
  if (how === "cancel") {
    const reader = chunks.getReader();
    await reader.read();
    await reader.cancel();
  } else {
    const stream = MessageStream.from(chunks);
    for await (const chunk of stream) {
      if (chunk.content === "") continue;
      if (how === "break") break;
      void stream.stop();
    }
  }
  await server.requests[0]?.closed;
  expect(await said("ended")).toMatchObject({ ended: { finishReason: "stopped" } });
});

test.each(["in the worker", "here"])("a slow reader %s slows the provider", async (where) => {
  const server = await serve(({ socket }) => {
    socket.write(STREAM_HEAD);
    const bytes = httpChunk(textEvent("x".repeat(1_000)).repeat(192));
    let left = 1_000;
    const more = (): void => {
      while (left-- > 0 && !socket.destroyed) if (!socket.write(bytes)) return;
    };
    socket.on("drain", more);
    more();
  });
  if (where === "here") {
    const { chunks } = await takeOver(server);
    const end = performance.now() + 1_500;
    for await (const _chunk of MessageStream.from(chunks)) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      if (performance.now() > end) break;
    }
  } else {
    const { stream, said } = await handOver(server, "slowly");
    await said("began");
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(server.bytesSent()).toBeLessThan(40e6);
    await stream.stop();
  }
  expect(server.bytesSent()).toBeLessThan(40e6);
  await server.requests[0]?.closed;
});

test.each(["is terminated", "ends itself"])(
  "a worker that %s in the middle: its end stops the stream here",
  async (way) => {
    const server = await serve(({ socket }) => void socket.write(BEGUN));
    const { stream, worker, said } = await handOver(server, way === "ends itself" ? "die" : undefined);
    worker.once("exit", () => void stream.stop());
    await said("began");
    if (way === "is terminated") await worker.terminate();
    await server.requests[0]?.closed;
    expect(await stream.finalMessage()).toMatchObject({ finishReason: "stopped", interrupted: true });
  },
);

test("a worker that is terminated in the middle without notice: the socket closes when its end of the stream is collected", async () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const server = await serve(({ socket }) => {
    const timer = setInterval(() => socket.write(httpChunk(textEvent("a"))), 10);
    socket.write(STREAM_HEAD);
    socket.on("close", () => clearInterval(timer));
  });
  const { worker, said } = await (async () => {
    const handed = await handOver(server);
    return { worker: handed.worker, said: handed.said };
  })();
  await said("began");
  await worker.terminate();
  let isClosed = false;
  void server.requests[0]?.closed.then(() => {
    isClosed = true;
  });
  for (let round = 0; !isClosed && round < 100; round++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  expect(isClosed).toBe(true);
});

test("a worker that ends in the middle of its own reply: a signal ends the loop here, with what came", async () => {
  const server = await serve(({ socket }) => void socket.write(BEGUN));
  const { chunks, worker } = await takeOver(server, true);
  const gone = new AbortController();
  worker.once("exit", () => gone.abort(new Error("the worker has ended")));
  const stream = MessageStream.from(chunks, { signal: gone.signal });
  let text = "";
  const error = await (async () => {
    for await (const chunk of stream) {
      text += chunk.content;
      if (text === "ab") void worker.terminate();
    }
  })().catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({
    kind: "aborted",
    partial: { content: "ab" },
    cause: new Error("the worker has ended"),
  });
  await server.requests[0]?.closed;
});

test("a signal that has fired ends a stream from elsewhere at once", async () => {
  let isLeft = false;
  const stream = MessageStream.from(
    (async function* (): AsyncGenerator<MessageChunk> {
      try {
        yield { type: "text", content: "a", isFinal: false };
      } finally {
        isLeft = true;
      }
    })(),
    { signal: AbortSignal.abort() },
  );
  await expect(stream.finalMessage()).rejects.toMatchObject({ kind: "aborted" });
  expect(isLeft).toBe(false); // it had not begun
});

test.each(["slow", "whole"])(
  "a thread with nothing more to do stays until its reply is read here (%s)",
  async (how) => {
    const server = await serve(({ socket }) => {
      const end = () => socket.write(httpChunk(textEvent("c") + GOOD_END) + LAST_CHUNK);
      socket.write(BEGUN);
      if (how === "whole") end();
      else setTimeout(end, 400);
    });
    const worker = new Worker(new URL("./handing-over.mjs", import.meta.url), { workerData: server.baseUrl });
    workers.push(worker);
    const gone = new AbortController();
    const exit = once(worker, "exit").then(() => gone.abort());
    const [chunks] = (await once(worker, "message")) as [ReadableStream<MessageChunk>];
    await new Promise((resolve) => setTimeout(resolve, 200));
    const { content, finishReason } = await MessageStream.from(chunks, { signal: gone.signal }).finalMessage();
    expect({ content, finishReason }).toEqual({ content: "abc", finishReason: "stop" });
    await exit; // and not longer
  },
);

test("a thread whose reply is cancelled here ends, and closes the socket", async () => {
  const server = await serve(({ socket }) => void socket.write(BEGUN));
  const worker = new Worker(new URL("./handing-over.mjs", import.meta.url), { workerData: server.baseUrl });
  workers.push(worker);
  const exit = once(worker, "exit");
  const [chunks] = (await once(worker, "message")) as [ReadableStream<MessageChunk>];
  for await (const chunk of MessageStream.from(chunks)) {
    expect(chunk.content).toBe("a");
    break;
  }
  await exit;
  await server.requests[0]?.closed;
});
