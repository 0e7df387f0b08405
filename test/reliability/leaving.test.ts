/** A call that is left, or runs out of time, whoever reads: its sockets close, and every request stands in the list. */

import {
  type ClientWrapper,
  fallback,
  hedge,
  type MessageChunk,
  MessageStream,
  rateLimit,
  SendError,
  type SendOptions,
} from "cloudllm";
import { describe, expect, test } from "vitest";
import { withLongerTimes } from "../support/longer-times.ts";
import { httpChunk, LAST_CHUNK, type RawServer, response, STREAM_HEAD } from "../support/raw-server.ts";
import { type Answer, useServers } from "../support/servers.ts";
import { CHAT } from "../support/wires.ts";

const QUESTION = [{ role: "user", content: "hi" }] as const;

const serve = useServers();

const CLOSING_HEAD = STREAM_HEAD.replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n");
const silent: Answer = () => undefined;
const begun: Answer = ({ socket }) => void socket.write(STREAM_HEAD + httpChunk(CHAT.text("A", 0)));
const down: Answer = ({ socket }) => void socket.end(response(503, "{}", { connection: "close" }));
const broken: Answer = ({ socket }) => void socket.end(CLOSING_HEAD + httpChunk(CHAT.text("A", 0)) + LAST_CHUNK);

/** Every way to make a client of one server, or of two. */
const SHAPES: readonly (readonly [string, (make: (options?: object) => ClientWrapper) => ClientWrapper])[] = [
  ["a client", (make) => make()],
  ["a client that recovers", (make) => make({ recover: "continue" })],
  ["fallback", (make) => fallback([make(), make()])],
  ["fallback that recovers", (make) => fallback([make(), make()], { recover: "continue" })],
  ["hedge", (make) => hedge(make(), make(), { afterMs: 60_000 })],
  ["rateLimit", (make) => rateLimit(make(), { concurrency: 1 })],
  [
    "all of them in one another",
    (make) =>
      rateLimit(hedge(fallback([make({ recover: "continue" }), make()]), make(), { afterMs: 60_000 }), {
        concurrency: 1,
      }),
  ],
];

function clientOf(server: RawServer, shape: (typeof SHAPES)[number][1]): ClientWrapper {
  return shape((options = {}) => CHAT.client(server.port, { retries: 0, ...options }));
}

/** How the stream ended, as whoever keeps books learns it. */
function endOf(stream: MessageStream): Promise<SendError | undefined> {
  return new Promise((resolve) => stream.onEnd((_message, error) => resolve(error)));
}

async function failure(promise: Promise<unknown>): Promise<SendError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof SendError) return error;
  throw new Error(`no failure: ${String(error)}`);
}

const WAYS: readonly (readonly [string, string, (stream: MessageStream, abort: AbortController) => unknown])[] = [
  ["stop()", "stopped", (stream) => stream.stop()],
  ["a loop that is left before it begins", "stopped", (stream) => stream[Symbol.asyncIterator]().return?.()],
  ["`await using`", "stopped", (stream) => stream[Symbol.asyncDispose]()],
  ["the signal", "aborted", (_stream, abort) => abort.abort()],
  ["the total limit", "timeout", () => undefined],
];

/** A stream must have begun before its limit passes. */
function testWays(check: (...args: readonly [...(typeof WAYS)[number], times: number]) => Promise<void>): void {
  test.each(WAYS)("is ended by %s", (way, outcome, leave) => {
    const at = (times: number) => check(way, outcome, leave, times);
    return outcome === "timeout" ? withLongerTimes(at) : at(1);
  });
}

describe.each(SHAPES)("%s: a stream without a reader", (_shapeName, shape) => {
  testWays(async (way, outcome, leave, times) => {
    const server = await serve(begun);
    const abort = new AbortController();
    const options: SendOptions = {
      signal: abort.signal,
      ...(outcome === "timeout" && { timeouts: { total: 300 * times } }),
    };
    const stream = await clientOf(server, shape).sendMessageStream(QUESTION, options);
    const ended = endOf(stream);
    leave(stream, abort);
    await server.requests[0]?.closed;
    const error = await ended;
    expect(error?.kind, way).toBe(outcome === "stopped" ? undefined : outcome);
    if (error) expect(error).toMatchObject({ provider: "compatible", model: "m", retryable: outcome === "timeout" });
    expect(stream.metrics.attempts.map((attempt) => attempt.outcome)).toEqual([outcome]);
    expect(server.requests).toHaveLength(1);
    // The request was sent, and will be billed.
    expect(stream.partial).toMatchObject({ provider: "compatible", model: "m", interrupted: true });
    expect(stream.partial.estimatedUsage?.inputTokens).toBeGreaterThan(0);
  });
});

