/** Requests that are sent again while nothing was shown, what a client's calls may send again together, and every deadline on every path. */

import { type ClientWrapper, SendError } from "cloudllm";
import { afterAll, beforeAll, describe, expect, type TestContext, test, vi } from "vitest";
import { RetryBudget } from "../../src/call/retry-budget.ts";
import { retryDelayMs, retryPolicyOf } from "../../src/contract/retry-policy.ts";
import { withLongerTimes } from "../support/longer-times.ts";
import { httpChunk, LAST_CHUNK, type RawRequest, rawServer, response, STREAM_HEAD } from "../support/raw-server.ts";
import { useServers } from "../support/servers.ts";
import { CHAT, type Options, type TestWire, WIRES } from "../support/wires.ts";

const QUESTION = [{ role: "user", content: "hi" }] as const;

const serve = useServers();
beforeAll(() => void vi.spyOn(Math, "random").mockReturnValue(0.01)); // the shortest waits
afterAll(() => void vi.restoreAllMocks());

/** A connection that breaks is not used again. */
const HEAD = STREAM_HEAD.replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n");
const ERROR = (status: number, headers = {}) => response(status, "{}", { connection: "close", ...headers });

function good(wire: TestWire, { socket }: RawRequest): void {
  socket.write(HEAD + httpChunk(wire.begin() + wire.text("Hello.", 0) + wire.end(1)) + LAST_CHUNK);
}

async function failure(promise: Promise<unknown>): Promise<SendError> {
  const error = await promise.then(
    (value) => new Error(`no failure: ${String(value)}`),
    (reason: unknown) => reason,
  );
  if (error instanceof SendError) return error;
  throw error;
}

async function text(client: ClientWrapper, options = {}) {
  const stream = await client.sendMessageStream(QUESTION, options);
  let shown = "";
  for await (const chunk of stream) shown += chunk.content;
  return { shown, message: await stream.finalMessage() };
}

/** Every way in which an attempt may fail before its first chunk. */
const FAILURES: readonly (readonly [string, RegExp, (request: RawRequest, wire: TestWire) => void])[] = [
  ["500", /server/, ({ socket }) => void socket.end(ERROR(500))],
  ["503", /overloaded/, ({ socket }) => void socket.end(ERROR(503))],
  ["429", /rateLimit/, ({ socket }) => void socket.end(ERROR(429, { "retry-after-ms": "5" }))],
  [
    "a gateway's page",
    /server|overloaded/,
    ({ socket }) => void socket.end(response(502, "<html>Bad</html>", { connection: "close" })),
  ],
  ["a reset before the headers", /network/, ({ socket }) => void socket.resetAndDestroy()],
  [
    "a reset after the headers",
    /network|truncated/,
    ({ socket }) => void socket.write(HEAD, () => setTimeout(() => socket.resetAndDestroy(), 20)),
  ],
  ["no headers", /timeout/, () => undefined],
  ["headers and silence", /timeout/, ({ socket }) => void socket.write(HEAD)],
  ["heartbeats and no chunk", /timeout/, heartbeats],
  ["an empty body", /truncated/, ({ socket }) => void socket.end(HEAD + LAST_CHUNK)],
  [
    "an early end",
    /truncated/,
    ({ socket }, wire) => void socket.end(HEAD + httpChunk(wire.begin() || ": x\n\n") + LAST_CHUNK),
  ],
  [
    "an error as the first event",
    /./,
    ({ socket }, wire) => void socket.end(HEAD + httpChunk(wire.begin() + wire.error("no", 0)) + LAST_CHUNK),
  ],
  [
    "an event that is no JSON",
    /protocol/,
    ({ socket }) => void socket.end(HEAD + httpChunk("data: {oops}\n\n") + LAST_CHUNK),
  ],
  [
    "a page instead of a reply",
    /protocol/,
    ({ socket }) => void socket.end(HEAD + httpChunk("<html>hi</html>") + LAST_CHUNK),
  ],
];

