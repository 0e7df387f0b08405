/** `toNode` answers a relay's requests without a `Request` and a `Response`. A client must see no difference. */

import { Agent, type IncomingMessage, request as nodeRequest, type ServerResponse } from "node:http";
import { connect as connect2, createServer as createServer2 } from "node:http2";
import { type AddressInfo, connect as connectSocket, type Socket } from "node:net";
import { afterEach, describe, expect, test, vi } from "vitest";
import { createRelay, memoryLog, type RelayOptions, toNode } from "../../src/server/index.ts";
import { Gate, scriptedClient } from "../../src/testing/index.ts";
import { useListeners } from "../support/listeners.ts";
import { OPEN_RELAY } from "../support/relay-site.ts";
import { compression, expressOf, frameworksMissing } from "../support/web-frameworks.ts";

type Handle = (request: Request) => Promise<Response>;

/** The shorter road, and that of web standards: a function around the handler hides whose it is. */
const ROADS = [
  ["direct", (handle: Handle) => toNode(handle)],
  ["web", (handle: Handle) => toNode((request) => handle(request))],
] as const;

const listen = useListeners();

const closings: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closings.splice(0)) await close();
});

function relayOf(options: Partial<RelayOptions> = {}): Handle {
  const client = scriptedClient(() => ({ text: ["One ", "two ", "three."] }));
  const relay = createRelay({ client, ...OPEN_RELAY, onError: () => undefined, ...options });
  closings.push(() => relay.drain(0));
  return relay.handle;
}

const RUN = "run0000000000000000000001";
const START = { run: RUN, messages: [{ role: "user", content: "Count. ä" }] };
const JSON_TYPE = { "content-type": "application/json" };

interface Sent {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

/** Resolves with everything of a response that does not differ from one request to the next. */
async function answerTo(origin: string, { method = "POST", path = "/", headers = JSON_TYPE, body }: Sent) {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    nodeRequest(`${origin}${path}`, { method, headers }, resolve).on("error", reject).end(body);
  });
  let text = "";
  for await (const bytes of response.setEncoding("utf8")) text += bytes;
  const { date: _date, "x-request-id": id, ...kept } = response.headers;
  return {
    status: response.statusCode,
    hasId: id !== undefined,
    headers: kept,
    text: text.replace(/"requestId":"[^"]*"/, "").replace(/"metrics":\{.*?\}/g, ""),
  };
}

const CASES: readonly [name: string, sent: Sent, options?: Partial<RelayOptions>][] = [
  ["a reply", { body: JSON.stringify(START) }],
  [
    "a reply for a listed page",
    { body: JSON.stringify(START), headers: { ...JSON_TYPE, origin: "https://a.example" } },
  ],
  ["a page of another origin", { body: JSON.stringify(START), headers: { ...JSON_TYPE, origin: "https://b.example" } }],
  [
    "text that is not ASCII, and text too long for one frame",
    { body: JSON.stringify(START) },
    { client: scriptedClient(() => ({ text: ["日本 ", "é🎉", "long".repeat(10_000), " end"] })) },
  ],
  ["a preflight", { method: "OPTIONS", headers: { origin: "https://a.example" } }],
  ["a body in many parts", { body: JSON.stringify({ ...START, rest: "ä".repeat(200_000) }) }],
  ["a body that is too large", { body: JSON.stringify({ ...START, rest: "x".repeat(2_000_000) }) }],
  ["a body that says it is too large", { body: "{}", headers: { ...JSON_TYPE, "content-length": "2000000" } }],
  ["no body", {}],
  ["no body, and no content type", { headers: {} }],
  ["a stop that is a POST and nothing else", { path: `/${RUN}/stop`, headers: {} }],
  ["words without a content type", { body: JSON.stringify(START), headers: {} }],
  ["a body that is not JSON", { body: "{" }],
  ["a body that is not UTF-8", { body: new Uint8Array([0x22, 0xff, 0x22]) }],
  ["another content type", { body: JSON.stringify(START), headers: { "content-type": "text/plain" } }],
  ["a compressed body", { body: "{}", headers: { ...JSON_TYPE, "content-encoding": "gzip" } }],
  ["a run that is unknown", { method: "GET", path: `/chat/stream?run=${RUN}` }],
  ["a path that goes up and down", { path: "/a/../b/./%63/", body: JSON.stringify(START) }],
  ["a path with a query", { path: "/chat?cursor=/x#y", body: JSON.stringify(START) }],
  ["a host in capitals", { headers: { ...JSON_TYPE, host: "Example.COM:80" }, body: JSON.stringify(START) }],
  ["a host that no address can have", { headers: { ...JSON_TYPE, host: "1.2.3.999" }, body: JSON.stringify(START) }],
  ["a port that no address can have", { headers: { ...JSON_TYPE, host: "a.b:99999" }, body: JSON.stringify(START) }],
  ["names of headers in capitals", { headers: { "CONTENT-TYPE": "text/html" }, body: JSON.stringify(START) }],
  ["an empty body with a type", { body: "" }],
  ["an unknown path", { path: "/a/b/c/d", body: "{}" }],
  ["a method that the relay has not", { method: "PUT", body: "{}" }],
  ["HEAD", { method: "HEAD" }],
  ["TRACE", { method: "TRACE" }],
  ["a caller who is refused", { body: JSON.stringify(START) }, { authorize: () => undefined }],
  ["a hook's own answer", { body: "{}" }, { authorize: () => new Response("Pay.", { status: 402 }) }],
  ["a hook that throws", { body: "{}" }, { authorize: () => Promise.reject(new Error("secret")) }],
  ["a hook that reads headers", { body: JSON.stringify(START) }, { authorize: (request) => userOf(request) }],
  ["a hook that reads a copy of the body", { body: JSON.stringify(START) }, { authorize: copyReader }],
  ["a hook that begins to read a copy", { body: JSON.stringify(START) }, { authorize: copyBeginner }],
  ["a hook that reads the body", { body: JSON.stringify(START) }, { authorize: bodyReader }],
];

