/** Keys that change: a function is asked before each request, and its keys are as secret as a given one. */

import { inspect } from "node:util";
import {
  ClaudeClient,
  type ClientOptions,
  fallback,
  GeminiClient,
  hedge,
  OpenAIClient,
  type ProviderClient,
  SendError,
} from "cloudllm";
import { type ServerReply, startProviderServer } from "cloudllm/testing";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { HEAD } from "../support/broken-replies.ts";
import { httpChunk, response } from "../support/raw-server.ts";
import { useServers } from "../support/servers.ts";
import { RESPONSES } from "../support/wires.ts";

const serve = useServers();
beforeAll(() => void vi.spyOn(Math, "random").mockReturnValue(0.01)); // the shortest waits before a retry
afterAll(() => void vi.restoreAllMocks());

const HI = [{ role: "user", content: "hi" }] as const;
const SECRET = "token-nobody-may-see";

/** Returns a function that returns a new token at each call, and their number so far. */
function tokens() {
  let asked = 0;
  return Object.assign(async () => `${SECRET}-${++asked}`, { count: () => asked });
}

type Make = (options: ClientOptions & { readonly baseUrl: string }) => ProviderClient;

const CLIENTS: readonly (readonly [string, string, string, Make])[] = [
  ["OpenAI", "authorization", "/v1", (options) => new OpenAIClient(options)],
  ["Claude", "x-api-key", "", (options) => new ClaudeClient(options)],
  ["Gemini", "x-goog-api-key", "", (options) => new GeminiClient(options)],
];

const TRANSPORTS: readonly (readonly [string, Pick<ClientOptions, "fetch">])[] = [
  ["node:http", {}],
  ["fetch", { fetch: (input, init) => fetch(input, init) }],
];

describe.each(TRANSPORTS)("over %s", (_name, given) => {
  describe.each(CLIENTS)("%s", (_client, header, path, make) => {
    const bare = (value: unknown) => String(value).replace(/^Bearer /, "");
    const at = (origin: string, options: Pick<ClientOptions, "apiKey" | "retries">) =>
      make({ model: "m", baseUrl: origin + path, retries: 0, ...given, ...options });

    test("each call gets the token of its own time", async () => {
      await using server = await startProviderServer();
      const client = at(server.origin, { apiKey: tokens() });
      for (const _ of [1, 2]) await client.sendMessage(HI);
      expect(server.requests.map(({ headers }) => bare(headers[header]))).toEqual([`${SECRET}-1`, `${SECRET}-2`]);
    });

    test("a retry asks again, and a token that ran out while waiting is not sent", async () => {
      const busy: ServerReply = { refusal: { status: 503, message: "busy" } };
      await using server = await startProviderServer([busy, busy, { text: "Hi" }]);
      const reply = await at(server.origin, { apiKey: tokens(), retries: 2 }).sendMessage(HI);
      expect(server.requests.map(({ headers }) => bare(headers[header]))).toEqual(
        [1, 2, 3].map((n) => `${SECRET}-${n}`),
      );
      expect(reply.metrics.attempts.map(({ outcome }) => outcome)).toEqual(["overloaded", "overloaded", "answered"]);
    });

    test("a token that the provider refuses is replaced once, also without retries", async () => {
      const refused: ServerReply = { refusal: { status: 401, message: "expired" } };
      await using server = await startProviderServer(({ index }) => (index % 2 === 0 ? refused : { text: "Hi" }));
      const reply = await at(server.origin, { apiKey: tokens() }).sendMessage(HI);
      expect(reply.content).toBe("Hi");
      expect(reply.metrics.attempts.map(({ status, amended }) => [status, amended])).toEqual([
        [401, undefined],
        [200, true],
      ]);
    });

    test("a token that is refused twice fails the call, with neither of them in the error", async () => {
      await using server = await startProviderServer(({ index }) => ({
        refusal: { status: 401, message: `No access for ${SECRET}-${index + 1}, nor ${SECRET}-1.` },
      }));
      const failure = await failureOf(at(server.origin, { apiKey: tokens(), retries: 3 }));
      expect(failure.kind).toBe("authentication");
      expect(server.requests).toHaveLength(2);
      expect(inspect(failure, { depth: null, showHidden: true }) + JSON.stringify(failure)).not.toContain(SECRET);
    });

    test("a function that throws fails the call, and its text is printed nowhere", async () => {
      await using server = await startProviderServer();
      const thrown = new Error(`POST /token?client_secret=${SECRET} failed`);
      for (const apiKey of [() => Promise.reject(thrown), throwing(thrown)]) {
        const failure = await failureOf(at(server.origin, { apiKey, retries: 2 }));
        expect(failure).toMatchObject({ kind: "authentication", retryable: false });
        expect(failure.cause).toBe(thrown);
        expect(inspect(failure, { depth: null }) + JSON.stringify(failure)).not.toContain(SECRET);
      }
      expect(server.connections.opened).toBe(0);
    });

    test("a function that says its error passes is asked again", async () => {
      await using server = await startProviderServer();
      let asked = 0;
      const apiKey = () => {
        if (++asked === 1) throw Object.assign(new Error("later"), { retryable: true });
        return SECRET;
      };
      await at(server.origin, { apiKey, retries: 1 }).sendMessage(HI);
      expect([asked, server.requests.length]).toEqual([2, 1]);
    });

    test.each([
      ["a line break", "a\r\nx-evil: 1"],
      ["nothing", ""],
      ["a number", 7],
      ["undefined", undefined],
    ])("a function that returns %s sends nothing", async (_what, value) => {
      await using server = await startProviderServer();
      const apiKey = (() => value) as () => string;
      expect(await failureOf(at(server.origin, { apiKey }))).toMatchObject({ kind: "authentication" });
      expect(server.connections.opened).toBe(0);
    });
  });
});

