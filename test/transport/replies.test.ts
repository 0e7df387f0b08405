/** One client and its server: what connections, statuses and a `fetch` of the caller's own mean. Faults have a table of their own. */

import { inspect } from "node:util";
import { type ClientOptions, CompatibleClient, SendError } from "cloudllm";
import { describe, expect, test } from "vitest";
import { withLongerTimes } from "../support/longer-times.ts";
import {
  DONE_EVENT,
  GOOD_END,
  httpChunk,
  LAST_CHUNK,
  type RawServer,
  response,
  STREAM_HEAD,
  textEvent,
} from "../support/raw-server.ts";
import { type Answer, useServers } from "../support/servers.ts";

const QUESTION = [{ role: "user", content: "hi" }] as const;
const KEY = "sk-test-0123456789";
const OTHER_KEY = "other-key-0123456789";
const GOOD = STREAM_HEAD + httpChunk(textEvent("a") + GOOD_END) + LAST_CHUNK;

const serve = useServers();

describe.each([
  ["the default transport", undefined],
  ["fetch", (input: string, init: RequestInit) => fetch(input, init)],
])("over %s", (_name, fetchLike) => {
  async function serveTo(
    answer: Answer,
    options: Partial<Omit<ClientOptions, "baseUrl">> = {},
  ): Promise<{ server: RawServer; client: CompatibleClient }> {
    const server = await serve(answer);
    const own = fetchLike && { fetch: fetchLike };
    const common = { baseUrl: server.baseUrl, model: "m", apiKey: KEY, retries: 0 };
    return { server, client: new CompatibleClient({ ...common, ...own, ...options }) };
  }

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
  ])("status %i is kind %s, with all that is known of it", async (status, kind, retryable) => {
    const { client, server } = await serveTo(({ socket }) => {
      const headers = { "x-request-id": "req-1", "retry-after": "2" };
      socket.write(response(status, `{"error":{"message":"no: ${KEY}"}}`, headers));
    });
    const error = await refusalOf(client);
    expect(error).toMatchObject({ kind, status, retryable, requestId: "req-1", retryAfterMs: 2_000 });
    expect(error.provider).toBe("compatible");
    expect(error.message).toContain("no: [key]");
    expect(server.requests).toHaveLength(1);
  });

  test("a spent quota is not retried although its status is 429", async () => {
    const body = `{"error":{"message":"pay","code":"insufficient_quota"}}`;
    const { client, server } = await serveTo(({ socket }) => void socket.write(response(429, body)), { retries: 2 });
    expect(await refusalOf(client)).toMatchObject({ kind: "rateLimit", code: "insufficient_quota", retryable: false });
    expect(server.requests).toHaveLength(1);
  });

  test("a key that is echoed in any field of an error is nowhere on it, in a refusal and in the middle of a reply", async () => {
    const echo = { error: { message: KEY, code: KEY, type: `Bearer ${KEY}`, param: KEY }, request_id: KEY };
    const { client } = await serveTo(({ socket }, index) => {
      if (index === 0) return void socket.write(response(401, JSON.stringify(echo), { "x-request-id": KEY }));
      socket.write(STREAM_HEAD + httpChunk(`${textEvent("a")}data: ${JSON.stringify(echo)}\n\n`) + LAST_CHUNK);
    });
    const failures = [await refusalOf(client), await client.sendMessage(QUESTION).catch((error: unknown) => error)];
    expect(failures[1]).toMatchObject({ kind: "server", partial: { content: "a" } });
    for (const failure of failures) {
      expect(inspect(failure, { depth: 9, showHidden: true }) + JSON.stringify(failure)).not.toContain(KEY);
    }
  });

  test("a sentinel without a finish reason is no end", async () => {
    const { client } = await serveTo(
      ({ socket }) => void socket.write(STREAM_HEAD + httpChunk(textEvent("a") + DONE_EVENT) + LAST_CHUNK),
    );
    const stream = await client.sendMessageStream(QUESTION);
    await expect(stream.finalMessage()).rejects.toMatchObject({ kind: "truncated", partial: { content: "a" } });
  });

  test("one connection serves many replies", async () => {
    const { client, server } = await serveTo(({ socket }) => void socket.write(GOOD));
    for (let round = 0; round < 3; round++) {
      expect((await client.sendMessage(QUESTION)).content).toBe("a");
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect(server.connections()).toBe(1);
  });

  test("a reply that is only drained for its bill is not sent again", async () => {
    const { client, server } = await serveTo(
      ({ socket }) => void socket.write(STREAM_HEAD, () => setTimeout(() => socket.resetAndDestroy(), 50)),
      { retries: 2 },
    );
    const stream = await client.sendMessageStream(QUESTION);
    expect((await stream.stop({ drain: true })).finishReason).toBe("stopped");
    expect(server.requests).toHaveLength(1);
  });

  test("the clocks of an attempt do not run between two attempts", () =>
    withLongerTimes(async (times) => {
      const [limit, waitMs] = [900 * times, 1_200 * times];
      const refusal = response(429, "{}", { "retry-after-ms": String(waitMs) });
      const { client, server } = await serveTo(({ socket }, index) => void socket.write(index === 0 ? refusal : GOOD), {
        retries: 2,
        timeouts: { idle: limit, stall: limit, headers: limit },
      });
      const { content, metrics } = await client.sendMessage(QUESTION);
      expect(content).toBe("a");
      expect(metrics.attempts.map(({ outcome, status }) => [outcome, status])).toEqual([
        ["rateLimit", 429],
        ["answered", 200],
      ]);
      expect(server.requests).toHaveLength(2);
    }));
});

