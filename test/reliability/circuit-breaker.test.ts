/** A client that keeps failing is left alone for a while, and one caller cannot bring that about. */

import { fallback } from "cloudllm";
import { Gate, type ReplyScript, scriptedClient } from "cloudllm/testing";
import { afterEach, describe, expect, test, vi } from "vitest";
import { httpChunk, LAST_CHUNK, response, STREAM_HEAD } from "../support/raw-server.ts";
import { CHAT } from "../support/wires.ts";
import { failure, good, member, QUESTION, read } from "./fallback-members.ts";

afterEach(() => void vi.useRealTimers());

/** Stops the clock of the circuits that are made after it, and returns what moves it: calls may take any time. */
function stoppedClock(): (ms: number) => void {
  vi.useFakeTimers({ toFake: ["performance"] });
  return (ms) => void vi.advanceTimersByTime(ms);
}

describe("a circuit", () => {
  const CIRCUIT = { failureThreshold: 3, resetAfterMs: 700 };

  test("opens after repeated failures, lets one trial through after a pause, and closes when it succeeds", async () => {
    let isDown = true;
    const elapse = stoppedClock();
    const a = await member((request) => (isDown ? void request.socket.write(response(500, "{}")) : good("A")(request)));
    const b = await member(good("B"));
    const client = fallback([a.client, b.client], { circuit: CIRCUIT });
    for (let call = 0; call < 6; call++) expect((await read(client)).message.content).toBe("B");
    expect(a.server.requests).toHaveLength(3);
    elapse(720);
    await Promise.all(Array.from({ length: 4 }, () => read(client)));
    expect(a.server.requests).toHaveLength(4);
    isDown = false;
    elapse(720);
    expect((await read(client)).message.content).toBe("A");
    expect((await read(client)).message.content).toBe("A");
  });

  test("counts replies that break after their first chunk", async () => {
    const a = await member(
      ({ socket }) =>
        void socket.end(
          STREAM_HEAD.replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n") + httpChunk(CHAT.text("A", 0)) + LAST_CHUNK,
        ),
    );
    const b = await member(good("B"));
    const client = fallback([a.client, b.client], { circuit: CIRCUIT });
    for (let call = 0; call < 3; call++) expect((await failure(read(client))).kind).toBe("truncated");
    expect((await read(client)).message.content).toBe("B");
  });

  test("reports when it will be asked again, without a further client", async () => {
    const a = await member(({ socket }) => void socket.write(response(500, "{}")));
    const client = fallback([a.client], { circuit: { failureThreshold: 1, resetAfterMs: 60_000 } });
    await failure(read(client));
    const error = await failure(read(client));
    expect(error).toMatchObject({ kind: "overloaded", retryable: true });
    expect(error.retryAfterMs).toBeGreaterThan(50_000);
    expect(a.server.requests).toHaveLength(1);
  });

  test("does not count what the caller did", async () => {
    const a = await member((request, index) =>
      index < 5 ? void request.socket.write(STREAM_HEAD + httpChunk(CHAT.text("A", 0))) : good("A")(request),
    );
    const b = await member(good("B"));
    const client = fallback([a.client, b.client], { circuit: CIRCUIT });
    for (let call = 0; call < 5; call++) {
      const abort = new AbortController();
      const stream = await client.sendMessageStream(QUESTION, { signal: abort.signal });
      const reading = failure(stream.finalMessage());
      abort.abort();
      expect((await reading).kind).toBe("aborted");
    }
    expect((await read(client)).message.content).toBe("A");
  });

  test("lets one trial through, however many ask at once, and the next when that one reports nothing", async () => {
    const elapse = stoppedClock();
    const held = new Gate();
    let asked = 0;
    const a = scriptedClient(() => (asked++ === 0 ? { refusal: { status: 500 } } : { steps: [{ pause: held }] }));
    const b = scriptedClient(() => ({ text: "B" }));
    const client = fallback([a, b], { circuit: { failureThreshold: 1, resetAfterMs: 80 } });
    await client.sendMessage(QUESTION);
    elapse(90);
    for (const calls of [2, 3, 4]) {
      const streams = await Promise.all(Array.from({ length: 20 }, () => client.sendMessageStream(QUESTION)));
      expect(a.calls).toHaveLength(calls); // the trial's stream is never read, and never ends
      expect(streams).toHaveLength(20);
      elapse(90);
    }
  });

  test("learns nothing of a trial from a call that was asked before it opened", async () => {
    const elapse = stoppedClock();
    const first = new Gate();
    const a = scriptedClient([
      { text: "late", opensAfter: first },
      { refusal: { status: 500 } },
      { steps: [{ pause: new Gate() }] },
      { text: "A" },
    ]);
    const b = scriptedClient(() => ({ text: "B" }));
    const client = fallback([a, b], { circuit: { failureThreshold: 1, resetAfterMs: 50 } });
    const abort = new AbortController();
    const early = failure(client.sendMessage(QUESTION, { signal: abort.signal }));
    await first.reached;
    expect((await client.sendMessage(QUESTION)).content).toBe("B");
    elapse(55);
    const trial = await client.sendMessageStream(QUESTION);
    abort.abort();
    await early;
    expect((await client.sendMessage(QUESTION)).content).toBe("B");
    await trial.stop();
    expect(a.calls).toHaveLength(3);
  });

  test("does not count a reply that the caller's own limit ended while he read", async () => {
    const a = scriptedClient((call) => ({ text: `A${call.messages.length}`, ending: "hang" }));
    const b = scriptedClient(() => ({ text: "B" }));
    const client = fallback([a, b], { circuit: { failureThreshold: 1, resetAfterMs: 60_000 } });
    for (let call = 0; call < 2; call++)
      expect(await failure(read(client, { timeouts: { total: 30 } }))).toMatchObject({ phase: "total" });
    expect(a.calls).toHaveLength(2);
  });

  test.each(["sendMessage", "sendMessageStream"] as const)(
    "lets another trial through after one that the caller left before its first chunk (%s)",
    async (method) => {
      const held = new Gate();
      const scripts: ReplyScript[] = [{ refusal: { status: 500 } }, { text: "late", opensAfter: held }, { text: "A" }];
      const client = fallback([scriptedClient(scripts), scriptedClient(() => ({ text: "B" }))], {
        circuit: { failureThreshold: 1, resetAfterMs: 1 },
      });
      const pauseIsOver = () => new Promise((resolve) => setTimeout(resolve, 5));
      expect((await client.sendMessage(QUESTION)).content).toBe("B");
      await pauseIsOver();
      const abort = new AbortController();
      const trial = failure(client[method](QUESTION, { signal: abort.signal }));
      await held.reached;
      abort.abort();
      expect((await trial).kind).toBe("aborted");
      expect((await client.sendMessage(QUESTION)).content).toBe("A");
    },
  );
});