test("a function that hangs ends with the time limit of the request, and with the caller's signal", async () => {
  await using server = await startProviderServer();
  const client = new OpenAIClient({
    model: "m",
    baseUrl: `${server.origin}/v1`,
    apiKey: () => new Promise<string>(() => {}),
    retries: 0,
  });
  await expect(client.sendMessage(HI, { timeouts: { headers: 30 } })).rejects.toMatchObject({
    kind: "timeout",
    phase: "headers",
  });
  const abort = new AbortController();
  const call = client.sendMessage(HI, { signal: abort.signal });
  abort.abort();
  await expect(call).rejects.toMatchObject({ kind: "aborted" });
  expect(server.connections.opened).toBe(0);
});

test("a token that comes after the caller has stopped is not sent", async () => {
  await using server = await startProviderServer();
  let give = (_key: string) => {};
  const apiKey = () => new Promise<string>((resolve) => (give = resolve));
  const client = new OpenAIClient({ model: "m", baseUrl: `${server.origin}/v1`, apiKey });
  const abort = new AbortController();
  const call = client.sendMessage(HI, { signal: abort.signal });
  await new Promise<void>((resolve) => setImmediate(resolve));
  abort.abort();
  await expect(call).rejects.toMatchObject({ kind: "aborted" });
  give(SECRET);
  await new Promise<void>((resolve) => setImmediate(resolve));
  expect(server.connections.opened).toBe(0);
});

test("a recovered reply asks for the token of its second request", async () => {
  await using server = await startProviderServer([{ text: "Half", ending: "cut" }, { text: "Half and whole" }]);
  const client = new OpenAIClient({
    model: "m",
    api: "chat",
    baseUrl: `${server.origin}/v1`,
    apiKey: tokens(),
    recover: "restart",
    retries: 0,
  });
  await client.sendMessage(HI);
  expect(server.requests.map(({ headers }) => headers.authorization)).toEqual([
    `Bearer ${SECRET}-1`,
    `Bearer ${SECRET}-2`,
  ]);
});

test("a reply that is resumed, and then cancelled, asks for a token each time", async () => {
  const server = await serve(({ head, socket }, index) => {
    if (head.includes("/cancel")) return void socket.write(response(200, "{}"));
    if (index === 0) return void socket.end(HEAD + httpChunk(RESPONSES.begin() + RESPONSES.text("One ", 0)));
    if (index === 1) return void socket.write(response(401, `{"error":{"message":"expired"}}`));
    socket.write(HEAD + httpChunk(RESPONSES.text("two ", 1)));
  });
  const client = new OpenAIClient({
    model: "m",
    baseUrl: `http://127.0.0.1:${server.port}/v1`,
    apiKey: tokens(),
    recover: "resume",
  });
  const stream = await client.sendMessageStream(HI);
  for await (const { content } of stream) if (content === "two ") break;
  await vi.waitFor(() => expect(server.requests).toHaveLength(4));
  const asked = server.requests.map(({ head }) => [/^\w+ \S+/.exec(head)?.[0], /-(\d)\r/.exec(head)?.[1]]);
  expect(asked).toEqual([
    ["POST /v1/responses", "1"],
    ["GET /v1/responses/resp_1?stream=true&starting_after=2", "2"],
    ["GET /v1/responses/resp_1?stream=true&starting_after=2", "3"],
    ["POST /v1/responses/resp_1/cancel", "4"],
  ]);
});

test("each client of a race asks its own function", async () => {
  await using server = await startProviderServer();
  const asked: string[] = [];
  const client = (name: string) =>
    new OpenAIClient({
      model: "m",
      baseUrl: `${server.origin}/v1`,
      apiKey: () => {
        asked.push(name);
        return `key-of-${name}`;
      },
    });
  await hedge(client("one"), client("two"), { afterMs: 1_000 }).sendMessage(HI);
  await fallback([client("three"), client("four")]).sendMessage(HI);
  expect(asked).toEqual(["one", "three"]);
});

