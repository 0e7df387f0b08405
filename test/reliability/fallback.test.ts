/** Several clients for one reply, over real sockets. */

import { type ClientWrapper, CompatibleClient, fallback, hedge, rateLimit } from "cloudllm";
import { scriptedClient } from "cloudllm/testing";
import { describe, expect, test } from "vitest";
import { httpChunk, LAST_CHUNK, type RawRequest, response, STREAM_HEAD } from "../support/raw-server.ts";
import { ANTHROPIC, CHAT, GEMINI, RESPONSES } from "../support/wires.ts";
import { failure, good, member, QUESTION, read } from "./fallback-members.ts";

describe("the next client answers", () => {
  test.each([
    ["a refusal", ({ socket }: RawRequest): void => void socket.write(response(500, "{}"))],
    ["a wrong key", ({ socket }: RawRequest): void => void socket.write(response(401, "{}"))],
    ["a reset", ({ socket }: RawRequest): void => void socket.resetAndDestroy()],
    [
      "an error as the first event",
      ({ socket }: RawRequest): void => void socket.end(STREAM_HEAD + httpChunk(CHAT.error("no", 0)) + LAST_CHUNK),
    ],
    ["an early end", ({ socket }: RawRequest): void => void socket.end(STREAM_HEAD + LAST_CHUNK)],
    ["silence", ({ socket }: RawRequest): void => void socket.write(STREAM_HEAD)],
    ["a page", ({ socket }: RawRequest): void => void socket.end(STREAM_HEAD + httpChunk("<html>") + LAST_CHUNK)],
  ])("after %s, streamed and whole", async (_name, answer) => {
    const a = await member(answer, CHAT, { timeouts: { idle: 100 } });
    const b = await member(good("B", RESPONSES), RESPONSES);
    const client = fallback([a.client, b.client]);
    const { chunks, message } = await read(client);
    expect(chunks.map(({ content }) => content).join("")).toBe("B");
    expect(message).toMatchObject({ content: "B", provider: "openai" });
    expect(message.metrics.attempts.map(({ provider }) => provider)).toEqual(["compatible", "openai"]);
    expect(message.metrics.attempts.at(-1)?.outcome).toBe("answered");
  });

  test("after each client's own retries", async () => {
    const a = await member(({ socket }) => void socket.write(response(500, "{}", { "retry-after-ms": "1" })), CHAT, {
      retries: 2,
    });
    const b = await member(good("B"));
    const { message } = await read(fallback([a.client, b.client]));
    expect(a.server.requests).toHaveLength(3);
    expect(message.metrics.attempts).toHaveLength(4);
  });

  test("after `firstChunkWithinMs`, and the slow one's socket closes at once", async () => {
    const a = await member(({ socket }) => void socket.write(STREAM_HEAD));
    const b = await member(good("B"));
    const { message } = await read(fallback([a.client, b.client], { firstChunkWithinMs: 60 }));
    expect(message.content).toBe("B");
    await a.server.requests[0]?.closed;
    expect(message.metrics.attempts.map(({ outcome }) => outcome)).toEqual(["timeout", "answered"]);
  });

  test("and the last one has all the time it needs", async () => {
    const b = await member((request) => void setTimeout(() => good("B")(request), 150));
    const { message } = await read(fallback([b.client], { firstChunkWithinMs: 20 }));
    expect(message.content).toBe("B");
  });
});

test.each(["invalidRequest", "contentFilter"] as const)(
  "a fault of the request (%s) is reported at once",
  async (kind) => {
    const a = scriptedClient([{ refusal: { status: 400, kind, message: "no" } } as never]);
    const b = scriptedClient([{ text: "B" }]);
    const error = await failure(fallback([a, b]).sendMessage(QUESTION));
    expect(error.kind).toMatch(/invalidRequest|contentFilter/);
    expect(b.calls).toHaveLength(0);
  },
);

test("when all fail, the last error lists everybody's attempts", async () => {
  const down = ({ socket }: RawRequest): void => void socket.write(response(503, "{}"));
  const [a, b, c] = [await member(down), await member(down, ANTHROPIC), await member(down, GEMINI)];
  const error = await failure(read(fallback([a.client, b.client, c.client])));
  expect(error).toMatchObject({ kind: "overloaded", provider: "gemini" });
  expect(error.attempts?.map(({ provider }) => provider)).toEqual(["compatible", "anthropic", "gemini"]);
});

test("after the first chunk a failure is a failure, with what came", async () => {
  const a = await member(({ socket }) => void socket.end(STREAM_HEAD + httpChunk(CHAT.text("A", 0)) + LAST_CHUNK));
  const b = await member(good("B"));
  const error = await failure(read(fallback([a.client, b.client])));
  expect(error).toMatchObject({ kind: "truncated", partial: { content: "A" } });
  expect(b.server.requests).toHaveLength(0);
});