describe("a fetch of the caller's own", () => {
  test.each([
    ["resolves with nothing", () => Promise.resolve(undefined as unknown as Response)],
    [
      "resolves with a body that other code reads",
      () => {
        const body = new Response("x");
        body.body?.getReader();
        return Promise.resolve(body);
      },
    ],
    [
      "rejects with an error that is its own cause",
      () => {
        const error = new Error("no");
        error.cause = error;
        return Promise.reject(error);
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

  test("that hangs the request on its errors does not reveal the key", async () => {
    const error = await refusalOf(
      clientOver(() =>
        Promise.reject(Object.assign(new Error(`bad ${KEY}`), { config: { headers: { authorization: KEY } } })),
      ),
    );
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain(KEY);
    expect(String((error.cause as Error).message)).toBe("bad [key]");
  });

  test.each<readonly [string, () => unknown]>([
    ["an error that is its own cause", () => ownCause()],
    ["a bundle that holds itself", () => ownMember()],
    ["an error whose message is none", () => Object.assign(new Error(), { message: Object.create(null), stack: 7 })],
    ["an object without a prototype", () => Object.create(null)],
    ["nothing", () => undefined],
    ["a symbol", () => Symbol("why")],
  ])("that throws %s fails the call, and nothing else", async (_what, thrown) => {
    const error = await refusalOf(clientOver(() => Promise.reject(thrown())));
    expect(error).toMatchObject({ kind: "network", attempts: [expect.anything()] });
    expect(inspect(error, { depth: 40 }).length).toBeLessThan(40_000);
  });
});

test.each<readonly [string, Readonly<Record<string, unknown>>]>([
  ["of a server to be asked", { mcp_servers: [{ url: "https://a.example", authorization_token: OTHER_KEY }] }],
  ["in headers to be passed on", { tools: [{ type: "mcp", headers: { "X-Mine": `Bearer ${OTHER_KEY}` } }] }],
  ["in an address", { tools: [{ type: "mcp", server_url: `https://a.example/mcp?k=${OTHER_KEY}` }] }],
])("a server that sends back what it was sent does not tell the key %s", async (_where, providerOptions) => {
  const echo = async (_url: string, { body }: RequestInit) =>
    new Response(JSON.stringify({ error: { message: `cannot read ${String(body)}`, code: OTHER_KEY } }), {
      status: 400,
    });
  const error = await refusalOf(clientOver(echo, { providerOptions }));
  expect(error).toMatchObject({ kind: "invalidRequest", message: expect.stringContaining("[key]") });
  expect(inspect(error, { depth: 9, showHidden: true })).not.toContain(OTHER_KEY);
});

function ownCause(): Error {
  const error = new Error("round and round");
  error.cause = error;
  return error;
}

function ownMember(): Error {
  const error = new AggregateError([]);
  error.errors.push(error);
  return error;
}

function clientOver(
  own: (input: string, init: RequestInit) => Promise<Response>,
  options: Pick<ClientOptions, "providerOptions"> = {},
): CompatibleClient {
  return new CompatibleClient({
    model: "m",
    baseUrl: "http://127.0.0.1:9/v1",
    apiKey: KEY,
    retries: 0,
    fetch: own,
    ...options,
  });
}

async function refusalOf(client: CompatibleClient): Promise<SendError> {
  const outcome = await client.sendMessageStream(QUESTION).then(
    () => undefined,
    (error: unknown) => error,
  );
  if (outcome instanceof SendError) return outcome;
  throw new Error(`not refused: ${String(outcome)}`);
}
