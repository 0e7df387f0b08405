/** What the network, the provider and the caller may do to one reply, on both transports, over real sockets. */

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync } from "node:fs";
import { createServer } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { type AssistantMessage, type ClientOptions, CompatibleClient, type MessageStream, SendError } from "cloudllm";
import { afterEach, describe, expect, test } from "vitest";
import {
  DONE_EVENT,
  FINISH_EVENT,
  GOOD_END,
  httpChunk,
  LAST_CHUNK,
  type RawRequest,
  type RawServer,
  rawServer,
  response,
  STREAM_HEAD,
  textEvent,
} from "../support/raw-server.ts";

const QUESTION = [{ role: "user", content: "hi" }] as const;
const KEY = "sk-test-0123456789";

let servers: RawServer[] = [];
afterEach(async () => {
  for (const server of servers) await server[Symbol.asyncDispose]();
  servers = [];
});

describe.each([
  ["the default transport", undefined],
  ["fetch", (input: string, init: RequestInit) => fetch(input, init)],
])("over %s", (_name, fetchLike) => {
  type Options = Partial<Omit<ClientOptions, "baseUrl">>;

  async function serve(
    answer: (request: RawRequest, index: number) => void,
    options: Options = {},
  ): Promise<{ server: RawServer; client: CompatibleClient }> {
    const server = await rawServer(answer);
    servers.push(server);
    return { server, client: clientOf(server.baseUrl, options) };
  }

  function clientOf(baseUrl: string, options: Options = {}): CompatibleClient {
    return new CompatibleClient({
      baseUrl,
      model: "m",
      apiKey: KEY,
      retries: 0,
      ...(fetchLike && { fetch: fetchLike }),
      ...options,
    });
  }

  /** Serves one streamed body, in the given pieces, and says how the reply ended. */
  async function replyTo(pieces: readonly (string | Uint8Array)[], options: Options = {}): Promise<Outcome> {
    const { client } = await serve(({ socket }) => {
      socket.write(STREAM_HEAD);
      for (const piece of pieces) socket.write(httpChunk(piece));
      socket.end(LAST_CHUNK);
    }, options);
    return outcomeOf(client);
  }

  describe("bytes", () => {
    test.each([
      ["a character is cut between packets", textEvent("naïve 😀 日本")],
      ["lines end with CR LF", textEvent("a").replaceAll("\n", "\r\n")],
      ["comments stand between events and inside one", `: ping\n\n: x\n${textEvent("a")}: y\n`],
      ["there is no space after the colon", textEvent("a").replace("data: ", "data:")],
      ["blank lines repeat and data is empty", `\n\n\ndata:\n\ndata: \n\n${textEvent("a")}\n\n`],
      ["an event has several data lines", `data: {"choices":[{"index":0,\ndata: "delta":{"content":"a"}}]}\n\n`],
      ["a surrogate pair is split over deltas", `${textEvent("\ud83d")}${textEvent("\ude00")}`],
    ])("%s: full text at every cut", async (_name, events) => {
      const bytes = Buffer.from(events + GOOD_END);
      const whole = await replyTo([bytes]);
      expect(whole.error).toBeUndefined();
      expect(whole.text).toBe(whole.message?.content);
      for (const size of [1, 2, 3, 7]) {
        const pieces = [];
        for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size));
        expect(await replyTo(pieces).then(({ text }) => text)).toBe(whole.text);
      }
    });

    test("one event of 9 MB is one delta", async () => {
      const { text, error } = await replyTo([textEvent("x".repeat(9_000_000)), GOOD_END]);
      expect(error).toBeUndefined();
      expect(text.length).toBe(9_000_000);
    });

    test("a line that never ends is an error, in bounded memory", async () => {
      const { client } = await serve(({ socket }) => {
        socket.write(`${STREAM_HEAD}${httpChunk("data: ").toString("latin1")}`);
        push(socket, httpChunk("x".repeat(1 << 20)), 300);
      });
      const before = process.memoryUsage().rss;
      const { error } = await outcomeOf(client);
      expect(error?.kind).toBe("protocol");
      expect(process.memoryUsage().rss - before).toBeLessThan(192e6);
    });

    test("a gzipped body comes through delta by delta", async () => {
      const body = gzipSync(textEvent("zip") + GOOD_END);
      const { client } = await serve(({ socket }) => {
        socket.write(STREAM_HEAD.replace("\r\n\r\n", "\r\ncontent-encoding: gzip\r\n\r\n"));
        for (const byte of body) socket.write(httpChunk(Uint8Array.of(byte)));
        socket.end(LAST_CHUNK);
      });
      expect(await outcomeOf(client)).toMatchObject({ text: "zip", error: undefined });
    });

    test("60 000 small deltas arrive", async () => {
      const { text, error } = await replyTo([textEvent("ab").repeat(60_000), GOOD_END]);
      expect(error).toBeUndefined();
      expect(text.length).toBe(120_000);
    });
  });

  describe("protocol", () => {
    const errorEvent = `data: {"error":{"message":"it broke","type":"server_error"}}\n\n`;

    test.each([
      ["an error as the first event", [errorEvent, DONE_EVENT], { kind: "server", text: "" }],
      ["an error after text", [textEvent("a"), errorEvent], { kind: "server", text: "a" }],
      [
        "an error event without data of its own kind",
        [`event: error\ndata: {"message":"it broke"}\n\n`],
        { kind: "server", text: "" },
      ],
      ["a web page", ["<html><body>it broke</body></html>"], { kind: "protocol", text: "" }],
      ["a JSON error", [`{"error":{"message":"it broke","code":"server_error"}}`], { kind: "server", text: "" }],
      ["an empty body", [], { kind: "truncated", text: "" }],
      ["a body that ends in the middle", [textEvent("a")], { kind: "truncated", text: "a" }],
      ["a body that ends inside an event", [textEvent("a"), `data: {"choi`], { kind: "truncated", text: "a" }],
      [
        "an event that is not JSON",
        [textEvent("a"), "data: {oops}\n\n", textEvent("b"), GOOD_END],
        { kind: "protocol", text: "a" },
      ],
      ["a sentinel without a finish reason", [textEvent("a"), DONE_EVENT], { kind: "truncated", text: "a" }],
      [
        "tool arguments that are cut",
        [
          `data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":"{\\"a\\":"}}]}}]}\n\n`,
          FINISH_EVENT.replace("stop", "tool_calls"),
          DONE_EVENT,
        ],
        { kind: "protocol", text: "" },
      ],
    ])("%s is an error that keeps what came", async (_name, pieces, expected) => {
      const { error, text } = await replyTo(pieces);
      expect(error).toBeInstanceOf(SendError);
      expect(error?.kind).toBe(expected.kind);
      expect(text).toBe(expected.text);
      expect(error?.partial?.content).toBe(expected.text);
      expect(error?.partial?.toolCalls).toEqual([]);
      if (pieces.some((piece) => piece.includes("it broke")) && expected.kind === "server")
        expect(error?.message).toContain("it broke");
    });

    test.each([
      ["no [DONE] after the finish reason", [textEvent("a"), FINISH_EVENT]],
      ["a stream labelled as text", [textEvent("a"), GOOD_END]],
      [
        "a whole completion although a stream was asked for",
        [`{"choices":[{"index":0,"message":{"content":"a"},"finish_reason":"stop"}]}`],
      ],
      ["an empty finish reason on every chunk", [textEvent("a").replace("null", '""'), GOOD_END]],
      ["text and finish reason in one chunk", [textEvent("a").replace("null", '"stop"'), DONE_EVENT]],
      ["unknown events and fields", [`event: x\ndata: {"type":"new","y":1}\n\n`, textEvent("a"), GOOD_END]],
      ["a body that lost its last blank line", [textEvent("a"), FINISH_EVENT.trimEnd()]],
    ])("%s is a whole reply", async (_name, pieces) => {
      const { text, error, message } = await replyTo(pieces);
      expect(error).toBeUndefined();
      expect(text).toBe("a");
      expect(message?.finishReason).toBe("stop");
    });

    test("an unknown finish reason is not a stop", async () => {
      const { message } = await replyTo([textEvent("a"), FINISH_EVENT.replace("stop", "tired"), DONE_EVENT]);
      expect(message).toMatchObject({ finishReason: "unknown", rawFinishReason: "tired" });
    });

    test("without usage from the provider there is only an estimate, in its own field", async () => {
      const { message } = await replyTo([textEvent("four words are here"), FINISH_EVENT, DONE_EVENT]);
      expect(message?.usage).toBeUndefined();
      expect(message?.estimatedUsage?.outputTokens).toBeGreaterThan(0);
    });

    test("the reply is over with its last event although the connection stays open", async () => {
      const { client } = await serve(
        ({ socket }) => void socket.write(STREAM_HEAD + httpChunk(textEvent("a") + GOOD_END)),
      );
      expect(await outcomeOf(client)).toMatchObject({ text: "a", error: undefined });
    });

    test("hostile keys in tool arguments change no prototype", async () => {
      const args = JSON.stringify('{"__proto__":{"evil":1},"constructor":{"prototype":{"evil":1}}}');
      const call = `data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":${args}}}]}}]}\n\n`;
      const { message } = await replyTo([call, FINISH_EVENT, DONE_EVENT]);
      const parsed = message?.toolCalls[0]?.arguments as object;
      expect(Object.getPrototypeOf(parsed)).toBe(Object.prototype);
      expect(({} as { evil?: number }).evil).toBeUndefined();
      expect(Object.keys(parsed)).toEqual(["__proto__", "constructor"]);
    });
  });

  describe("HTTP", () => {
    test.each([
      [400, "invalidRequest", false],
      [401, "authentication", false],
      [403, "permission", false],
      [404, "notFound", false],
      [413, "invalidRequest", false],
      [429, "rateLimit", true],
      [500, "server", true],
      [503, "overloaded", true],
      [529, "overloaded", true],
    ])("status %i is kind %s, with one request when retries are off", async (status, kind, retryable) => {
      const { client, server } = await serve(({ socket }) => {
        socket.write(
          response(status, `{"error":{"message":"no: ${KEY}"}}`, { "x-request-id": "req-1", "retry-after": "2" }),
        );
      });
      const error = await refusalOf(client);
      expect(error).toMatchObject({
        kind,
        status,
        retryable,
        requestId: "req-1",
        retryAfterMs: 2_000,
        provider: "compatible",
      });
      expect(error.message).toContain("no: [key]");
      expect(server.requests).toHaveLength(1);
    });

    test("a spent quota is not retried although its status is 429", async () => {
      const body = `{"error":{"message":"pay","code":"insufficient_quota"}}`;
      const { client, server } = await serve(({ socket }) => void socket.write(response(429, body)), { retries: 2 });
      expect(await refusalOf(client)).toMatchObject({
        kind: "rateLimit",
        code: "insufficient_quota",
        retryable: false,
      });
      expect(server.requests).toHaveLength(1);
    });

    test("a long error body is cut, an endless one does not fill the memory", async () => {
      const { client } = await serve(({ socket }, index) => {
        if (index === 0) return void socket.write(response(500, "e".repeat(100_000)));
        socket.write("HTTP/1.1 500 Oops\r\ntransfer-encoding: chunked\r\n\r\n");
        push(socket, httpChunk("e".repeat(1 << 20)), 300);
      });
      const before = process.memoryUsage().rss;
      for (let round = 0; round < 2; round++) {
        const error = await refusalOf(client);
        expect(error.status).toBe(500);
        expect(error.message.length).toBeLessThan(16_000);
      }
      expect(process.memoryUsage().rss - before).toBeLessThan(192e6);
    });

    test("a page from a proxy is an error with its status", async () => {
      const { client } = await serve(
        ({ socket }) => void socket.write(response(502, "<html><h1>Bad Gateway</h1></html>")),
      );
      expect(await refusalOf(client)).toMatchObject({
        status: 502,
        kind: "server",
        message: expect.stringContaining("Bad Gateway"),
      });
    });

    test("a redirect is not followed and its target never sees the key", async () => {
      const thief = await serve(({ socket }) => void socket.write(response(200, "{}")));
      const location = `${thief.server.baseUrl}/steal`;
      const { client } = await serve(({ socket }) => void socket.write(response(307, "", { location })));
      const error = await refusalOf(client);
      expect(error.message).toContain("redirect");
      expect(thief.server.requests).toHaveLength(0);
    });

    test("headers that drip in are waited for", async () => {
      const { client } = await serve(async ({ socket }) => {
        for (const piece of [
          "HTTP/1.1 200 OK\r\n",
          "content-type: text/event-stream\r\n",
          "connection: close\r\n\r\n",
        ]) {
          socket.write(piece);
          await new Promise((resolve) => setTimeout(resolve, 100));
        }
        socket.end(textEvent("a") + GOOD_END);
      });
      expect(await outcomeOf(client)).toMatchObject({ text: "a", error: undefined });
    });
  });

  describe("retries", () => {
    test("a refusal that may pass is retried, and every attempt is listed", async () => {
      const { client, server } = await serve(
        ({ socket }, index) => {
          if (index === 0) return void socket.write(response(503, "{}", { "retry-after-ms": "1" }));
          socket.write(STREAM_HEAD + httpChunk(textEvent("a") + GOOD_END) + LAST_CHUNK);
        },
        { retries: 2 },
      );
      const { message } = await outcomeOf(client);
      expect(message?.content).toBe("a");
      expect(message?.metrics.attempts.map(({ outcome, status }) => [outcome, status])).toEqual([
        ["overloaded", 503],
        ["answered", 200],
      ]);
      expect(server.requests).toHaveLength(2);
    });

    test("a stream that fails before its first chunk is retried unseen", async () => {
      const { client } = await serve(
        ({ socket }, index) => {
          if (index === 0)
            return void socket.end(
              STREAM_HEAD + httpChunk(`data: {"error":{"message":"x","code":503}}\n\n`) + LAST_CHUNK,
            );
          socket.write(STREAM_HEAD + httpChunk(textEvent("a") + GOOD_END) + LAST_CHUNK);
        },
        { retries: 1 },
      );
      const { message, text } = await outcomeOf(client);
      expect(text).toBe("a");
      expect(message?.metrics.attempts).toHaveLength(2);
    });

    test("after the first chunk nothing is sent again", async () => {
      const { client, server } = await serve(
        ({ socket }) => {
          socket.write(STREAM_HEAD + httpChunk(textEvent("a")));
          setImmediate(() => socket.resetAndDestroy());
        },
        { retries: 2 },
      );
      const { error } = await outcomeOf(client);
      expect(error?.kind).toBe("network");
      expect(error?.partial?.content).toBe("a");
      expect(server.requests).toHaveLength(1);
    });

    test("the clocks of an attempt do not run between two attempts", async () => {
      const { client, server } = await serve(
        ({ socket }, index) => {
          if (index === 0) return void socket.write(response(429, "{}", { "retry-after-ms": "400" }));
          socket.write(STREAM_HEAD + httpChunk(textEvent("a") + GOOD_END) + LAST_CHUNK);
        },
        { retries: 2, timeouts: { idle: 100, stall: 100, headers: 100 } },
      );
      const { text, message } = await outcomeOf(client);
      expect(text).toBe("a");
      expect(message?.metrics.attempts).toHaveLength(2);
      expect(server.requests).toHaveLength(2);
    });

    test("a reply that is only drained for its bill is not sent again", async () => {
      const { client, server } = await serve(
        ({ socket }) => void socket.write(STREAM_HEAD, () => setTimeout(() => socket.resetAndDestroy(), 50)),
        { retries: 2 },
      );
      const stream = await client.sendMessageStream(QUESTION);
      expect((await stream.stop({ drain: true })).finishReason).toBe("stopped");
      expect(server.requests).toHaveLength(1);
    });

    test("a wait longer than a minute is told at once", async () => {
      const { client, server } = await serve(
        ({ socket }) => void socket.write(response(429, "{}", { "retry-after": "3600" })),
        { retries: 2 },
      );
      expect(await refusalOf(client)).toMatchObject({ kind: "rateLimit", retryAfterMs: 3_600_000 });
      expect(server.requests).toHaveLength(1);
    });

    test("what cannot pass is sent once", async () => {
      const { client, server } = await serve(({ socket }) => void socket.write(response(400, "{}")), { retries: 2 });
      await refusalOf(client);
      expect(server.requests).toHaveLength(1);
    });

    test("two retries are three requests", async () => {
      const { client, server } = await serve(
        ({ socket }) => void socket.write(response(500, "{}", { "retry-after-ms": "1" })),
        { retries: 2 },
      );
      expect((await refusalOf(client)).attempts).toHaveLength(3);
      expect(server.requests).toHaveLength(3);
    });
  });

  describe("time", () => {
    test.each([
      ["headers", "a server that never answers", () => undefined, { headers: 60 }],
      [
        "firstChunk",
        "headers and never a body",
        (request: RawRequest): void => void request.socket.write(STREAM_HEAD),
        { firstChunk: 60 },
      ],
      [
        "idle",
        "a silence",
        (request: RawRequest): void => void request.socket.write(STREAM_HEAD + httpChunk(textEvent("a"))),
        { idle: 60 },
      ],
      ["stall", "heartbeats without a chunk", heartbeats, { stall: 60 }],
      ["total", "heartbeats for ever", heartbeats, { total: 60 }],
    ] as const)("`%s` ends %s", async (phase, _name, answer, timeouts) => {
      const { client, server } = await serve(answer, { timeouts });
      const { error } = await outcomeOf(client);
      expect(error).toMatchObject({ kind: "timeout", phase, retryable: true });
      await server.requests[0]?.closed;
    });

    test("an error body that never comes is the error all the same", async () => {
      const { client } = await serve(
        ({ socket }) => void socket.write("HTTP/1.1 500 Oops\r\ncontent-length: 9\r\n\r\n"),
        { timeouts: { idle: 60 } },
      );
      expect(await refusalOf(client)).toMatchObject({ status: 500 });
    });

    test("a slow stream is not a silent one", async () => {
      const { client } = await serve(
        async ({ socket }) => {
          socket.write(STREAM_HEAD);
          for (const piece of ["a", "b", "c"]) {
            await new Promise((resolve) => setTimeout(resolve, 120));
            socket.write(httpChunk(textEvent(piece)));
          }
          socket.end(httpChunk(GOOD_END) + LAST_CHUNK);
        },
        { timeouts: { idle: 300 } },
      );
      expect(await outcomeOf(client)).toMatchObject({ text: "abc", error: undefined });
    });

    test("a caller that takes its time is not a silence", async () => {
      const { client } = await serve(
        ({ socket }) => {
          socket.write(STREAM_HEAD + httpChunk(textEvent("a")));
          setTimeout(() => socket.end(httpChunk(textEvent("b") + GOOD_END) + LAST_CHUNK), 50);
        },
        { timeouts: { idle: 100, stall: 100, firstChunk: 100 } },
      );
      const stream = await client.sendMessageStream(QUESTION);
      await new Promise((resolve) => setTimeout(resolve, 200));
      let text = "";
      for await (const chunk of stream) {
        text += chunk.content;
        if (chunk.content === "a") await new Promise((resolve) => setTimeout(resolve, 200));
      }
      expect(text).toBe("ab");
    });
  });

  describe("the connection", () => {
    test.each([
      ["a reset before any byte", (request: RawRequest): void => void request.socket.resetAndDestroy(), ""],
      [
        "a reset in the middle",
        (request: RawRequest): void =>
          void request.socket.write(STREAM_HEAD + httpChunk(textEvent("a")), () =>
            setTimeout(() => request.socket.resetAndDestroy(), 20),
          ),
        "a",
      ],
      [
        "an end inside a chunk",
        (request: RawRequest): void => void request.socket.end(`${STREAM_HEAD + httpChunk(textEvent("a"))}ff\r\nda`),
        "a",
      ],
    ] as const)("%s is an error that keeps what came", async (_name, answer, text) => {
      const { client } = await serve(answer);
      const outcome = await outcomeOf(client);
      expect(outcome.error?.kind).toBe("network");
      expect(outcome.text).toBe(text);
    });

    test("a body without length or chunking that just ends is cut", async () => {
      const { client } = await serve(({ socket }) => void socket.end(`HTTP/1.1 200 OK\r\n\r\n${textEvent("a")}`));
      expect(await outcomeOf(client)).toMatchObject({ text: "a", error: { kind: "truncated" } });
    });

    test("one connection serves many replies", async () => {
      const { client, server } = await serve(
        ({ socket }) => void socket.write(STREAM_HEAD + httpChunk(textEvent("a") + GOOD_END) + LAST_CHUNK),
      );
      for (let round = 0; round < 3; round++) {
        expect((await outcomeOf(client)).text).toBe("a");
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      expect(new Set(server.requests.map(({ socket }) => socket)).size).toBe(1);
    });

    test("a kept connection that the server closed is opened again", async () => {
      const { client, server } = await serve(({ socket }, index) => {
        // The second request finds a socket that dies as soon as it is used.
        if (index === 1 && socket === server.requests[0]?.socket) return void socket.destroy();
        socket.write(STREAM_HEAD + httpChunk(textEvent("a") + GOOD_END) + LAST_CHUNK);
      });
      expect((await outcomeOf(client)).text).toBe("a");
      await new Promise((resolve) => setTimeout(resolve, 20));
      const second = await outcomeOf(client);
      if (fetchLike) return; // `fetch` does not tell whether a socket was used before
      expect(second.text).toBe("a");
      expect(second.message?.metrics.attempts).toHaveLength(2);
    });

    test.each([
      ["a port where nobody listens", "http://127.0.0.1:9/v1"],
      ["a host that does not resolve", "http://nowhere.invalid/v1"],
    ])("%s is a network error", async (_name, baseUrl) => {
      expect(await refusalOf(clientOf(baseUrl))).toMatchObject({ kind: "network", retryable: true });
    });

    test("an untrusted certificate gets no request", async () => {
      const folder = mkdtempSync(join(tmpdir(), "cloudllm-"));
      const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
      execFileSync(
        "openssl",
        [
          "req",
          "-x509",
          "-newkey",
          "rsa:2048",
          "-nodes",
          "-keyout",
          key,
          "-out",
          cert,
          "-days",
          "2",
          "-subj",
          "/CN=localhost",
        ],
        { stdio: "ignore" },
      );
      let seen = 0;
      const server = createServer({ key: readFileSync(key), cert: readFileSync(cert) }, () => seen++);
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      const address = server.address();
      const port = typeof address === "object" && address ? address.port : 0;
      expect(await refusalOf(clientOf(`https://localhost:${port}/v1`))).toMatchObject({
        kind: "network",
        retryable: false,
      });
      expect(seen).toBe(0);
      server.close();
    });
  });

  describe("the caller", () => {
    test("a signal that fired before the call sends nothing", async () => {
      const { client, server } = await serve(() => undefined);
      const reason = { why: "the user left" };
      const error = await refusalOf(client, { signal: AbortSignal.abort(reason) });
      expect(error.kind).toBe("aborted");
      expect(error.cause).toBe(reason);
      expect(server.requests).toHaveLength(0);
    });

    test("a signal while waiting for the headers closes the socket", async () => {
      const abort = new AbortController();
      const { client, server } = await serve(() => abort.abort());
      expect((await refusalOf(client, { signal: abort.signal })).kind).toBe("aborted");
      await server.requests[0]?.closed;
    });

    test("a signal in the middle keeps what came and closes the socket", async () => {
      const abort = new AbortController();
      const { client, server } = await serve(
        ({ socket }) => void socket.write(STREAM_HEAD + httpChunk(textEvent("a"))),
      );
      const stream = await client.sendMessageStream(QUESTION, { signal: abort.signal });
      const outcome = await readAll(stream, () => abort.abort());
      expect(outcome.error).toMatchObject({ kind: "aborted", partial: { content: "a" } });
      await server.requests[0]?.closed;
    });

    test.each(["break", "throw"] as const)("leaving the loop with %s closes the socket", async (way) => {
      const { client, server } = await serve(
        ({ socket }) => void socket.write(STREAM_HEAD + httpChunk(textEvent("a"))),
      );
      const stream = await client.sendMessageStream(QUESTION);
      try {
        for await (const _chunk of stream) {
          if (way === "break") break;
          throw new Error("mine");
        }
      } catch (error) {
        expect(error).toMatchObject({ message: "mine" });
      }
      await server.requests[0]?.closed;
      expect(await stream.finalMessage()).toMatchObject({ content: "a", finishReason: "stopped", interrupted: true });
    });

    test("text() closes the socket while it waits for a token", async () => {
      const { client, server } = await serve(
        ({ socket }) => void socket.write(STREAM_HEAD + httpChunk(textEvent("a"))),
      );
      const text = (await client.sendMessageStream(QUESTION)).text();
      expect(await text.next()).toEqual({ done: false, value: "a" });
      const waiting = text.next();
      await text.return?.();
      await server.requests[0]?.closed;
      expect((await waiting).done).toBe(true);
    });

    test("a stop that nobody awaits, on a reply that has failed, harms nobody", async () => {
      const { client } = await serve(
        ({ socket }) => void socket.end(STREAM_HEAD + httpChunk(textEvent("a")) + LAST_CHUNK),
      );
      const stream = await client.sendMessageStream(QUESTION);
      expect((await readAll(stream)).error?.kind).toBe("truncated");
      const unhandled: unknown[] = [];
      const listener = (reason: unknown) => unhandled.push(reason);
      process.on("unhandledRejection", listener);
      void stream.stop();
      void stream.finalMessage();
      await new Promise((resolve) => setTimeout(resolve, 20));
      process.off("unhandledRejection", listener);
      expect(unhandled).toEqual([]);
    });

    test("a slow reader slows the sender", async () => {
      const { client, server } = await serve(({ socket }) => {
        socket.write(STREAM_HEAD);
        push(socket, httpChunk(textEvent("x".repeat(1_000)).repeat(256)), 800);
      });
      const stream = await client.sendMessageStream(QUESTION);
      const before = process.memoryUsage().rss;
      const end = performance.now() + 1_500;
      for await (const _chunk of stream) {
        await new Promise((resolve) => setTimeout(resolve, 20));
        if (performance.now() > end) break;
      }
      expect(server.bytesSent()).toBeLessThan(40e6);
      expect(process.memoryUsage().rss - before).toBeLessThan(160e6);
    });
  });

  describe("secrets", () => {
    test("the key is in no error, client, stream or message", async () => {
      const { inspect } = await import("node:util");
      const { client } = await serve(({ socket }, index) => {
        if (index === 0)
          return void socket.write(response(401, `{"error":{"message":"bad key ${KEY}","code":"${KEY}"}}`));
        socket.write(STREAM_HEAD + httpChunk(`data: {"error":{"message":"${KEY}","code":"${KEY}"}}\n\n`) + LAST_CHUNK);
      });
      const stream: { seen?: unknown } = {};
      const errors = [await refusalOf(client), (await outcomeOf(client)).error];
      for (const thing of [...errors, client, stream]) {
        expect(`${inspect(thing, { depth: 9, showHidden: true })}${JSON.stringify(thing)}`).not.toContain(KEY);
      }
    });
  });
});

