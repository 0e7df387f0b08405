/** The relay's handler under the servers that people run: `node:http`, `node:http2`, Express with and without middleware. */

import { type IncomingMessage, request as nodeRequest } from "node:http";
import { connect, createServer as createServer2 } from "node:http2";
import { type AddressInfo, connect as connectSocket } from "node:net";
import { afterEach, describe, expect, test, vi } from "vitest";
import { toNode } from "../../src/server/http/node-adapter.ts";
import { useListeners } from "../support/listeners.ts";
import { compression, expressOf, frameworksMissing, hono } from "../support/web-frameworks.ts";

const WORDS = ["one", "two", "three", "four"];
const STREAM_HEADERS = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-cache, no-transform",
  "x-accel-buffering": "no",
};

const servers: { close(): unknown }[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

const listen = useListeners();

/** A body that gives each word only when it is let go, and notes that it was cancelled. */
function gatedWords() {
  const encoder = new TextEncoder();
  let release: () => void = () => undefined;
  let cancelled = false;
  const waiting = [...WORDS];
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const word = waiting.shift();
      if (word === undefined) return controller.close();
      if (word !== WORDS[0]) {
        await new Promise<void>((resolve) => {
          release = resolve;
        });
      }
      if (!cancelled) controller.enqueue(encoder.encode(`data: ${word}\n\n`));
    },
    cancel() {
      cancelled = true;
    },
  });
  return { body, next: () => release(), isCancelled: () => cancelled };
}

/** Reads a stream of events and lets the next word go only when the one before has arrived: else it waits for ever. */
async function singly(url: string, words: ReturnType<typeof gatedWords>, init: RequestInit = {}): Promise<Response> {
  const response = await fetch(url, { headers: { "accept-encoding": "gzip, br" }, ...init });
  const seen: string[] = [];
  let text = "";
  for await (const bytes of response.body ?? []) {
    text += new TextDecoder().decode(bytes);
    seen.push(...[...text.matchAll(/data: (\w+)\n\n/g)].map(([, word = ""]) => word).slice(seen.length));
    words.next();
  }
  expect(seen).toEqual(WORDS);
  return response;
}