test("a token is not sent in the clear to a public address", () => {
  const options = { model: "m", baseUrl: "http://api.example.com/v1" };
  expect(() => new OpenAIClient({ ...options, apiKey: tokens() })).toThrow(/over http/);
  expect(() => new OpenAIClient({ ...options, sign: () => ({}) })).toThrow(/over http/);
});

test("a redirect gets no token", async () => {
  await using thief = await startProviderServer();
  await using server = await startProviderServer(() => ({
    status: 307,
    headers: { location: thief.origin },
    body: "",
  }));
  const client = new OpenAIClient({ model: "m", baseUrl: `${server.origin}/v1`, apiKey: tokens(), retries: 0 });
  await expect(client.sendMessage(HI)).rejects.toMatchObject({ kind: "protocol" });
  expect(thief.connections.opened).toBe(0);
});

describe("a signature", () => {
  test("covers exactly what is sent, after all other headers, and is made again for a retry", async () => {
    await using server = await startProviderServer([{ refusal: { status: 503, message: "busy" } }, { text: "Hi" }]);
    const signed: unknown[] = [];
    const client = new OpenAIClient({
      model: "m",
      baseUrl: `${server.origin}/v1`,
      headers: { "x-team": "blue" },
      retries: 1,
      sign(request) {
        signed.push(request);
        return { Authorization: `Signed ${SECRET}-${signed.length}` };
      },
    });
    await client.sendMessage(HI);
    expect(signed).toHaveLength(2);
    expect(signed[0]).toMatchObject({
      method: "POST",
      url: `${server.origin}/v1/responses`,
      headers: { "content-type": "application/json", "x-team": "blue" },
    });
    const [first, second] = server.requests;
    expect(JSON.parse((signed[0] as { body: string }).body)).toEqual(first?.body);
    expect([first, second].map((request) => request?.headers.authorization)).toEqual([
      `Signed ${SECRET}-1`,
      `Signed ${SECRET}-2`,
    ]);
  });

  test("replaces the key of the environment, which is another server's", async () => {
    await using server = await startProviderServer();
    const client = new OpenAIClient({ model: "m", baseUrl: `${server.origin}/v1`, sign: () => ({ "x-mark": "yes" }) });
    await client.sendMessage(HI);
    expect(server.requests[0]?.headers).toMatchObject({ "x-mark": "yes" });
    expect(server.requests[0]?.headers.authorization).toBeUndefined();
  });

  test.each([
    ["no object", "text"],
    ["a header with a line break", { "x-a": "1\r\nx-b: 2" }],
    ["no name", { "": "1" }],
  ])("that is %s sends nothing", async (_what, value) => {
    await using server = await startProviderServer();
    const sign = (() => value) as unknown as () => Readonly<Record<string, string>>;
    const client = new OpenAIClient({ model: "m", baseUrl: `${server.origin}/v1`, sign });
    expect(await failureOf(client)).toMatchObject({ kind: "authentication" });
    expect(server.connections.opened).toBe(0);
  });

  test("that fails is not printed", async () => {
    await using server = await startProviderServer();
    const client = new OpenAIClient({
      model: "m",
      baseUrl: `${server.origin}/v1`,
      sign: () => Promise.reject(new Error(SECRET)),
    });
    const failure = await failureOf(client);
    expect(failure).toMatchObject({ kind: "authentication", cause: { message: SECRET } });
    expect(inspect(failure, { depth: null })).not.toContain(SECRET);
  });
});

function throwing(error: Error): () => string {
  return () => {
    throw error;
  };
}

async function failureOf(client: ProviderClient): Promise<SendError> {
  const failure: unknown = await client.sendMessage(HI).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(SendError);
  return failure as SendError;
}

describe("a reply that was written with a key goes back", () => {
  const reply = {
    refusal: undefined,
    steps: [{ reasoning: "Hm." }, { text: "Hi" }],
  };

  test.each([
    ["a token that changes with each request", () => tokens()],
    ["a short-term key of Bedrock", () => `bedrock-api-key-${Math.random().toString(36).slice(2)}`],
  ])("with its encrypted thinking, also for %s", async (_name, keyOf) => {
    await using server = await startProviderServer(() => ({ steps: reply.steps }));
    const clientOf = () => new OpenAIClient({ model: "gpt-6-luna", baseUrl: `${server.origin}/v1`, apiKey: keyOf() });
    const first = await clientOf().sendMessage(HI);
    expect(first.replay?.account).toBeUndefined();
    await clientOf().sendMessage([...HI, first, { role: "user", content: "And?" }]);
    expect(JSON.stringify(server.requests[1]?.body)).toContain("encrypted_content");
  });
});
