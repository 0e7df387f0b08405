/** When a stream counts as unread: nobody has taken a chunk, and nobody waits for one. */

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { MessageStream } from "../../src/stream/message-stream.ts";
import { type ReplyScript, scriptedClient } from "../../src/testing/index.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const WORDS: ReplyScript = { text: ["a", "b", "c", "d"] };

async function watched(script: ReplyScript = WORDS) {
  const options = { timeouts: { idle: 0, stall: 0, firstChunk: 0 } };
  const stream = await scriptedClient([script]).sendMessageStream([{ role: "user", content: "x" }], options);
  const unread = vi.fn<() => void>();
  stream.onUnread(1_000, unread);
  return { stream, unread };
}

const one = (stream: MessageStream) => stream[Symbol.asyncIterator]();

test("after so long when it was never read, and once only", async () => {
  const { unread } = await watched();
  await vi.advanceTimersByTimeAsync(999);
  expect(unread).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(1);
  expect(unread).toHaveBeenCalledTimes(1);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(unread).toHaveBeenCalledTimes(1);
});

test("so long after the last chunk was taken, or up to a quarter later", async () => {
  const { stream, unread } = await watched();
  const chunks = one(stream);
  for (const _chunk of [1, 2, 3]) {
    await chunks.next();
    await vi.advanceTimersByTimeAsync(740);
  }
  expect(unread).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(510);
  expect(unread).toHaveBeenCalledTimes(1);
});

test.each<[string, (stream: MessageStream) => unknown]>([
  ["the consumer waits for a chunk", (stream) => one(stream).next()],
  ["the consumer waits for the complete message", (stream) => stream.finalMessage()],
  ["the rest is read for the bill", (stream) => stream.stop({ drain: { withinMs: 1_000_000 } })],
])("never while %s", async (_name, read) => {
  const { stream, unread } = await watched({ text: [], ending: "hang" });
  void read(stream);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(unread).not.toHaveBeenCalled();
  await stream[Symbol.asyncDispose]();
});

test.each<[string, (stream: MessageStream) => Promise<unknown>]>([
  ["stopped", (stream) => stream.stop()],
  ["read to its end", (stream) => stream.finalMessage()],
])("never once it was %s; no timer is left", async (_name, end) => {
  const { stream, unread } = await watched();
  await end(stream);
  stream.onUnread(1_000, unread);
  expect(vi.getTimerCount()).toBe(0);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(unread).not.toHaveBeenCalled();
});
