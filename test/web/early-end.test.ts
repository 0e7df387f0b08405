/** A reply that ends before its first read: the consumer gets the words that came, as from a client of a provider. */

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { encodeEvent } from "../../src/dialects/native/encode.ts";
import type { NativeEvent } from "../../src/dialects/native/wire.ts";
import { type MessageStream, SendError } from "../../src/index.ts";
import { relayClient } from "../../src/web/index.ts";
import { read } from "../support/broken-replies.ts";
import { drivenStream } from "../support/driven-stream.ts";
import { complete, type FakeRequest, fakeRelay, opened, text, URL_OF_RELAY } from "../support/fake-relay.ts";

const QUESTION = [{ role: "user", content: "Tell me." }] as const;

/** Forty characters: ten estimated tokens. */
const [ONE, TWO, THREE] = ["1", "2", "3"].map((digit) => `${digit.repeat(39)} `) as [string, string, string];
const USAGE = { inputTokens: 3, outputTokens: 40, totalTokens: 43 };

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A stream that nobody has read, to which two chunks have come, and the rest of its reply. */
interface Early {
  readonly stream: MessageStream;
  /** Brings the third chunk, and the end. */
  finish(): void;
}

/** These events come in one read. */
const inOneRead = (...events: readonly NativeEvent[]): string => events.map(encodeEvent).join("");

async function relayed(signal?: AbortSignal): Promise<Early> {
  let request: FakeRequest | undefined;
  const { fetch } = fakeRelay((asked) => {
    request ??= asked;
    if (asked !== request) return asked.answer(202);
    asked.stream(inOneRead(opened(asked.body.run), text(ONE, "1-1"), text(TWO, "1-2")));
  });
  const client = relayClient({ url: URL_OF_RELAY, fetch, timeouts: { total: 1_000 } });
  const stream = await client.sendMessageStream(QUESTION, { signal });
  return { stream, finish: () => request?.write(text(THREE, "1-3"), complete(ONE + TWO + THREE, { usage: USAGE })) };
}

async function provided(signal?: AbortSignal): Promise<Early> {
  const { stream, facts, push, end, fail } = drivenStream();
  push(ONE, TWO);
  signal?.addEventListener("abort", () => fail(new SendError("aborted", "The caller's signal ended the call.")));
  setTimeout(() => fail(new SendError("timeout", "It took too long.")), 1_000);
  const finish = (): void => {
    push(THREE);
    facts.usage = USAGE;
    end();
  };
  return { stream, finish };
}

describe.each([
  ["a provider", provided],
  ["a relay", relayed],
])("the words of %s that came before the first read", (_name, early) => {
  test("are shown after stop()", async () => {
    const { stream } = await early();
    void stream.stop();
    const { shown, chunks, message } = await read(stream);
    expect(shown).toBe(ONE + TWO);
    expect(chunks.map(({ type }) => type)).toEqual(["text", "text", "final"]);
    expect(message).toMatchObject({ content: ONE + TWO, finishReason: "stopped", metrics: { chunks: 2 } });
  });

  test("are shown before the error when the time of the call is over", async () => {
    const { stream } = await early();
    await vi.advanceTimersByTimeAsync(1_000);
    const { shown, error } = await read(stream);
    expect(shown).toBe(ONE + TWO);
    expect(error).toMatchObject({ kind: "timeout", partial: { content: ONE + TWO, metrics: { chunks: 2 } } });
  });

  test("are not shown to a caller who aborts, and are in the message", async () => {
    const abort = new AbortController();
    const { stream } = await early(abort.signal);
    abort.abort();
    const { chunks, error } = await read(stream);
    expect(chunks).toEqual([]);
    expect(error).toMatchObject({ kind: "aborted", partial: { content: ONE + TWO } });
  });

  test("are shown, and do not count as the rest, when the rest is read for its usage", async () => {
    const { stream, finish } = await early();
    const drained = stream.stop({ drain: { maxTokens: 15 } });
    const reading = read(stream);
    finish();
    const { usage, estimatedUsage, content, finishReason } = await drained;
    expect({ usage, estimatedUsage, content, finishReason }).toMatchObject({
      usage: USAGE,
      estimatedUsage: undefined,
      content: ONE + TWO,
      finishReason: "stopped",
    });
    expect((await reading).shown).toBe(ONE + TWO);
  });
});

test("the words before the first read are counted once when the rest is not read to its end", async () => {
  const { stream } = await relayed();
  const drained = stream.stop({ drain: { withinMs: 10 } });
  await vi.advanceTimersByTimeAsync(10);
  expect((await drained).estimatedUsage?.outputTokens).toBe(20);
});

test("the caller's pause before the first read does not count towards `firstChunk`", async () => {
  let request: FakeRequest | undefined;
  const { fetch } = fakeRelay((asked) => {
    request = asked;
    asked.stream(opened(asked.body.run));
  });
  const client = relayClient({ url: URL_OF_RELAY, fetch, timeouts: { firstChunk: 1_000 } });
  const stream = await client.sendMessageStream(QUESTION);
  await vi.advanceTimersByTimeAsync(900);
  const reading = read(stream);
  await vi.advanceTimersByTimeAsync(900);
  request?.write(text(ONE, "1-1"), complete(ONE));
  expect(await reading).toMatchObject({ shown: ONE, error: undefined });
});

test("words are shown before the error when the relay sends nonsense in the same read", async () => {
  const nonsense = { type: "chunks", id: "1-2", chunks: [{ type: "text", content: 5 }] } as unknown as NativeEvent;
  const { fetch } = fakeRelay(({ body, stream }, index) => {
    if (index === 0) stream(opened(body.run), inOneRead(text(ONE, "1-1"), nonsense));
  });
  const { shown, error } = await read(await relayClient({ url: URL_OF_RELAY, fetch }).sendMessageStream(QUESTION));
  expect(shown).toBe(ONE);
  expect(error).toMatchObject({ kind: "protocol", partial: { content: ONE } });
});