describe("one caller's fault does not shut a client for all", () => {
  const REFUSALS: readonly (readonly [kind: string, status: number, body: object])[] = [
    ["contextLength", 400, { error: { code: "context_length_exceeded", message: "too long" } }],
    ["authentication", 401, { error: { message: "no such key" } }],
    ["permission", 403, { error: { message: "not yours" } }],
    ["notFound", 404, { error: { message: "no such model" } }],
    ["invalidRequest", 400, { error: { message: "what is that?" } }],
  ];

  test.each(REFUSALS)("%s", async (kind, status, body) => {
    const a = await member((request, index) =>
      index < 6 ? void request.socket.write(response(status, JSON.stringify(body))) : good("A")(request),
    );
    const client = fallback([a.client]);
    for (let call = 0; call < 6; call++) expect((await failure(read(client))).kind).toBe(kind);
    expect((await read(client)).message.content).toBe("A");
  });

  test.each<[string, object]>([
    ["an option that the client does not have", { search: { sources: ["x"] } }],
    ["a reply that does not fit its schema", { output: { type: "object", required: ["a"] } }],
    ["the caller's own limit on the complete call, before the first chunk", { timeouts: { total: 1 } }],
  ])("%s", async (_name, options) => {
    let isHanging = "timeouts" in options; // a call may end before the server has its request
    const a = await member((request) => {
      if (!isHanging) good("{}")(request);
    });
    const client = fallback([a.client]);
    for (let call = 0; call < 6; call++) await failure(read(client, options));
    isHanging = false;
    expect((await read(client)).message.content).toBe("{}");
  });

  test("a trial that ends with a caller's fault neither closes the circuit nor keeps the next trial waiting", async () => {
    const elapse = stoppedClock();
    const statuses = [500, 400, 500, 400];
    const a = await member((request, index) => {
      const status = statuses[index];
      if (status) request.socket.write(response(status, "{}"));
      else good("A")(request);
    });
    const b = await member(good("B"));
    const client = fallback([a.client, b.client], { circuit: { failureThreshold: 1, resetAfterMs: 60 } });
    expect((await read(client)).message.content).toBe("B");
    elapse(70);
    expect((await failure(read(client))).kind).toBe("invalidRequest");
    expect((await read(client)).message.content).toBe("B"); // another trial at once, which fails
    expect((await read(client)).message.content).toBe("B"); // open again: nobody asks a
    expect(a.server.requests).toHaveLength(3);
    elapse(70);
    await failure(read(client));
    expect((await read(client)).message.content).toBe("A");
  });
});
