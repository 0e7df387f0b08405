/** Two requests for one reply, over real sockets. */

import { type ClientWrapper, hedge, SendError } from "cloudllm";
import { scriptedClient } from "cloudllm/testing";
import { describe, expect, test } from "vitest";
import { httpChunk, LAST_CHUNK, type RawRequest, response, STREAM_HEAD } from "../support/raw-server.ts";
import { type Answer, useServers } from "../support/servers.ts";
import { CHAT } from "../support/wires.ts";

const QUESTION = [{ role: "user", content: "hi" }] as const;

const serve = useServers();

async function member(answer: Answer) {
  const server = await serve(answer);
  return { server, client: CHAT.client(server.port, { retries: 0 }) };
}

function good(text: string) {
  return ({ socket }: RawRequest): void =>
    void socket.write(STREAM_HEAD + httpChunk(CHAT.text(text, 0) + CHAT.end(1)) + LAST_CHUNK);
}

const never = (): void => undefined;
const headersOnly = ({ socket }: RawRequest): void => void socket.write(STREAM_HEAD);

async function read(client: ClientWrapper, options = {}) {
  const stream = await client.sendMessageStream(QUESTION, options);
  let shown = "";
  for await (const chunk of stream) shown += chunk.content;
  return { shown, message: await stream.finalMessage() };
}

describe("the second is asked", () => {
  test("not at all when the first is quick", async () => {
    const [a, b] = [await member(good("A")), await member(good("B"))];
    const { shown, message } = await read(hedge(a.client, b.client, { afterMs: 5_000 }));
    expect(shown).toBe("A");
    expect(message.metrics.attempts).toHaveLength(1);
    expect(b.server.requests).toHaveLength(0);
  });

  test.each([
    ["sends no headers", never, "stopped"],
    ["sends headers and no chunk", headersOnly, "stopped"],
  ])("when the first %s; its socket closes, and both are listed", async (_name, slow, outcome) => {
    const [a, b] = [await member(slow), await member(good("B"))];
    const { shown, message } = await read(hedge(a.client, b.client, { afterMs: 40 }));
    expect(shown).toBe("B");
    await a.server.requests[0]?.closed;
    expect(message.metrics.attempts.map((attempt) => attempt.outcome).sort()).toEqual(["answered", outcome].sort());
  });

  test("when the first fails, without waiting", async () => {
    for (const fail of [
      ({ socket }: RawRequest): void => void socket.write(response(500, "{}")),
      ({ socket }: RawRequest): void => void socket.end(STREAM_HEAD + httpChunk(CHAT.error("no", 0)) + LAST_CHUNK),
    ]) {
      const [a, b] = [await member(fail), await member(good("B"))];
      const { shown, message } = await read(hedge(a.client, b.client, { afterMs: 60_000 }));
      expect(shown).toBe("B");
      expect(message.metrics.attempts).toHaveLength(2);
    }
  });

  test("and the first may still win; the second's socket closes at once", async () => {
    let second: () => void = never;
    const a = await member((request) => {
      second = () => good("A")(request);
    });
    const b = await member(() => second());
    const { shown, message } = await read(hedge(a.client, b.client, { afterMs: 40 }));
    expect(shown).toBe("A");
    await b.server.requests[0]?.closed;
    expect(message.metrics.attempts).toHaveLength(2);
  });
});

test("what the loser was billed stands with its attempt", async () => {
  const usage = `data: {"id":"c0","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":0,"total_tokens":9}}\n\n`;
  const a = await member(({ socket }) => void socket.write(STREAM_HEAD + httpChunk(usage)));
  const b = await member(good("B"));
  const { message } = await read(hedge(a.client, b.client, { afterMs: 60 }));
  expect(message.metrics.attempts.find(({ outcome }) => outcome === "stopped")?.usage?.totalTokens).toBe(9);
  expect(message.usage?.totalTokens).toBe(7);
});

test("a failure that cannot pass is reported at once", async () => {
  const [a, b] = [await member(({ socket }) => void socket.write(response(401, "{}"))), await member(good("B"))];
  await expect(read(hedge(a.client, b.client, { afterMs: 60_000 }))).rejects.toMatchObject({ kind: "authentication" });
  expect(b.server.requests).toHaveLength(0);
});

test("when both fail, the error lists both", async () => {
  const down = ({ socket }: RawRequest): void => void socket.write(response(500, "{}"));
  const [a, b] = [await member(down), await member(down)];
  const error = await read(hedge(a.client, b.client, { afterMs: 10 })).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(SendError);
  expect((error as SendError).attempts).toHaveLength(2);
});

test.each(["abort", "stop", "break"] as const)("%s closes both sockets", async (way) => {
  const [a, b] = [await member(headersOnly), await member(headersOnly)];
  const abort = new AbortController();
  const stream = await hedge(a.client, b.client, { afterMs: 10 }).sendMessageStream(QUESTION, { signal: abort.signal });
  const chunks = stream[Symbol.asyncIterator]();
  const waiting = chunks.next().catch((error: unknown) => error);
  while (b.server.requests.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  if (way === "abort") abort.abort();
  else if (way === "stop") await stream.stop();
  else await chunks.return?.();
  await a.server.requests[0]?.closed;
  await b.server.requests[0]?.closed;
  await waiting;
  expect(stream.metrics.attempts).toHaveLength(2);
});

describe("with a quantile", () => {
  test("nothing is asked twice until twenty calls are known; then only the slow ones", async () => {
    let delay = 5;
    const a = await member((request) => void setTimeout(() => good("A")(request), delay));
    const b = await member(good("B"));
    const client = hedge(a.client, b.client, { quantile: 0.9 });
    for (let call = 0; call < 20; call++) expect((await read(client)).shown).toBe("A");
    expect(b.server.requests).toHaveLength(0);
    delay = 10_000;
    expect((await read(client)).shown).toBe("B");
  });

  test.each([[{ quantile: 0 }], [{ quantile: 1 }], [{ afterMs: -1 }], [{}], [undefined]])(
    "%j is refused",
    (options) => {
      const client = scriptedClient([]);
      expect(() => hedge(client, client, options as never)).toThrow(TypeError);
    },
  );
});