describe.each(SHAPES)("%s: a stream of which only the first chunk is read", (_shapeName, shape) => {
  testWays(async (way, outcome, leave, times) => {
    const server = await serve(begun);
    const abort = new AbortController();
    const stream = await clientOf(server, shape).sendMessageStream(QUESTION, {
      signal: abort.signal,
      ...(outcome === "timeout" && { timeouts: { total: 300 * times } }),
    });
    const chunks = stream[Symbol.asyncIterator]();
    expect((await chunks.next()).value).toMatchObject({ content: "A" });
    expect(stream.partial.estimatedUsage?.inputTokens).toBeGreaterThan(0);
    const ended = endOf(stream);
    const once = { [Symbol.asyncIterator]: () => chunks } as never as MessageStream;
    leave(way.startsWith("a loop") ? once : stream, abort);
    await server.requests[0]?.closed;
    expect((await ended)?.kind).toBe(outcome === "stopped" ? undefined : outcome);
    expect(stream.partial).toMatchObject({ content: "A", interrupted: true });
    expect(stream.metrics.attempts.map((attempt) => attempt.outcome)).toEqual([outcome]);
  });
});

describe("the total limit", () => {
  test.each(SHAPES)("does not begin again with another request (%s)", async (_name, shape) => {
    for (const method of ["sendMessage", "sendMessageStream"] as const) {
      await withLongerTimes(async (times) => {
        const server = await serve(silent);
        const started = performance.now();
        const error = await failure(clientOf(server, shape)[method](QUESTION, { timeouts: { total: 300 * times } }));
        expect(error).toMatchObject({ kind: "timeout", phase: "total" });
        expect(error.attempts?.map(({ outcome }) => outcome)).toEqual(["timeout"]);
        expect(performance.now() - started).toBeLessThan(550 * times);
        expect(server.requests).toHaveLength(1);
        await server.requests[0]?.closed;
      });
    }
  });

  test("is shared by the clients of a fallback", () =>
    withLongerTimes(async (times) => {
      const server = await serve((request, index) =>
        index === 0 ? void setTimeout(() => down(request, 0), 150 * times) : undefined,
      );
      const make = () => CHAT.client(server.port, { retries: 0 });
      const started = performance.now();
      const error = await failure(
        fallback([make(), make(), make()]).sendMessageStream(QUESTION, { timeouts: { total: 400 * times } }),
      );
      expect(error).toMatchObject({ kind: "timeout", phase: "total" });
      expect(error.attempts?.map(({ outcome }) => outcome)).toEqual(["overloaded", "timeout"]);
      expect(performance.now() - started).toBeLessThan(540 * times);
    }));

  test("holds for a client that waits for its turn as well", async () => {
    const server = await serve(begun);
    const limited = rateLimit(CHAT.client(server.port), { concurrency: 1 });
    const held = await limited.sendMessageStream(QUESTION);
    await withLongerTimes(async (times) => {
      const started = performance.now();
      for (const client of [limited, fallback([limited, limited]), hedge(limited, limited, { afterMs: 0 })]) {
        const error = await failure(client.sendMessage(QUESTION, { timeouts: { total: 60 * times } }));
        expect(error).toMatchObject({ kind: "timeout", phase: "total", attempts: [] });
      }
      expect(performance.now() - started).toBeLessThan(600 * times);
    });
    expect(server.requests).toHaveLength(1);
    await held.stop();
  });

  test("but a limit that a client has of its own lets the next one try", async () => {
    const [a, b] = [await serve(silent), await serve(begun)];
    const client = fallback([
      CHAT.client(a.port, { timeouts: { total: 100 } }),
      CHAT.client(b.port, { timeouts: { total: 60_000 } }),
    ]);
    const stream = await client.sendMessageStream(QUESTION);
    for await (const chunk of stream) {
      expect(chunk.content).toBe("A");
      break;
    }
    expect(stream.metrics.attempts.map(({ outcome }) => outcome)).toEqual(["timeout", "stopped"]);
  });
});