function userOf(request: Request) {
  return request.headers.get("content-type") === "application/json" && request.method === "POST"
    ? { user: "ada" }
    : undefined;
}

async function copyReader(request: Request) {
  const { run } = (await new Request(request.clone()).json()) as { run: string };
  return run === RUN ? { user: "ada" } : undefined;
}

function copyBeginner(request: Request) {
  void request.clone().text();
  return { user: "ada" };
}

async function bodyReader(request: Request) {
  await request.text();
  return { user: "ada" };
}

/** Returns the bodies of the complete responses in the bytes of a connection. */
function bodiesIn(bytes: Buffer): readonly string[] {
  const bodies: string[] = [];
  let at = bytes.indexOf("\r\n\r\n");
  for (let body = ""; at >= 0; ) {
    const start = at + (body === "" ? 4 : 2);
    const lineEnd = bytes.indexOf("\r\n", start);
    const size = Number.parseInt(bytes.toString("latin1", start, lineEnd), 16);
    if (lineEnd < 0 || !Number.isInteger(size) || lineEnd + 4 + size > bytes.length) break;
    body += bytes.toString("utf8", lineEnd + 2, lineEnd + 2 + size);
    at = lineEnd + 2 + size;
    if (size > 0) continue;
    bodies.push(body);
    body = "";
    at = bytes.indexOf("\r\n\r\n", at + 2);
  }
  return bodies;
}

describe("a client sees no difference between the roads", () => {
  test.each(CASES)("%s", async (_name, sent, options) => {
    const answers = [];
    for (const [, road] of ROADS) {
      const handle = relayOf({ origins: ["https://a.example"], credentials: true, ...options });
      answers.push(await answerTo(await listen(road(handle)), sent));
    }
    expect(answers[0]).toEqual(answers[1]);
  });
});

test("the last event leaves with the end of the response, not in a packet before it", async () => {
  const handle = toNode(relayOf());
  const last: string[] = [];
  const origin = await listen((request, response) => {
    const end = response.end.bind(response);
    response.end = ((content?: string) => {
      last.push(String(content));
      return end(content);
    }) as ServerResponse["end"];
    handle(request, response);
  });
  const { text } = await answerTo(origin, { body: JSON.stringify(START) });
  expect(text).toContain('"type":"complete"');
  expect(last).toEqual([expect.stringContaining('"type":"complete"')]);
});