function heartbeats({ socket }: RawRequest): void {
  socket.write(HEAD);
  const timer = setInterval(() => socket.write(httpChunk(": ping\n\n")), 20);
  socket.on("close", () => clearInterval(timer));
}

describe.each([
  ["the default transport", {}],
  ["fetch", { fetch: (input: string, init: RequestInit) => fetch(input, init) }],
] as const)("over %s", (_transport, over) => {
  describe.each(WIRES)("$name", (wire) => {
    /** With a server of its own: these run side by side where they wait for limits. */
    async function isRetried(
      [, kind, fail]: (typeof FAILURES)[number],
      { expect }: TestContext,
      times = 1,
    ): Promise<void> {
      await using server = await rawServer((request, index) => (index < 2 ? fail(request, wire) : good(wire, request)));
      // Short limits only where they are what is tested: a busy machine is slow.
      const timeouts = kind.test("timeout") ? { headers: 300 * times, idle: 300 * times, stall: 400 * times } : {};
      const { shown, message } = await text(wire.client(server.port, { timeouts, ...over }));
      expect(shown).toBe("Hello.");
      expect(message).toMatchObject({ content: "Hello.", finishReason: "stop" });
      const { attempts } = message.metrics;
      expect(attempts).toHaveLength(3);
      for (const { outcome, durationMs } of attempts.slice(0, 2)) {
        expect(outcome).toMatch(kind);
        expect(durationMs).toBeGreaterThan(0);
      }
      expect(attempts[2]?.outcome).toBe("answered");
      expect(server.requests).toHaveLength(3);
    }

    const waits = ([, kind]: (typeof FAILURES)[number]): boolean => kind.test("timeout");
    for (const failure of FAILURES.filter((each) => !waits(each))) {
      test(`${failure[0]} is retried unseen, and listed`, (context) => isRetried(failure, context));
    }
    for (const failure of FAILURES.filter(waits)) {
      test.concurrent(`${failure[0]} is retried unseen, and listed`, (context) =>
        withLongerTimes((times) => isRetried(failure, context, times)));
    }

    test.concurrent("a deadline that belongs to one attempt does not kill the next", ({ expect }) =>
      withLongerTimes(async (times) => {
        await using server = await rawServer((request, index) => {
          if (index === 0) return; // no headers
          if (index === 1) return void request.socket.write(HEAD); // silence
          // Slower than any of the two limits would allow if it ran on.
          setTimeout(() => good(wire, request), 300 * times);
        });
        const limit = 400 * times;
        const timeouts = { headers: limit, idle: limit, stall: limit };
        const { shown, message } = await text(wire.client(server.port, { timeouts, ...over }));
        expect(shown).toBe("Hello.");
        expect(message.metrics.attempts.map(({ outcome }) => outcome)).toEqual(["timeout", "timeout", "answered"]);
      }));
  });

  test("a port without a listener is tried three times", async () => {
    const server = await serve(() => undefined);
    const { port } = server;
    await server[Symbol.asyncDispose]();
    const error = await failure(CHAT.client(port, over).sendMessage(QUESTION));
    expect(error).toMatchObject({ kind: "network", code: "ECONNREFUSED" });
    expect(error.attempts).toHaveLength(3);
  });

  test("what a failed attempt was billed is listed with it", async () => {
    const usage = `data: {"id":"c0","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":1,"total_tokens":10}}\n\n`;
    const server = await serve((request, index) => {
      if (index > 0) return good(CHAT, request);
      request.socket.end(HEAD + httpChunk(usage + CHAT.error("no", 0)) + LAST_CHUNK);
    });
    const { message } = await text(CHAT.client(server.port, over));
    expect(message.metrics.attempts[0]).toMatchObject({ outcome: "overloaded", usage: { totalTokens: 10 } });
    expect(message.usage?.totalTokens).toBe(7);
  });

  describe("a deadline reports its phase and how long was waited", () => {
    const DEADLINES: readonly (readonly [string, string, Options, (request: RawRequest) => void])[] = [
      ["headers", "before the headers", { timeouts: { headers: 80 } }, () => undefined],
      [
        "firstChunk",
        "before the first chunk",
        { timeouts: { firstChunk: 80 } },
        ({ socket }) => void socket.write(HEAD),
      ],
      [
        "firstChunk",
        "in the headers of a second attempt",
        { timeouts: { firstChunk: 150 }, retries: 20 },
        ({ socket }) => void setTimeout(() => socket.end(ERROR(500)), 40),
      ],
      [
        "idle",
        "in the middle",
        { timeouts: { idle: 80 } },
        ({ socket }) => void socket.write(HEAD + httpChunk(CHAT.text("a", 0))),
      ],
      ["stall", "among heartbeats", { timeouts: { stall: 80 } }, heartbeats],
      ["total", "in the headers", { timeouts: { total: 80 } }, () => undefined],
      [
        "total",
        "in the middle",
        { timeouts: { total: 80 } },
        ({ socket }) => void socket.write(HEAD + httpChunk(CHAT.text("a", 0))),
      ],
      [
        "total",
        "between two attempts",
        { timeouts: { total: 80 }, retries: 2 },
        ({ socket }) => void socket.end(ERROR(500, { "retry-after-ms": "5000" })),
      ],
      [
        "firstChunk",
        "between two attempts",
        { timeouts: { firstChunk: 80 }, retries: 2 },
        ({ socket }) => void socket.end(ERROR(500, { "retry-after-ms": "5000" })),
      ],
    ];

    test.each(DEADLINES)("`%s` %s", async (phase, _when, options, answer) => {
      const server = await serve(answer);
      const client = CHAT.client(server.port, { retries: 0, ...over, ...options });
      const started = performance.now();
      const error = await failure(text(client));
      const limit = options.timeouts?.[phase as "total"] ?? 0;
      expect(error).toMatchObject({ kind: "timeout", phase, retryable: true });
      expect(error.waitedMs).toBeGreaterThanOrEqual(limit);
      expect(error.message).toContain(`${error.waitedMs} ms`);
      expect(performance.now() - started).toBeLessThan(limit + 3_000);
      for (const { closed } of server.requests) await closed;
    });

    const WHOLE: typeof DEADLINES = [
      ["headers", "before the headers", { timeouts: { headers: 80 } }, () => undefined],
      [
        "idle",
        "in the body",
        { timeouts: { idle: 80 } },
        ({ socket }) => void socket.write(`HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{"choices"`),
      ],
      [
        "total",
        "in the body",
        { timeouts: { total: 80 } },
        ({ socket }) => void socket.write(`HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{"choices"`),
      ],
    ];

    test.each(WHOLE)("`%s` of a non-streamed reply, %s", async (phase, _when, options, answer) => {
      const server = await serve(answer);
      const error = await failure(CHAT.client(server.port, { retries: 0, ...over, ...options }).sendMessage(QUESTION));
      expect(error).toMatchObject({ kind: "timeout", phase, retryable: true });
      expect(error.waitedMs).toBeGreaterThanOrEqual(80);
    });

    test.each(["idle", "total"] as const)("an error body that stops half-way is the error itself (`%s`)", (phase) =>
      withLongerTimes(async (times) => {
        const server = await serve(
          ({ socket }) => void socket.write("HTTP/1.1 500 Oops\r\ncontent-length: 99\r\n\r\nhalf of it"),
        );
        const options = { retries: 0, timeouts: { [phase]: 500 * times }, ...over };
        const error = await failure(CHAT.client(server.port, options).sendMessage(QUESTION));
        expect(error).toMatchObject({ kind: "server", status: 500, message: expect.stringContaining("half of it") });
      }),
    );
  });

  describe("with the provider down, 200 calls at once send at most 20 % more requests than calls", () => {
    test.each([
      ["500 for everybody", ({ socket }: RawRequest): void => void socket.write(response(500, "{}"))],
      [
        "429 with a short wait",
        ({ socket }: RawRequest): void => void socket.write(response(429, "{}", { "retry-after-ms": "20" })),
      ],
      ["every connection is reset", ({ socket }: RawRequest): void => void socket.resetAndDestroy()],
      [
        "an error in every stream",
        ({ socket }: RawRequest): void => void socket.end(HEAD + httpChunk(CHAT.error("no", 0)) + LAST_CHUNK),
      ],
    ])("%s", async (_name, answer) => {
      const server = await serve(answer);
      const client = CHAT.client(server.port, over);
      const errors = await Promise.all(Array.from({ length: 200 }, () => failure(text(client))));
      expect(errors.every(({ retryable }) => retryable)).toBe(true);
      expect(server.requests.length).toBeLessThanOrEqual(240);
      expect(server.requests.length).toBeGreaterThan(200);
      expect(errors.reduce((sum, { attempts = [] }) => sum + attempts.length, 0)).toBe(server.requests.length);
      // A call that is alone has its retries all the same.
      expect((await failure(client.sendMessage(QUESTION))).attempts).toHaveLength(3);
    });

    test("no listener", async () => {
      const server = await serve(() => undefined);
      const client = CHAT.client(server.port, over);
      await server[Symbol.asyncDispose]();
      const errors = await Promise.all(Array.from({ length: 200 }, () => failure(text(client))));
      expect(errors.reduce((sum, { attempts = [] }) => sum + attempts.length, 0)).toBeLessThanOrEqual(240);
    });
  });

  test("a call that is over, however it ended, leaves the next one alone", async () => {
    let isDown = true;
    let isSilent = false;
    const server = await serve((request) => {
      if (isSilent) return;
      if (isDown) return void request.socket.write(response(500, "{}", { "retry-after-ms": "1" }));
      good(CHAT, request);
    });
    const client = CHAT.client(server.port, over);
    await Promise.all(Array.from({ length: 30 }, () => failure(text(client)))); // the budget is spent
    isDown = false;
    await text(client);
    await client.sendMessage(QUESTION);
    await (await client.sendMessageStream(QUESTION)).stop();
    await (await client.sendMessageStream(QUESTION)).stop({ drain: true });
    for await (const _chunk of await client.sendMessageStream(QUESTION)) break;
    await failure(text(client, { signal: AbortSignal.abort() }));
    isSilent = true; // else a quick reply may win
    await failure(text(client, { timeouts: { total: 1 } }));
    isSilent = false;
    isDown = true;
    expect((await failure(text(client))).attempts).toHaveLength(3);
  });

  test("without a budget every call has its retries", async () => {
    const server = await serve(({ socket }) => void socket.write(response(500, "{}", { "retry-after-ms": "1" })));
    const client = CHAT.client(server.port, { retries: { max: 2, budget: false }, ...over });
    const errors = await Promise.all(Array.from({ length: 30 }, () => failure(text(client))));
    expect(errors.map(({ attempts }) => attempts?.length)).toEqual(Array.from({ length: 30 }, () => 3));
  });

  test.each([
    ["seconds", () => "7", 7_000],
    ["a date", () => new Date(Date.now() + 7_400).toUTCString(), 7_000],
    ["a date that has passed", () => new Date(0).toUTCString(), 0],
    ["seconds, twice", () => "7, 9", 7_000],
    ["a date in its oldest form", () => asctime(new Date(Date.now() + 7_400)), 7_000],
  ])("a wait above the cap is told at once, in %s", async (_name, value, waitMs) => {
    const server = await serve(({ socket }) => void socket.write(response(429, "{}", { "retry-after": value() })));
    const retries = { max: 1, maxRetryAfterMs: 6_000 };
    const error = await failure(text(CHAT.client(server.port, { retries, ...over })));
    expect(error.kind).toBe("rateLimit");
    expect(Math.abs((error.retryAfterMs ?? -1) - waitMs)).toBeLessThan(1_000);
    expect(server.requests).toHaveLength(waitMs > 6_000 ? 1 : 2);
  });

  test("no request goes out before the time the provider asked for", async () => {
    const times: number[] = [];
    const server = await serve((request, index) => {
      times.push(performance.now());
      if (index === 0) return void request.socket.end(ERROR(429, { "retry-after": "0.3" }));
      good(CHAT, request);
    });
    await text(CHAT.client(server.port, over));
    expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(299);
  });
});

