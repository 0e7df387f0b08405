/** Kept connections that a router or a load balancer has forgotten, or that nobody needs any more; servers that read for minutes. */

import { ClaudeClient, type ClientOptions, CompatibleClient, OpenAIClient } from "cloudllm";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Deadlines } from "../../src/call/deadlines.ts";
import { limitsOf, localLimitsOf } from "../../src/contract/timeouts.ts";
import { nodeHttpTransport } from "../../src/transport/node-http.ts";
import type { Receiver } from "../../src/transport/transport.ts";
import { type RawServer, rawServer } from "../support/raw-server.ts";
import { WIRES } from "../support/wires.ts";

const QUESTION = [{ role: "user", content: "?" }] as const;
const REPLY = `data: {"choices":[{"index":0,"delta":{"content":"hello"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n`;
const answerWith = (headers = "") =>
  `HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n${headers}content-length: ${REPLY.length}\r\n\r\n${REPLY}`;

describe.each<[string, Partial<ClientOptions>]>([
  ["node:http", {}],
  ["fetch", { fetch: globalThis.fetch }],
])("connections that the way has forgotten, over %s", (_name, transport) => {
  let server: RawServer;
  const known = new Set<unknown>();
  let swallowed = 0;
  let forgets = false;

  beforeEach(async () => {
    swallowed = 0;
    forgets = false;
    known.clear();
    server = await rawServer(({ socket }) => {
      // What is sent on a forgotten connection is never answered, and nobody says so.
      if (forgets && known.has(socket)) return void swallowed++;
      known.add(socket);
      setTimeout(() => socket.write(answerWith()), 20); // so that three calls need three connections
    });
  });
  afterEach(() => server[Symbol.asyncDispose]());

  test("cost one wait, not one for each of them", async () => {
    const client = new CompatibleClient({
      model: "m",
      timeouts: { headers: 300 },
      ...transport,
      baseUrl: server.baseUrl,
    });
    await Promise.all([1, 2, 3].map(() => client.sendMessage(QUESTION)));
    expect(server.connections()).toBe(3);
    forgets = true;
    const { content, metrics } = await client.sendMessage(QUESTION);
    expect(content).toBe("hello");
    // `fetch` may open a fresh connection by itself.
    expect(metrics.attempts.map(({ outcome }) => outcome).slice(-2)).toEqual(
      swallowed === 0 ? ["answered"] : ["timeout", "answered"],
    );
    expect(swallowed).toBeLessThanOrEqual(1);
    if (!transport.fetch) expect(swallowed).toBe(1);
  });
});

describe.each(WIRES)("$name, where the server accepts connections and is silent", (wire) => {
  const reply = wire.begin() + wire.text("hello", 0) + wire.end(1);
  const head = `HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: ${Buffer.byteLength(reply)}\r\n\r\n`;

  test.each(["streamed", "non-streamed"])("on kept connections alone, a %s call waits once", async (way) => {
    let isForgotten = false;
    const known = new Set<unknown>();
    await using server = await rawServer(({ socket }) => {
      if (isForgotten && known.has(socket)) return;
      known.add(socket);
      setTimeout(() => socket.write(head + reply), 20);
    });
    const client = wire.client(server.port, { timeouts: { headers: 300 } });
    await Promise.all([1, 2, 3].map(() => client.sendMessage(QUESTION)));
    isForgotten = true;
    const { content, metrics } =
      way === "streamed"
        ? await (await client.sendMessageStream(QUESTION)).finalMessage()
        : await client.sendMessage(QUESTION);
    expect(content).toBe("hello");
    expect(metrics.attempts.map(({ outcome }) => outcome)).toEqual(["timeout", "answered"]);
  });

  test("on all connections, a call ends after its own attempts, not after one for each kept connection", async () => {
    let isSilent = false;
    await using server = await rawServer(({ socket }) => {
      if (!isSilent) setTimeout(() => socket.write(head + reply), 20);
    });
    const client = wire.client(server.port, { retries: 0, timeouts: { headers: 200 } });
    await Promise.all([1, 2, 3, 4].map(() => client.sendMessage(QUESTION)));
    isSilent = true;
    const before = server.requests.length;
    await expect(client.sendMessage(QUESTION)).rejects.toMatchObject({ kind: "timeout", phase: "headers" });
    expect(server.requests.length - before).toBeLessThanOrEqual(2); // a kept connection, and then a fresh one
  });
});