test("a response that the server has ended, as at a timeout, gets no frame behind its end", async () => {
  const listener = toNode(relayOf());
  const origin = await listen((request, response) => {
    const { socket } = request;
    const write = socket.write.bind(socket);
    Object.assign(socket, {
      write(...sent: Parameters<typeof write>): boolean {
        const takesMore = write(...sent);
        if (String(sent[0]).includes("data: ") && !response.writableEnded) response.end();
        return takesMore;
      },
    });
    listener(request, response);
  });
  const socket = connectSocket(Number(new URL(origin).port), "127.0.0.1");
  const head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nConnection: close\r\n";
  const body = JSON.stringify(START);
  socket.write(`${head}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
  let text = "";
  for await (const bytes of socket.setEncoding("utf8")) text += bytes;
  expect(text).toMatch(/data: .*\n0\r\n\r\n/s);
  expect(text).not.toContain("id: end");
});

describe.each(ROADS)("on the %s road", (_road, road) => {
  const posted = { method: "POST", headers: JSON_TYPE, body: JSON.stringify(START) };

  test("frames stay in order while a middleware corks the response, and when it uncorks it", async () => {
    const log = memoryLog();
    const [longIsOut, isUncorked] = [new Gate(), new Gate()];
    const long = "long ".repeat(4_000); // it is sent as bytes, and the short ones as text
    const steps = [{ text: long }, { pause: longIsOut }, { text: "two " }, { pause: isUncorked }, { text: "three." }];
    const listener = road(relayOf({ log, client: scriptedClient(() => ({ steps })) }));
    let corked: ServerResponse | undefined;
    const origin = await listen((request, response) => {
      response.cork();
      corked = response;
      listener(request, response);
    });
    const answer = fetch(origin, posted).then((response) => response.text());
    await vi.waitFor(() => expect(corked?.writableLength).toBeGreaterThan(long.length));
    longIsOut.open();
    await vi.waitFor(async () => expect(JSON.stringify(await log.read(RUN))).toContain("two ")); // viewers have it before
    corked?.uncork();
    isUncorked.open();
    const ids = [...(await answer).matchAll(/^id: (.*)$/gm)].map(([, id]) => id);
    expect([ids[0], ids.at(-1), ids]).toEqual(["1-1", "end", [...ids].sort()]);
  });

  test("a reply that ends while a middleware corks its response is complete", async () => {
    const listener = road(relayOf());
    const origin = await listen((request, response) => {
      response.cork();
      listener(request, response);
    });
    expect(await (await fetch(origin, posted)).text()).toMatch(/"One two three\.".*^id: end$/ms);
  });

  test("a page that leaves ends a run that nobody keeps", async () => {
    const client = scriptedClient([{ steps: [{ text: "One " }, { pause: new Gate() }] }]);
    const origin = await listen(road(relayOf({ client })));
    const gone = new AbortController();
    const { body } = await fetch(origin, { ...posted, signal: gone.signal });
    await body?.getReader().read();
    gone.abort();
    await client.calls[0]?.closed;
  });

  test("a page that leaves before the provider has answered ends the run", async () => {
    const opening = new Gate();
    const client = scriptedClient([{ text: ["One ", "two"], opensAfter: opening }]);
    const onRunEnd = vi.fn();
    const origin = await listen(road(relayOf({ client, onRunEnd })));
    const gone = new AbortController();
    const answer = fetch(origin, { ...posted, signal: gone.signal }).catch(() => "left");
    await vi.waitFor(() => expect(client.calls).toHaveLength(1));
    gone.abort();
    expect(await answer).toBe("left");
    opening.open();
    await vi.waitFor(() => expect(onRunEnd).toHaveBeenCalled());
  });

  test("a hook gets a signal that fires when the page leaves", async () => {
    let signal: AbortSignal | undefined;
    const client = scriptedClient([{ steps: [{ text: "One " }, { pause: new Gate() }] }]);
    const authorize = (request: Request) => {
      signal = request.signal;
      return { user: "ada" };
    };
    const origin = await listen(road(relayOf({ client, authorize })));
    const gone = new AbortController();
    const { body } = await fetch(origin, { ...posted, signal: gone.signal });
    await body?.getReader().read();
    expect(signal?.aborted).toBe(false);
    gone.abort();
    await vi.waitFor(() => expect(signal?.aborted).toBe(true));
  });

  test("a refusal of a hook whose Response is of another class arrives with its status and body", async () => {
    const { body } = new Response("Pay.");
    const foreign = { status: 402, statusText: "", headers: new Headers({ "x-why": "unpaid" }), body };
    const authorize = () => foreign as unknown as Response;
    const response = await fetch(await listen(road(relayOf({ authorize }))), posted);
    expect([response.status, response.headers.get("x-why"), await response.text()]).toEqual([402, "unpaid", "Pay."]);
  });

  test("words leave before the log works on them: SQLite blocks the process", async () => {
    const log = memoryLog();
    const order: string[] = [];
    const begin = log.begin.bind(log);
    log.begin = async (head) => {
      const writer = await begin(head);
      if (!writer) return undefined;
      return {
        attempt: writer.attempt,
        append: (entries) => {
          order.push("log");
          return writer.append(entries);
        },
        end: (end) => writer.end(end),
        release: () => writer.release(),
      };
    };
    const listener = road(relayOf({ log, client: scriptedClient([{ text: "One.", ending: "hang" }]) }));
    const origin = await listen((request, response) => {
      const write = response.write.bind(response);
      response.write = (bytes: Uint8Array) => {
        if (String(Buffer.from(bytes)).includes("One.")) order.push("words");
        return write(bytes);
      };
      listener(request, response);
    });
    const { body } = await fetch(origin, posted);
    await vi.waitFor(() => expect(order).toContain("log"));
    expect(order.slice(0, 2)).toEqual(["words", "log"]);
    await body?.cancel();
  });

  test("replies that share a connection stay apart: asked for at once, and in text that is not ASCII", async () => {
    const opening = new Gate();
    const words = ["日本 ", "é🎉 ", "end."];
    const client = scriptedClient([{ text: words, opensAfter: opening }, { text: words }]);
    const onRunEnd = vi.fn();
    const origin = await listen(road(relayOf({ client, onRunEnd })));
    const body = (run: string) => JSON.stringify({ ...START, run });
    const requests = ["run0000000000000000000001", "run0000000000000000000002"].map(
      (run) =>
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" +
        `Content-Length: ${Buffer.byteLength(body(run))}\r\n\r\n${body(run)}`,
    );
    const socket = connectSocket(Number(new URL(origin).port), "127.0.0.1");
    const received: Buffer[] = [];
    socket.on("data", (bytes) => received.push(bytes));
    socket.write(requests.join(""));
    await vi.waitFor(() => expect(onRunEnd).toHaveBeenCalledOnce()); // the second waits for its turn
    opening.open();
    await vi.waitFor(() => expect(bodiesIn(Buffer.concat(received))).toHaveLength(2));
    for (const text of bodiesIn(Buffer.concat(received))) expect(text).toContain('"content":"日本 é🎉 end."');
    socket.destroy();
  });

  test("HTTP/1.0, which has no chunks, gets the events alone", async () => {
    const origin = await listen(road(relayOf()));
    const socket = connectSocket(Number(new URL(origin).port), "127.0.0.1");
    const head = `POST / HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: ${posted.body.length + 1}\r\n\r\n`;
    socket.write(head + posted.body);
    let text = "";
    for await (const bytes of socket.setEncoding("utf8")) text += bytes;
    const lines = text.slice(text.indexOf("\r\n\r\n") + 4).split("\n");
    expect(lines.filter((line) => line !== "" && !/^(:|id: |data: )/.test(line))).toEqual([]);
    expect(text).toContain('"content":"One two three."');
  });

  test("a page that reads late gets all of each reply, and leaves nothing on its connection", async () => {
    const long = "word ".repeat(2_000);
    const client = scriptedClient(() => ({ text: Array.from({ length: 700 }, () => long) }));
    const listener = road(relayOf({ client, log: memoryLog() }));
    const counts: number[] = [];
    let served: Socket | undefined;
    const origin = await listen((request, response) => {
      served = request.socket;
      counts.push(served.listenerCount("drain"));
      listener(request, response);
    });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    closings.push(() => agent.destroy());
    for (const run of ["run0000000000000000000001", "run0000000000000000000002"]) {
      const response = await new Promise<IncomingMessage>((resolve) => {
        const options = { agent, method: "POST", headers: JSON_TYPE };
        nodeRequest(origin, options, resolve).end(JSON.stringify({ ...START, run }));
      });
      await vi.waitFor(() => expect(served?.writableNeedDrain).toBe(true)); // the system takes nothing more
      let text = "";
      for await (const bytes of response.setEncoding("utf8")) text += bytes;
      expect(text.includes(`"content":"${long.repeat(700)}"`)).toBe(true);
    }
    expect(new Set(counts).size).toBe(1);
  });

  test("HTTP/2 shows a reply", async () => {
    const server = createServer2(road(relayOf()));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const session = connect2(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    closings.push(
      () => session.close(),
      () => server.close(),
    );
    const stream = session.request({ ":method": "POST", ":path": "/", ...JSON_TYPE });
    stream.end(posted.body);
    let text = "";
    for await (const bytes of stream.setEncoding("utf8")) text += bytes;
    expect(text).toContain('"content":"One two three."');
  });

  test.skipIf(frameworksMissing).each([4, 5] as const)(
    "Express %i shows a reply behind its middleware",
    async (version) => {
      const express = expressOf(version);
      const app = express().use(compression()).use(express.json());
      app.use("/chat", road(relayOf()));
      const response = await fetch(`${await listen(app)}/chat`, posted);
      expect(await response.text()).toContain('"content":"One two three."');
    },
  );
});