function heartbeats({ socket }: RawRequest): void {
  socket.write(STREAM_HEAD);
  const timer = setInterval(() => socket.write(httpChunk(": ping\n\n")), 10);
  socket.on("close", () => clearInterval(timer));
}

/** Writes `times` copies, no faster than they are taken. */
function push(socket: RawRequest["socket"], bytes: Uint8Array, times: number): void {
  let left = times;
  const more = () => {
    while (left-- > 0 && !socket.destroyed) if (!socket.write(bytes)) return;
  };
  socket.on("drain", more);
  more();
}

interface Outcome {
  readonly text: string;
  readonly message: AssistantMessage | undefined;
  readonly error: SendError | undefined;
}

async function outcomeOf(client: CompatibleClient): Promise<Outcome> {
  let stream: MessageStream;
  try {
    stream = await client.sendMessageStream(QUESTION);
  } catch (error) {
    if (error instanceof SendError) return { text: "", message: undefined, error };
    throw error;
  }
  return readAll(stream);
}

async function readAll(stream: MessageStream, onChunk: () => void = () => undefined): Promise<Outcome> {
  let text = "";
  try {
    for await (const chunk of stream) {
      text += chunk.content;
      onChunk();
    }
    return { text, message: await stream.finalMessage(), error: undefined };
  } catch (error) {
    if (error instanceof SendError) return { text, message: undefined, error };
    throw error;
  }
}