describe("an idle connection of node:http", () => {
  async function idleAfterOneReply(idleMs: number, headers = ""): Promise<RawServer> {
    const server = await rawServer(({ socket }) => void socket.write(answerWith(headers)));
    await new Promise<void>((resolve, reject) => {
      const receiver: Receiver = {
        onHead: () => exchange.pull(),
        onText: () => exchange.pull(),
        onEnd: resolve,
        onError: reject,
      };
      const request = { url: `${server.origin}/v1/chat/completions`, headers: {}, body: "{}" };
      const exchange = nodeHttpTransport(idleMs).open(request, receiver);
    });
    return server;
  }

  test("is closed after the limit", async () => {
    await using server = await idleAfterOneReply(30);
    await server.requests[0]?.closed;
    expect(server.connections()).toBe(1);
  });

  test.each([
    "timeout=1",
    "timeout=2, max=100",
    "max=100, timeout=2",
    "max=100;timeout=2",
    "timeout = 1",
    `timeout="1"`,
  ])("is closed before the server does it: %s", async (hint) => {
    await using server = await idleAfterOneReply(60_000, `keep-alive: ${hint}\r\n`);
    await server.requests[0]?.closed;
    expect(server.connections()).toBe(1);
  });
});

describe("a server on the caller's own computer", () => {
  /** What the limits of a client say when nothing has come for so long. */
  function expiredAfter(ms: number, limits: ReturnType<typeof limitsOf>, events: (deadlines: Deadlines) => void) {
    let now = 0;
    const expired: string[] = [];
    vi.useFakeTimers();
    const deadlines = new Deadlines(
      limits,
      () => now,
      (phase) => expired.push(phase),
    );
    deadlines.sent();
    events(deadlines);
    now = ms;
    vi.advanceTimersByTime(ms + 1_000);
    deadlines.clear();
    vi.useRealTimers();
    return expired[0];
  }
  const nothing = () => undefined;
  const head = (deadlines: Deadlines) => deadlines.answered();
  const chunk = (deadlines: Deadlines) => {
    deadlines.answered();
    deadlines.bytes();
    deadlines.chunks();
    deadlines.waiting();
  };

  test.each<[string, number, (deadlines: Deadlines) => void, string | undefined]>([
    ["before its head", 75_000, nothing, undefined],
    ["before its head, for an hour", 3_600_000, nothing, undefined],
    ["between its head and its first chunk", 1_000_000, head, undefined],
    ["after its first chunk", 61_000, chunk, "idle"],
  ])("may be silent as it reads a long prompt: %s", (_when, ms, events, phase) => {
    expect(expiredAfter(ms, localLimitsOf("streamed"), events)).toBe(phase);
    expect(expiredAfter(ms, limitsOf("streamed"), events)).toBeDefined();
  });

  test("keeps the limits that the caller has set", () => {
    expect(expiredAfter(5_000, localLimitsOf("streamed", { headers: 4_000 }), nothing)).toBe("headers");
    expect(expiredAfter(5_000, localLimitsOf("nonStreamed", { total: 4_000 }), nothing)).toBe("total");
  });

  test.each<[string, (options: Partial<ClientOptions>) => CompatibleClient, boolean]>([
    ["the preset ollama", (more) => new CompatibleClient({ preset: "ollama", model: "m", ...more }), true],
    ["the preset llamacpp elsewhere", (more) => llamaAt("http://192.168.1.5:8080/v1", more), true],
    ["localhost", (more) => at("http://localhost:9000/v1", more), true],
    ["127.0.0.1", (more) => at("http://127.0.0.1:9000/v1", more), true],
    ["::1", (more) => at("http://[::1]:9000/v1", more), true],
    [
      "OpenAI's client at localhost",
      (more) => new OpenAIClient({ ...KEY, baseUrl: "http://localhost:1", ...more }),
      true,
    ],
    ["a public host", (more) => at("https://api.example.com/v1", more), false],
    ["a host that only sounds local", (more) => at("https://localhost.example.com/v1", more), false],
    ["Anthropic", (more) => new ClaudeClient({ ...KEY, ...more }), false],
  ])("%s", async (_name, clientOf, isLocal) => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    vi.advanceTimersByTime(1); // a clock that stands at 0 says that nothing was sent
    let answer: (response: Response) => void = () => undefined;
    let requests = 0;
    const fetch = (): Promise<Response> => {
      requests++;
      return new Promise((resolve) => {
        answer = resolve;
      });
    };
    const call = clientOf({ fetch }).sendMessageStream(QUESTION, { retries: 0 });
    const outcome = call.then(
      () => "answered",
      ({ kind, phase }) => `${kind} ${phase}`,
    );
    await vi.advanceTimersByTimeAsync(75_000);
    answer(new Response(REPLY));
    expect(await outcome).toBe(isLocal ? "answered" : "timeout headers");
    expect(requests).toBe(1);
    vi.useRealTimers();
  });
});

const KEY = { model: "m", apiKey: "k-123456789" } as const;

function at(baseUrl: string, more: Partial<ClientOptions>): CompatibleClient {
  return new CompatibleClient({ model: "m", ...more, baseUrl });
}

function llamaAt(baseUrl: string, more: Partial<ClientOptions>): CompatibleClient {
  return new CompatibleClient({ preset: "llamacpp", model: "m", ...more, baseUrl });
}