describe("node:http", () => {
  test("words arrive singly, with the headers that proxies need and none of a connection", async () => {
    const words = gatedWords();
    const origin = await listen(toNode(async () => new Response(words.body, { headers: STREAM_HEADERS })));
    const { headers } = await singly(origin, words);
    expect(Object.fromEntries(headers)).toMatchObject(STREAM_HEADERS);
    expect(headers.get("content-encoding")).toBeNull();
  });

  test("the head arrives before the first byte of the body", async () => {
    const origin = await listen(toNode(async () => new Response(new ReadableStream({}), { headers: STREAM_HEADERS })));
    const gone = new AbortController();
    const response = await fetch(origin, { signal: gone.signal });
    expect(response.status).toBe(200);
    gone.abort();
  });

  test("method, address, headers and body arrive as they were sent", async () => {
    const origin = await listen(
      toNode(async (request) =>
        Response.json({
          method: request.method,
          url: request.url,
          header: request.headers.get("x-twice"),
          body: await request.text(),
        }),
      ),
    );
    const headers = [
      ["x-twice", "a"],
      ["x-twice", "b"],
    ] as [string, string][];
    const response = await fetch(`${origin}/a//b%2Fc?x=1&x=2`, { method: "POST", body: "ä".repeat(100_000), headers });
    expect(await response.json()).toEqual({
      method: "POST",
      url: `${origin}/a//b%2Fc?x=1&x=2`,
      header: "a, b",
      body: "ä".repeat(100_000),
    });
  });

  test("a viewer that leaves aborts the signal and cancels the body", async () => {
    const words = gatedWords();
    let signal: AbortSignal | undefined;
    const origin = await listen(
      toNode(async (request) => {
        signal = request.signal;
        return new Response(words.body, { headers: STREAM_HEADERS });
      }),
    );
    const gone = new AbortController();
    const { body } = await fetch(origin, { signal: gone.signal });
    await body?.getReader().read();
    expect(signal?.aborted).toBe(false);
    gone.abort();
    await vi.waitFor(() => expect(words.isCancelled()).toBe(true));
    expect(signal?.aborted).toBe(true);
  });

  test("a viewer that leaves before there is a response is noticed", async () => {
    const body = new ReadableStream<Uint8Array>({
      cancel() {
        cancelled = true;
      },
    });
    let cancelled = false;
    let signal: AbortSignal | undefined;
    const origin = await listen(
      toNode(async (request) => {
        signal = request.signal;
        await new Promise((resolve) => request.signal.addEventListener("abort", resolve));
        return new Response(body);
      }),
    );
    const gone = new AbortController();
    const answer = fetch(origin, { signal: gone.signal });
    await vi.waitFor(() => expect(signal).toBeDefined());
    gone.abort();
    await expect(answer).rejects.toThrow();
    await vi.waitFor(() => expect(cancelled).toBe(true));
  });

  test("a reply that is delivered completely aborts nothing", async () => {
    let signal: AbortSignal | undefined;
    let isClosed = false;
    const handler = toNode(async (request) => {
      signal = request.signal;
      return new Response("done");
    });
    const origin = await listen((request, response) => {
      response.on("close", () => {
        isClosed = true;
      });
      handler(request, response);
    });
    expect(await (await fetch(origin, { method: "POST", body: "x" })).text()).toBe("done");
    await vi.waitFor(() => expect(isClosed).toBe(true));
    expect(signal?.aborted).toBe(false);
  });

  test.each<[name: string, isEarly: boolean]>([
    ["while the handler works", true],
    ["while a middleware works", false],
  ])("a body that was cut %s, before it was read, is not waited for", async (_name, isEarly) => {
    let outcome = "waiting";
    let isClosed = false;
    const handler = toNode(async (request) => {
      await vi.waitFor(() => expect(isClosed).toBe(true));
      outcome = await request.text().catch((error: Error) => error.message);
      return new Response();
    });
    const origin = await listen((request, response) => {
      if (isEarly) handler(request, response);
      socket.destroy();
      request.on("error", () => undefined);
      response.on("close", () => {
        isClosed = true;
        if (!isEarly) handler(request, response);
      });
    });
    const socket = connectSocket(Number(new URL(origin).port), "127.0.0.1");
    socket.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{");
    await vi.waitFor(() => expect(outcome).toBe("The request was cut."));
  });

  test("a viewer that reads slowly slows the body instead of filling the memory", async () => {
    let pulled = 0;
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        pulled += 1;
        controller.enqueue(new Uint8Array(65_536));
      },
    });
    const origin = await listen(toNode(async () => new Response(endless)));
    const response = await new Promise<IncomingMessage>((resolve) => nodeRequest(origin, resolve).end());
    response.pause();
    let before = -1;
    await vi.waitFor(
      () => {
        const isStill = pulled === before;
        before = pulled;
        expect(isStill).toBe(true);
      },
      { interval: 100, timeout: 5_000 },
    );
    expect(pulled).toBeLessThan(200); // 13 MB: what the sockets of both sides hold
    response.destroy();
  });

  test("a body that fails on the way cuts the connection: half is never a normal end", async () => {
    const failing = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(new TextEncoder().encode("half"));
      },
      pull(controller) {
        controller.error(new Error("no more"));
      },
    });
    const origin = await listen(toNode(async () => new Response(failing)));
    await expect(fetch(origin).then((response) => response.text())).rejects.toThrow();
  });

  test("a handler that throws is answered with 500 without its message", async () => {
    const origin = await listen(toNode(() => Promise.reject(new Error("secret"))));
    const response = await fetch(origin);
    expect(response.status).toBe(500);
    expect(await response.text()).toBe("");
  });

  test("HEAD and 204 have no body, cookies stay apart", async () => {
    const words = gatedWords();
    const headers = new Headers([
      ["set-cookie", "a=1"],
      ["set-cookie", "b=2"],
    ]);
    const origin = await listen(
      toNode(async ({ method }) =>
        method === "HEAD" ? new Response(words.body, { headers }) : new Response(null, { status: 204 }),
      ),
    );
    const head = await fetch(origin, { method: "HEAD" });
    expect(head.headers.getSetCookie()).toEqual(["a=1", "b=2"]);
    expect(words.isCancelled()).toBe(true);
    expect((await fetch(origin)).status).toBe(204);
  });

  test("a refusal of another Response class, such as undici's, arrives with its status, headers and body", async () => {
    const foreign = {
      status: 401,
      headers: new Map([["www-authenticate", "Bearer"]]),
      body: new Response("Sign in.").body,
    };
    const origin = await listen(toNode(async () => foreign as unknown as Response));
    const response = await fetch(origin);
    expect([response.status, response.headers.get("www-authenticate")]).toEqual([401, "Bearer"]);
    expect(await response.text()).toBe("Sign in.");
  });

  test("a refusal that comes before the body was read arrives", async () => {
    const origin = await listen(
      toNode(async (request) => {
        await request.body?.cancel();
        return new Response("too large", { status: 413 });
      }),
    );
    const response = await fetch(origin, { method: "POST", body: "x".repeat(5_000_000) });
    expect([response.status, await response.text()]).toEqual([413, "too large"]);
  });

  test.each<[name: string, isRead: boolean]>([
    ["at once", false],
    ["while it is read", true],
  ])("a client that sends for ever gets its refusal (%s), and is cut off", async (_name, isRead) => {
    const origin = await listen(
      toNode(async (request) => {
        const reader = request.body?.getReader();
        if (isRead) await reader?.read();
        if (isRead) await reader?.cancel();
        return new Response("no", { status: 413 });
      }),
    );
    const socket = connectSocket(Number(new URL(origin).port), "127.0.0.1");
    let answer = "";
    socket.on("data", (bytes) => {
      answer += String(bytes);
    });
    socket.on("error", () => undefined); // it is cut off while it writes
    socket.write("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    const sending = setInterval(() => socket.write(`4000\r\n${"x".repeat(0x4000)}\r\n`), 5);
    await new Promise((resolve) => socket.once("close", resolve));
    clearInterval(sending);
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
  });

  test("a connection whose body was refused unread serves the next request", async () => {
    const origin = await listen(
      toNode(async ({ method }) => new Response(method, { status: method === "POST" ? 401 : 200 })),
    );
    const head = `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 500000\r\n\r\n${"x".repeat(500_000)}`;
    const text = await rawAnswer(origin, `${head}GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
    expect(text.match(/HTTP\/1\.1 \d+/g)).toEqual(["HTTP/1.1 401", "HTTP/1.1 200"]);
  });
});

test("node:http2: words arrive singly, and leaving is noticed", async () => {
  const words = gatedWords();
  let left = false;
  const server = createServer2(
    toNode(async (request) => {
      request.signal.addEventListener("abort", () => {
        left = true;
      });
      return new Response(request.url.endsWith("/words") ? words.body : new ReadableStream({}), {
        headers: STREAM_HEADERS,
      });
    }),
  );
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  servers.unshift(session);
  const stream = session.request({ ":path": "/words" });
  let text = "";
  for await (const bytes of stream) {
    text += String(bytes);
    words.next();
  }
  expect(text).toBe(WORDS.map((word) => `data: ${word}\n\n`).join(""));
  const second = session.request({ ":path": "/silent" });
  await new Promise((resolve) => second.once("response", resolve));
  expect(left).toBe(false);
  second.close();
  await vi.waitFor(() => expect(left).toBe(true));
});

const skip = frameworksMissing === undefined ? "" : ` [skipped: ${frameworksMissing}]`;

describe.skipIf(frameworksMissing).each([4, 5] as const)(`Express %i${skip}`, (version) => {
  test("with compression, words arrive singly", async () => {
    const words = gatedWords();
    const app = expressOf(version)();
    app.use(compression()).use(toNode(async () => new Response(words.body, { headers: STREAM_HEADERS })));
    await singly(await listen(app), words);
  });

  const echo = toNode(async (request) =>
    Response.json({
      url: new URL(request.url).pathname,
      body: await request.text(),
      length: request.headers.get("content-length"),
    }),
  );
  const sent = { method: "POST", headers: { "content-type": "application/json" }, body: '{"a": "ä"}' };

  test.each<[name: string, middlewares: ("json" | "urlencoded")[]]>([
    ["a body that express.json() has parsed is not lost", ["json"]],
    ["a body that no middleware has read is read", []],
    ["a middleware for other bodies changes nothing", ["urlencoded"]],
  ])("%s", async (_name, middlewares) => {
    const express = expressOf(version);
    const app = express();
    for (const name of middlewares) app.use(name === "json" ? express.json() : express.urlencoded({ extended: false }));
    app.use("/chat", echo);
    const response = await fetch(`${await listen(app)}/chat/c1/stop`, sent);
    const { url, body } = (await response.json()) as { url: string; body: string };
    expect(JSON.parse(body)).toEqual({ a: "ä" });
    expect(url).toBe("/chat/c1/stop");
  });

  test("a request without a body has none behind express.json() either", async () => {
    const express = expressOf(version);
    const app = express().use(express.json()).use("/chat", echo);
    const response = await fetch(`${await listen(app)}/chat/c1/stop`, { method: "POST" });
    expect(await response.json()).toMatchObject({ url: "/chat/c1/stop", body: "" });
  });

  test("routers in routers keep the address", async () => {
    const express = expressOf(version);
    const app = express().use("/api", express.Router().use("/chat", echo));
    const response = await fetch(`${await listen(app)}/api/chat/c1`, sent);
    expect(await response.json()).toMatchObject({ url: "/api/chat/c1" });
  });

  test("a handler that throws reaches the error handler of the application", async () => {
    const app = expressOf(version)();
    app.use(toNode(() => Promise.reject(new Error("broken"))));
    const seen: string[] = [];
    // Express knows an error handler by its four parameters.
    const onError = (error: Error, _request: unknown, response: { end(text: string): void }, _next: unknown) => {
      seen.push(error.message);
      response.end("sorry");
    };
    app.use(onError as never);
    expect(await (await fetch(await listen(app))).text()).toBe("sorry");
    expect(seen).toEqual(["broken"]);
  });

  test("a viewer that leaves is noticed behind express.json()", async () => {
    const words = gatedWords();
    const express = expressOf(version);
    const app = express().use(express.json());
    app.use(toNode(async () => new Response(words.body, { headers: STREAM_HEADERS })));
    const gone = new AbortController();
    const { body } = await fetch(await listen(app), { ...sent, signal: gone.signal });
    await body?.getReader().read();
    expect(words.isCancelled()).toBe(false);
    gone.abort();
    await vi.waitFor(() => expect(words.isCancelled()).toBe(true));
  });
});

describe.skipIf(frameworksMissing)(`Hono on Node${skip}`, () => {
  test("the handler runs as it is: words arrive singly behind its compression, and leaving is noticed", async () => {
    const { Hono, compress, getRequestListener } = await hono();
    const app = new Hono().use(compress());
    let words = gatedWords();
    app.all("/chat/*", async ({ req }) => {
      expect(req.raw.method).toBe("GET");
      return new Response(words.body, { headers: STREAM_HEADERS });
    });
    const origin = await listen(getRequestListener(app.fetch));
    await singly(`${origin}/chat/`, words);
    words = gatedWords();
    const gone = new AbortController();
    const { body } = await fetch(`${origin}/chat/`, { signal: gone.signal });
    await body?.getReader().read();
    gone.abort();
    await vi.waitFor(() => expect(words.isCancelled()).toBe(true));
  });
});

/** Sends bytes as they are and resolves with those that come back within the first answer. */
function rawAnswer(origin: string, bytes: string): Promise<string> {
  const { port } = new URL(origin);
  return new Promise((resolve, reject) => {
    const socket = connectSocket(Number(port), "127.0.0.1", () => socket.end(bytes));
    let text = "";
    socket.setEncoding("utf8").on("data", (more) => {
      text += more;
    });
    socket.once("error", reject);
    socket.once("close", () => resolve(text));
  });
}