describe("the wait before a retry", () => {
  const error = (facts = {}) => new SendError("server", "no", facts);
  const POLICY = retryPolicyOf(8);

  test.each([1, 2, 3, 4, 5, 6])("after failure %i is anything up to twice the last, and at most 8 s", (failures) => {
    const longest = Math.min(8_000, 500 * 2 ** (failures - 1));
    expect(retryDelayMs(error(), failures, POLICY, 0)).toBe(0);
    expect(retryDelayMs(error(), failures, POLICY, 0.5)).toBe(longest / 2);
    expect(retryDelayMs(error(), failures, POLICY, 1)).toBe(longest);
  });

  test.each([
    ["the retries are used up", error(), 9, undefined],
    ["it cannot help", error({ retryable: false }), 1, undefined],
    ["the provider asks for a minute", error({ retryAfterMs: 60_000 }), 1, 60_000],
    ["the provider asks for more", error({ retryAfterMs: 60_001 }), 1, undefined],
    ["the provider asks for nothing", error({ retryAfterMs: 0 }), 1, 0],
  ])("%s", (_name, failed, failures, expected) => {
    expect(retryDelayMs(failed, failures, POLICY, 1)).toBe(expected);
  });

  test("settings of a call win over those of the client, one by one", () => {
    expect(retryPolicyOf({ max: 5, budget: false }, { maxRetryAfterMs: 1 })).toEqual({
      max: 5,
      maxRetryAfterMs: 1,
      budget: false,
    });
    expect(retryPolicyOf({ budget: 0.5 }, 0)).toEqual({ max: 0, maxRetryAfterMs: 60_000, budget: 0.5 });
  });
});