describe("an attempt that the limit of a wrapper ends, before its client's own timer fires, has timed out", () => {
  /** A client that passes its calls on late, as every client does on a busy machine. */
  function late(client: ClientWrapper, times: number): ClientWrapper {
    const wait = () => new Promise((resolve) => setTimeout(resolve, 80 * times));
    return {
      provider: client.provider,
      model: client.model,
      sendMessage: async (...call) => wait().then(() => client.sendMessage(...call)),
      sendMessageStream: async (...call) => wait().then(() => client.sendMessageStream(...call)),
    } as ClientWrapper;
  }

  const OUTER = SHAPES.slice(3).filter(([name]) => name !== "rateLimit");

  test.each(OUTER)("%s, before a first chunk", (_name, shape) =>
    withLongerTimes(async (times) => {
      const server = await serve(silent);
      const client = shape((options = {}) => late(CHAT.client(server.port, { retries: 0, ...options }), times));
      const error = await failure(client.sendMessageStream(QUESTION, { timeouts: { total: 200 * times } }));
      expect(error).toMatchObject({ kind: "timeout", phase: "total" });
      expect(error.attempts?.map(({ outcome }) => outcome)).toEqual(["timeout"]);
      await server.requests[0]?.closed;
    }),
  );

  test.each(OUTER)("%s, after one", (_name, shape) =>
    withLongerTimes(async (times) => {
      const server = await serve(begun);
      const client = shape((options = {}) => late(CHAT.client(server.port, { retries: 0, ...options }), times));
      const stream = await client.sendMessageStream(QUESTION, { timeouts: { total: 200 * times } });
      const error = await failure(stream.finalMessage());
      expect(error).toMatchObject({ kind: "timeout", partial: { content: "A" } });
      expect(stream.metrics.attempts.map(({ outcome }) => outcome)).toEqual(["timeout"]);
    }),
  );

  test("one that ended before keeps its outcome", () =>
    withLongerTimes(async (times) => {
      const [a, b] = [await serve(silent), await serve(begun)];
      const [first, second] = [CHAT.client(a.port, { retries: 0 }), CHAT.client(b.port, { retries: 0 })];
      const raced = late(hedge(first, second, { afterMs: 1 }), times);
      const stream = await fallback([raced]).sendMessageStream(QUESTION, { timeouts: { total: 200 * times } });
      await failure(stream.finalMessage());
      expect(stream.metrics.attempts.map(({ outcome }) => outcome)).toEqual(["stopped", "timeout"]);
    }));
});