async function refusalOf(client: CompatibleClient, options: { signal?: AbortSignal } = {}): Promise<SendError> {
  const outcome = await client.sendMessageStream(QUESTION, options).then(
    () => undefined,
    (error: unknown) => error,
  );
  if (outcome instanceof SendError) return outcome;
  throw new Error(`not refused: ${String(outcome)}`);
}

describe("a fetch of the caller's own", () => {
  const clientOver = (own: (input: string, init: RequestInit) => Promise<Response>) =>
    new CompatibleClient({ baseUrl: "http://127.0.0.1:9/v1", model: "m", apiKey: KEY, retries: 0, fetch: own });

  test.each([
    ["resolves with nothing", () => Promise.resolve(undefined as unknown as Response)],
    [
      "resolves with a body that somebody else reads",
      () => {
        const body = new Response("x");
        body.body?.getReader();
        return Promise.resolve(body);
      },
    ],
    [
      "throws at once",
      () => {
        throw new Error("no");
      },
    ],
  ])("that %s is a network error", async (_name, own) => {
    expect((await refusalOf(clientOver(own))).kind).toBe("network");
  });

  test("that ignores its signal has its body cancelled", async () => {
    const cancelled = new Promise<void>((resolve) => {
      const body = new ReadableStream({
        pull: (controller) => controller.enqueue(new TextEncoder().encode(textEvent("a"))),
        cancel: () => resolve(),
      });
      const client = clientOver(async () => new Response(body));
      void client.sendMessageStream(QUESTION).then((stream) => stream.stop());
    });
    await cancelled;
  });

  test("that hangs the request on its errors does not tell the key", async () => {
    const { inspect } = await import("node:util");
    const error = await refusalOf(
      clientOver(() =>
        Promise.reject(Object.assign(new Error(`bad ${KEY}`), { config: { headers: { authorization: KEY } } })),
      ),
    );
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain(KEY);
    expect(String((error.cause as Error).message)).toBe("bad [key]");
  });
});