describe("a retry budget", () => {
  function budgetAt(calls: number, share = 0.1) {
    let now = 0;
    const budget = new RetryBudget(() => now);
    for (let call = 0; call < calls; call++) budget.enter(share);
    const pass = (ms: number): void => {
      now += ms;
    };
    const spend = (): number => {
      for (let taken = 0; ; taken++) if (taken === 1_000 || !budget.take()) return taken;
    };
    return { budget, spend, pass };
  }

  test("holds ten retries, and a part of one for each call after they are spent", () => {
    const { budget, spend } = budgetAt(100);
    expect(spend()).toBe(10);
    for (let call = 0; call < 50; call++) budget.enter(0.1);
    expect(spend()).toBe(5);
  });

  test("is complete again after half a minute", () => {
    const { spend, pass } = budgetAt(2);
    expect(spend()).toBe(10);
    pass(15_000);
    expect(spend()).toBe(5);
    pass(1e9);
    expect(spend()).toBe(10);
  });

  test("asks nothing of a call that is alone", () => {
    const { budget, spend } = budgetAt(2);
    spend();
    budget.leave();
    expect(spend()).toBe(1_000);
  });
});

test.each([
  [{ max: -1 }, "max"],
  [{ max: 1.5 }, "max"],
  [{ budget: 2 }, "budget"],
  [{ budget: true }, "budget"],
  [{ maxRetryAfterMs: -1 }, "maxRetryAfterMs"],
  [{ often: 1 }, "often"],
  ["2", "retries"],
])("retries: %j is refused by name", async (retries, name) => {
  expect(() => CHAT.client(1, { retries: retries as never })).toThrow(name);
  const error = await failure(CHAT.client(1).sendMessage(QUESTION, { retries: retries as never }));
  expect(error).toMatchObject({ kind: "invalidRequest", message: expect.stringContaining(name) });
});

/** `Sun Nov  6 08:49:37 1994`, which means universal time. @see https://www.rfc-editor.org/rfc/rfc9110#http.date */
function asctime(date: Date): string {
  const [day = "", number = "", month = "", year = "", time = ""] = date.toUTCString().replace(",", "").split(" ");
  return `${day} ${month} ${number.replace(/^0/, " ")} ${time} ${year}`;
}