describe("a request that is under way when the caller leaves stands in the list", () => {
  const LEAVING = WAYS.filter(([, outcome]) => outcome !== "timeout");

  /** The first request breaks off; the second is not answered. */
  async function recovering(make: (server: RawServer) => ClientWrapper, second: Answer = silent) {
    let arrived: () => void = () => undefined;
    const under = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    const server = await serve((request, index) => {
      if (index === 0) return broken(request, index);
      arrived();
      second(request, index);
    });
    const abort = new AbortController();
    const stream = await make(server).sendMessageStream(QUESTION, { recover: "continue", signal: abort.signal });
    const chunks = stream[Symbol.asyncIterator]();
    await chunks.next();
    const next = chunks.next().catch((error: unknown) => error);
    await under;
    const left = { stop: () => stream.stop(), [Symbol.asyncIterator]: () => chunks } as never as MessageStream;
    return { server, stream, abort, left, next };
  }

  const RECOVERING: readonly (readonly [string, (server: RawServer) => ClientWrapper])[] = [
    ["a client", ({ port }) => CHAT.client(port, { retries: 0 })],
    ["a fallback", ({ port }) => fallback([CHAT.client(port, { recover: undefined, retries: 0 }), CHAT.client(port)])],
    [
      "a hedge of clients",
      ({ port }) => hedge(CHAT.client(port, { retries: 0 }), CHAT.client(port), { afterMs: 60_000 }),
    ],
    ["a limited client", ({ port }) => rateLimit(CHAT.client(port, { retries: 0 }), { concurrency: 1 })],
  ];

  describe.each(RECOVERING)("of %s that recovers", (_name, make) => {
    test.each(LEAVING.filter(([way]) => !way.includes("using")))("by %s", async (_way, outcome, leave) => {
      const { server, stream, abort, left, next } = await recovering(make);
      leave(left, abort);
      await next;
      await server.requests[1]?.closed;
      expect(stream.metrics.attempts.map((attempt) => attempt.outcome)).toEqual(["truncated", outcome]);
      expect(server.requests).toHaveLength(2);
    });
  });

  test.each(["stop", "drain", "abort"] as const)("with those before it that failed, by %s", async (way) => {
    let count = 0;
    let arrived: () => void = () => undefined;
    const third = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    const { stream, abort, next, server } = await recovering(
      ({ port }) => CHAT.client(port, { retries: 2 }),
      ({ socket }) => {
        if (++count > 1) return arrived();
        socket.end(response(503, "{}", { "retry-after-ms": "1", connection: "close" }));
      },
    );
    await third;
    if (way === "abort") abort.abort();
    else void stream.stop({ drain: way === "drain" });
    await next;
    expect(server.requests).toHaveLength(3);
    const outcome = way === "abort" ? "aborted" : "stopped";
    expect(stream.metrics.attempts.map((attempt) => attempt.outcome)).toEqual(["truncated", "overloaded", outcome]);
  });

  test.each(["streamed", "whole"])("of a hedge whose second client has no headers yet, %s", async (how) => {
    const [a, b] = [await serve(silent), await serve(silent)];
    const abort = new AbortController();
    const client = hedge(CHAT.client(a.port), CHAT.client(b.port), { afterMs: 20 });
    const asked =
      how === "whole"
        ? client.sendMessage(QUESTION, { signal: abort.signal })
        : client.sendMessageStream(QUESTION, { signal: abort.signal });
    const failed = failure(asked);
    while (b.requests.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    abort.abort();
    const error = await failed;
    expect(error.attempts?.map(({ outcome }) => outcome)).toEqual(["aborted", "aborted"]);
  });

  test("and one that still waits for its turn was not sent", async () => {
    const [a, b] = [await serve(begun), await serve(begun)];
    const limited = rateLimit(CHAT.client(a.port), { concurrency: 1 });
    const held = await limited.sendMessageStream(QUESTION);
    const stream = await fallback([limited, CHAT.client(b.port)], { firstChunkWithinMs: 20 }).sendMessageStream(
      QUESTION,
    );
    for await (const _chunk of stream) break;
    expect(stream.metrics.attempts.map(({ outcome }) => outcome)).toEqual(["stopped"]);
    expect(a.requests).toHaveLength(1);
    await held.stop();
  });
});

describe("a client that hears neither the signal nor the clock", () => {
  /** Chunks that say whether they were let go. */
  function deaf(beginning: readonly MessageChunk[]) {
    let letGo: () => void = () => undefined;
    const left = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    const chunks = [...beginning];
    const iterator = {
      next: () => {
        const value = chunks.shift();
        return value ? Promise.resolve({ done: false, value }) : new Promise(() => undefined);
      },
      return: () => {
        letGo();
        return Promise.resolve({ done: true, value: undefined });
      },
    };
    const client = {
      provider: "deaf",
      model: "m",
      sendMessage: () => new Promise(() => undefined),
      sendMessageStream: async () =>
        MessageStream.from({ [Symbol.asyncIterator]: () => iterator } as AsyncIterable<MessageChunk>),
    } as unknown as ClientWrapper;
    return { client, left };
  }

  const begun: readonly MessageChunk[] = [{ type: "text", content: "A", isFinal: false }];
  const BOTH: readonly (readonly [string, (client: ClientWrapper) => ClientWrapper])[] = [
    ["fallback", (client) => fallback([client, client])],
    ["fallback that recovers", (client) => fallback([client, client], { recover: "restart" })],
    ["hedge", (client) => hedge(client, client, { afterMs: 60_000 })],
  ];

  describe.each(BOTH)("is left by a %s", (_name, wrap) => {
    test.each([
      ["the signal", "aborted"],
      ["the total limit", "timeout"],
    ])("that is ended by %s", async (_way, kind) => {
      const abort = new AbortController();
      const options = kind === "aborted" ? { signal: abort.signal } : { timeouts: { total: 40 } };
      for (const beginning of [[], begun]) {
        const { client, left } = deaf(beginning);
        const stream = await wrap(client).sendMessageStream(QUESTION, options);
        const reading = failure(stream.finalMessage());
        setTimeout(() => abort.abort(), 10);
        expect(await reading).toMatchObject({
          kind,
          provider: "deaf",
          partial: { content: beginning[0]?.content ?? "" },
        });
        await left;
        if (kind === "aborted") break; // the signal has fired
      }
      expect(await failure(wrap(deaf([]).client).sendMessage(QUESTION, options))).toMatchObject({ kind });
    });
  });
});
