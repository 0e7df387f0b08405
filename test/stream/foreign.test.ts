/** Streams of chunks that come from elsewhere, where that elsewhere does as it pleases. */

import { type MessageChunk, MessageStream, rateLimit, SendError } from "cloudllm";
import { scriptedClient } from "cloudllm/testing";
import { expect, test, vi } from "vitest";

const text = (content: string): MessageChunk => ({ type: "text", content, isFinal: false });

test("the values of a generator after a stop are dropped: the final chunk is the last", async () => {
  let late: (chunk: MessageChunk) => void = () => undefined;
  async function* chunks() {
    yield text("a");
    yield await new Promise<MessageChunk>((resolve) => {
      late = resolve;
    });
  }
  const stream = MessageStream.from(chunks());
  const reader = stream[Symbol.asyncIterator]();
  expect((await reader.next()).value).toMatchObject({ content: "a" });
  const next = reader.next();
  await new Promise((resolve) => setImmediate(resolve));
  const message = await stream.stop();
  expect((await next).value).toMatchObject({ type: "final" });
  late(text("too late"));
  await new Promise((resolve) => setImmediate(resolve));
  expect(await reader.next()).toEqual({ done: true, value: undefined });
  expect(message.content).toBe("a");
  expect(stream.partial).toBe(message);
});

const iterableOf = (next: () => unknown): AsyncIterable<MessageChunk> =>
  ({ [Symbol.asyncIterator]: () => ({ next }) }) as AsyncIterable<MessageChunk>;

test.each<[string, () => AsyncIterable<MessageChunk>]>([
  [
    "throws",
    () =>
      iterableOf(() => {
        throw new Error("oops");
      }),
  ],
  ["rejects", () => iterableOf(() => Promise.reject(new Error("oops")))],
  ["rejects with no error", () => iterableOf(() => Promise.reject("oops"))],
  ["gives nothing", () => iterableOf(() => undefined)],
  ["gives no chunk", () => iterableOf(() => ({ done: false, value: undefined }))],
])("a source that %s fails the stream as `protocol`, whoever reads", async (_name, make) => {
  for (const read of [
    (stream: MessageStream) => stream[Symbol.asyncIterator]().next(),
    (stream: MessageStream) => stream.batches().next(),
    (stream: MessageStream) => stream.finalMessage(),
    (stream: MessageStream) => stream.toReadableStream().getReader().read(),
  ]) {
    const stream = MessageStream.from(make());
    const error = await read(stream).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(SendError);
    expect(error).toMatchObject({ kind: "protocol", partial: { content: "", interrupted: true } });
    await expect(stream.finalMessage()).rejects.toMatchObject({ kind: "protocol" });
  }
});

test("chunks that come at once, without a promise, are read as well", async () => {
  const chunks = [text("a"), text("b")];
  const stream = MessageStream.from(iterableOf(() => ({ done: chunks.length === 0, value: chunks.shift() })));
  const seen: string[] = [];
  await expect(
    (async () => {
      for await (const { content } of stream) seen.push(content);
    })(),
  ).rejects.toMatchObject({ kind: "truncated", partial: { content: "ab" } });
  expect(seen).toEqual(["a", "b"]);
});

test("a listener that throws at the end is the program's exception, and the other listeners are called all the same", async () => {
  const thrown: unknown[] = [];
  vi.spyOn(globalThis, "queueMicrotask").mockImplementation((callback) => {
    try {
      callback();
    } catch (error) {
      thrown.push(error);
    }
  });
  const client = scriptedClient(() => ({ text: "A" }));
  const oops = new Error("oops");
  const careless = {
    ...client,
    async sendMessageStream(...call: Parameters<typeof client.sendMessageStream>) {
      const stream = await client.sendMessageStream(...call);
      stream.onEnd(() => {
        throw oops;
      });
      return stream;
    },
  };
  const limited = rateLimit(careless, { concurrency: 1 });
  for (let call = 0; call < 2; call++) {
    const stream = await limited.sendMessageStream([{ role: "user", content: "hi" }]);
    expect((await stream.finalMessage()).content).toBe("A");
    stream.onEnd(() => {
      throw oops;
    });
  }
  expect(thrown).toEqual([oops, oops, oops, oops]);
  vi.restoreAllMocks();
});
