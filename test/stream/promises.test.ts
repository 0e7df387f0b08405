/** What a chunk costs in promises, counted, not timed. */

import { createHook } from "node:async_hooks";
import { CompatibleClient, type MessageStream } from "cloudllm";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  GOOD_END,
  httpChunk,
  LAST_CHUNK,
  type RawServer,
  rawServer,
  STREAM_HEAD,
  textEvent,
} from "../support/raw-server.ts";

const CHUNKS = 2_048;
const CHUNKS_PER_PACKET = 64;

let server: RawServer;
beforeAll(async () => {
  server = await rawServer(({ socket }) => {
    socket.write(STREAM_HEAD);
    let left = CHUNKS / CHUNKS_PER_PACKET;
    const next = () => {
      if (left-- === 0) return void socket.write(httpChunk(GOOD_END) + LAST_CHUNK);
      socket.write(httpChunk(textEvent("word ").repeat(CHUNKS_PER_PACKET)));
      setTimeout(next, 1);
    };
    next();
  });
});
afterAll(() => server[Symbol.asyncDispose]());

async function promisesPerChunk(read: (stream: MessageStream) => Promise<number>): Promise<number> {
  const client = new CompatibleClient({ baseUrl: server.baseUrl, model: "m" });
  const stream = await client.sendMessageStream([{ role: "user", content: "hi" }]);
  let promises = 0;
  const hook = createHook({ init: (_id, type) => void (type === "PROMISE" && promises++) }).enable();
  const chunks = await read(stream);
  hook.disable();
  expect(chunks).toBe(CHUNKS + 1);
  return promises / CHUNKS;
}

test("one by one, a chunk costs at most two promises: the loop's own", async () => {
  const cost = await promisesPerChunk(async (stream) => {
    let chunks = 0;
    for await (const _chunk of stream) chunks++;
    return chunks;
  });
  expect(cost).toBeLessThan(2.02);
});

test("in batches, a chunk costs at most a tenth of a promise", async () => {
  const cost = await promisesPerChunk(async (stream) => {
    let chunks = 0;
    for await (const batch of stream.batches()) chunks += batch.length;
    return chunks;
  });
  expect(cost).toBeLessThan(0.1);
});