test.each<[string, (a: ClientWrapper, b: ClientWrapper) => ClientWrapper]>([
  ["fallback", (a, b) => fallback([a, b], { firstChunkWithinMs: Number.POSITIVE_INFINITY })],
  ["hedge", (a, b) => hedge(a, b, { afterMs: Number.POSITIVE_INFINITY })],
])("%s asks nobody else for slowness where patience has no end", async (_name, both) => {
  const slow = scriptedClient([{ steps: [{ pause: 30 }, { text: "slow" }] }]);
  const other = scriptedClient([{ text: "other" }]);
  expect((await read(both(slow, other))).message.content).toBe("slow");
  expect(other.calls).toEqual([]);
});

test.each(["whole", "streamed"])(
  "when all have failed, what had come of the last reply is not lost (%s)",
  async (how) => {
    const usage = { inputTokens: 1, outputTokens: 2 };
    const client = fallback([
      scriptedClient([{ refusal: { status: 500 } }]),
      scriptedClient([{ text: "prose", ending: { usage } }], { model: "last" }),
    ]);
    const output = { type: "object" };
    const asked = how === "whole" ? client.sendMessage(QUESTION, { output }) : read(client, { output });
    const error = await failure(asked);
    expect(error).toMatchObject({ kind: "invalidOutput", partial: { content: "prose", model: "last", usage } });
    expect(error.attempts).toHaveLength(2);
    expect(error.partial?.metrics.attempts).toEqual(error.attempts);
  },
);

test("the caller's signal ends it while a client is waited for, and before", async () => {
  const a = await member(() => undefined);
  const abort = new AbortController();
  const promise = failure(fallback([a.client, a.client]).sendMessageStream(QUESTION, { signal: abort.signal }));
  while (a.server.requests.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  abort.abort();
  expect((await promise).kind).toBe("aborted");
  await a.server.requests[0]?.closed;
  expect(a.server.requests).toHaveLength(1);
  expect((await failure(fallback([a.client]).sendMessage(QUESTION, { signal: AbortSignal.abort() }))).kind).toBe(
    "aborted",
  );
  expect(a.server.requests).toHaveLength(1);
});

test("a `shouldFallBack` that throws says no, and the call fails with what it was asked about", async () => {
  const shouldFallBack = () => {
    throw new Error("mine");
  };
  for (const method of ["sendMessage", "sendMessageStream"] as const) {
    const b = scriptedClient([{ text: "B" }]);
    const client = fallback([scriptedClient([{ refusal: { status: 500 } }]), b], { shouldFallBack });
    expect((await failure(client[method](QUESTION))).kind).toBe("server");
    expect(b.calls).toEqual([]);
  }
});

test.each<[string, object]>([
  ["a signal that is none", { signal: {} }],
  ["limits that are none", { timeouts: { total: "soon" } }],
  ["no limits", { timeouts: null }],
  ["an option that is unknown", { recovery: "continue" }],
])("%s is refused as a client refuses it, by every wrapper", async (_name, options) => {
  const client = scriptedClient(() => ({ text: "A" }));
  const wrappers = [
    fallback([client, client]),
    fallback([client], { recover: "continue" }),
    hedge(client, client, { afterMs: 0 }),
    rateLimit(client, { concurrency: 1 }),
  ];
  for (const wrapper of wrappers)
    for (const method of ["sendMessage", "sendMessageStream"] as const)
      expect((await failure(wrapper[method](QUESTION, options))).kind).toBe("invalidRequest");
  expect(client.calls).toEqual([]);
});

test("a client that throws at once, or what is no error at all, is a failed client", async () => {
  const bad: ClientWrapper = {
    provider: "bad",
    model: "bad",
    sendMessage: () => {
      throw new TypeError("oops");
    },
    sendMessageStream: () => Promise.reject("oops"),
  };
  const good = scriptedClient([{ text: "B" }, { text: "B" }]);
  expect((await read(fallback([bad, good]))).message.content).toBe("B");
  expect((await fallback([bad, good]).sendMessage(QUESTION)).content).toBe("B");
});

test.each([
  ["no clients", () => fallback([])],
  ["something else", () => fallback("x" as never)],
  ["no client", () => fallback([{} as never])],
  ["a circuit that never closes", () => fallback([scriptedClient([])], { circuit: { failureThreshold: 0 } })],
  ["a pause that is none", () => fallback([scriptedClient([])], { circuit: { resetAfterMs: Number.NaN } })],
  [
    "a `shouldFallBack` that is not a function",
    () => fallback([scriptedClient([])], { shouldFallBack: "always" as never }),
  ],
  [
    "no time",
    () => fallback([new CompatibleClient({ baseUrl: "http://127.0.0.1:9", model: "m" })], { firstChunkWithinMs: 0 }),
  ],
])("%s is refused", (_name, make) => {
  expect(make).toThrow(TypeError);
});
