import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { ClientWrapper } from "../../src/index.ts";
import { agUi, aiSdk, createRelay, memoryLog, native } from "../../src/server/index.ts";
import { Gate, scriptedClient } from "../../src/testing/index.ts";
import { get, post, read, runId, textOf, watch } from "../support/relay.ts";

const messages = [{ role: "user", content: "Hi" }];
const authorize = "public" as const;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.unstubAllEnvs();
});

describe("a stop", () => {
  test("closes the provider's connection, and keeps what was paid for", async () => {
    const client = scriptedClient([{ steps: [{ text: "paid " }, { pause: new Gate() }, { text: "never" }] }]);
    const relay = createRelay({ client, authorize });
    const run = runId();
    const viewer = watch(await relay.handle(post({ run, messages })));
    await vi.waitFor(() => expect(viewer.text).toBe("paid "));
    const stopped = await relay.handle(post({}, `${run}/stop`));
    expect(await stopped.json()).toEqual({ run, stopped: true });
    await client.calls[0]?.closed;
    await viewer.over;
    expect(viewer.events.at(-1)).toMatchObject({
      type: "complete",
      message: { content: "paid ", finishReason: "stopped", interrupted: true, estimatedUsage: { outputTokens: 2 } },
    });
  });

  test.each([
    ["createChats", native, { run: runId(), chat: "c", messages }],
    ["the AI SDK", aiSdk, { id: "c", messages: [{ id: "1", role: "user", parts: [{ type: "text", text: "Hi" }] }] }],
    ["AG-UI", agUi, { threadId: "c", runId: "r1", messages: [{ id: "1", role: "user", content: "Hi" }] }],
  ])("of a page of %s that is a POST and nothing else stops the reply", async (_name, dialect, body) => {
    const client = scriptedClient([{ steps: [{ text: "paid " }, { pause: new Gate() }] }]);
    const relay = createRelay({ client, authorize, log: memoryLog(), dialect });
    const reply = await relay.handle(post(body));
    const stopped = await relay.handle(new Request(new URL("c/stop", post({}).url), { method: "POST" }));
    expect(stopped.status).toBe(200);
    await client.calls[0]?.closed;
    await reply.body?.cancel();
  });

  test("without a body is still refused to a page of another site", async () => {
    const relay = createRelay({ client: scriptedClient([]), authorize, log: memoryLog() });
    for (const headers of [{ origin: "https://evil.example" }, { origin: "null" }]) {
      const stop = new Request(new URL("c/stop", post({}).url), { method: "POST", headers });
      expect((await relay.handle(stop)).status).toBe(403);
    }
  });

  test("from another process is heard while the model is silent", async () => {
    const log = memoryLog();
    const client = scriptedClient([{ steps: [{ text: "paid " }, { pause: new Gate() }, { text: "never" }] }]);
    const relay = createRelay({ client, authorize, log });
    const other = createRelay({ client, authorize, log });
    const run = runId();
    const viewer = watch(await relay.handle(post({ run, chat: "c", messages })));
    await vi.waitFor(() => expect(viewer.text).toBe("paid "));
    const answer = other.handle(post({ run }, "c/stop"));
    await vi.advanceTimersByTimeAsync(1_200);
    expect(await (await answer).json()).toEqual({ run, stopped: true });
    await client.calls[0]?.closed;
    await viewer.over;
    expect(viewer.events.at(-1)).toMatchObject({ type: "complete", message: { finishReason: "stopped" } });
  });

  test("from another process is heard within a second, also right behind an append", async () => {
    const log = memoryLog();
    const steps = [{ text: "paid " }, { pause: 150 }, { text: "too " }, { pause: new Gate() }];
    const client = scriptedClient([{ steps }]);
    const relay = createRelay({ client, authorize, log });
    const other = createRelay({ client, authorize, log });
    const run = runId();
    const viewer = watch(await relay.handle(post({ run, messages })));
    await vi.advanceTimersByTimeAsync(160);
    expect(viewer.text).toBe("paid too ");
    const onClosed = vi.fn();
    void client.calls[0]?.closed.then(onClosed);
    const answer = other.handle(post({ run }, `${run}/stop`));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(onClosed).toHaveBeenCalled();
    expect(await (await answer).json()).toEqual({ run, stopped: true });
    await viewer.over;
  });

  test("a second time, and after the end, changes nothing", async () => {
    const client = scriptedClient([{ text: "whole" }]);
    const relay = createRelay({ client, authorize });
    const run = runId();
    await read(await relay.handle(post({ run, messages })));
    for (let count = 0; count < 2; count++) {
      expect((await relay.handle(post({ run }, `${run}/stop`))).status).toBe(200);
    }
    const again = await read(await relay.handle(get(`${run}/stream`)));
    expect(again.at(-1)).toMatchObject({ type: "complete", message: { content: "whole", finishReason: "stop" } });
  });

  test("that comes late does not stop the next turn", async () => {
    const gate = new Gate();
    const client = scriptedClient([
      { text: "first" },
      { steps: [{ text: "next " }, { pause: gate }, { text: "turn" }] },
    ]);
    const relay = createRelay({ client, authorize, log: memoryLog() });
    const [first, next] = [runId(), runId()];
    await read(await relay.handle(post({ run: first, chat: "c", messages })));
    const viewer = watch(await relay.handle(post({ run: next, chat: "c", messages })));
    await gate.reached;
    await relay.handle(post({ run: first }, "c/stop"));
    await vi.advanceTimersByTimeAsync(3_000);
    gate.open();
    await viewer.over;
    expect(viewer.events.at(-1)).toMatchObject({ message: { content: "next turn", finishReason: "stop" } });
  });

  test("that overtakes its start keeps the run from beginning, and none of another user", async () => {
    const client = scriptedClient([{ text: "hers" }]);
    const user = (request: Request) => ({ user: request.headers.get("x-user") ?? "" });
    const gate = new Gate();
    const isSlow = (request: Request) => request.headers.get("x-slow") !== null;
    const authorize = async (request: Request) => {
      if (isSlow(request)) await gate.pass();
      return user(request);
    };
    const relay = createRelay({ client, authorize, log: memoryLog() });
    const [his, hers] = [runId(), runId()];
    const start = relay.handle(post({ run: his, messages }, "", { "x-user": "bob", "x-slow": "1" }));
    await gate.reached;
    for (const run of [his, hers]) {
      const stop = await relay.handle(post({ run }, `${run}/stop`, { "x-user": "bob" }));
      expect(stop.status).toBe(404);
    }
    gate.open();
    expect((await start).status).toBe(409);
    const other = await relay.handle(post({ run: hers, messages }, "", { "x-user": "ann" }));
    expect(textOf(await read(other))).toBe("hers");
    expect(client.calls.length).toBe(1);
  });

  test("before the provider has answered ends the run as stopped", async () => {
    const opens = new Gate();
    const client = scriptedClient([{ opensAfter: opens, text: "never" }]);
    const relay = createRelay({ client, authorize });
    const run = runId();
    const answer = relay.handle(post({ run, messages }));
    await opens.reached;
    await relay.handle(post({}, `${run}/stop`));
    const events = await read(await answer);
    expect(events.at(-1)).toMatchObject({ type: "complete", message: { content: "", finishReason: "stopped" } });
    await client.calls[0]?.closed;
  });
});

describe("a run that nobody watches", () => {
  const script = () => ({ steps: [{ text: "a " }, { pause: new Gate() }, { text: "never" }] });

  test("without a log ends with its last viewer", async () => {
    const client = scriptedClient(script);
    const relay = createRelay({ client, authorize });
    const run = runId();
    const first = watch(await relay.handle(post({ run, messages })));
    const second = watch(await relay.handle(get(`${run}/stream`)));
    await vi.waitFor(() => expect(second.text).toBe("a "));
    await first.leave();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(second.events.at(-1)?.type).toBe("chunks");
    await second.leave();
    await client.calls[0]?.closed;
  });

  test("with a log goes on for `linger`, and then ends with its text", async () => {
    const client = scriptedClient(script);
    const log = memoryLog();
    const relay = createRelay({ client, authorize, log, linger: 20_000 });
    const run = runId();
    const viewer = watch(await relay.handle(post({ run, messages })));
    await vi.waitFor(() => expect(viewer.text).toBe("a "));
    await viewer.leave();
    await vi.advanceTimersByTimeAsync(19_000);
    expect((await log.read(run))?.end).toBeUndefined();
    await vi.advanceTimersByTimeAsync(2_000);
    await client.calls[0]?.closed;
    expect((await log.read(run))?.end).toMatchObject({ message: { content: "a ", finishReason: "stopped" } });
  });

  test("goes on while somebody comes back in time, or watches from another process", async () => {
    const client = scriptedClient(script);
    const log = memoryLog();
    const relay = createRelay({ client, authorize, log, linger: 5_000 });
    const other = createRelay({ client, authorize, log });
    const run = runId();
    const viewer = watch(await relay.handle(post({ run, messages })));
    await vi.waitFor(() => expect(viewer.text).toBe("a "));
    await viewer.leave();
    await vi.advanceTimersByTimeAsync(3_000);
    const back = watch(await relay.handle(get(`${run}/stream`)));
    await vi.advanceTimersByTimeAsync(8_000);
    const elsewhere = watch(await other.handle(get(`${run}/stream`)));
    await back.leave();
    await vi.advanceTimersByTimeAsync(18_000);
    expect((await log.read(run))?.end).toBeUndefined();
    await elsewhere.leave();
    await vi.advanceTimersByTimeAsync(18_000);
    expect((await log.read(run))?.end).toMatchObject({ type: "complete" });
    await client.calls[0]?.closed;
  });

  test.each([
    ["Cloudflare Workers", () => vi.stubGlobal("navigator", { userAgent: "Cloudflare-Workers" })],
    ["Vercel", () => vi.stubEnv("VERCEL", "1")],
    ["AWS Lambda", () => vi.stubEnv("AWS_LAMBDA_FUNCTION_NAME", "chat")],
  ])(
    "on %s is not frozen in the middle: without `waitUntil` it is stopped, and the program is told",
    async (name, stub) => {
      stub();
      const onError = vi.fn();
      const log = memoryLog();
      const client = scriptedClient([{ steps: [{ text: "paid " }, { pause: new Gate() }] }]);
      const relay = createRelay({ client, authorize, log, onError });
      expect(onError.mock.calls).toEqual([[expect.objectContaining({ kind: "unsupported" }), undefined]]);
      expect(onError.mock.lastCall?.[0].message).toContain(`${name} freezes a function after its response`);
      const run = runId();
      const viewer = watch(await relay.handle(post({ run, messages })));
      await vi.waitFor(() => expect(viewer.text).toBe("paid "));
      await viewer.leave();
      await client.calls[0]?.closed;
      await vi.waitFor(async () => expect((await log.read(run))?.end).toMatchObject({ message: { content: "paid " } }));

      const rules = { client, authorize, log } as const;
      for (const linger of ["continue", 60_000] as const)
        expect(() => createRelay({ ...rules, linger })).toThrow(/Pass `waitUntil`, or `linger: "stop"`/);
      const silent = vi.fn();
      createRelay({ ...rules, linger: "stop", onError: silent });
      createRelay({ ...rules, linger: "continue", waitUntil: () => undefined, onError: silent });
      createRelay({ client, authorize, onError: silent }); // without a log it stops anyway
      expect(silent).not.toHaveBeenCalled();
    },
  );

  test('with `linger: "continue"` goes on to its end', async () => {
    const gate = new Gate();
    const client = scriptedClient([{ steps: [{ text: "a " }, { pause: gate }, { text: "b" }] }]);
    const log = memoryLog({ keepMs: 10_000_000 });
    const patient: ClientWrapper = {
      ...client,
      sendMessageStream: (turns, options) =>
        client.sendMessageStream(turns, { ...options, timeouts: { idle: 0, stall: 0 } }),
    };
    const relay = createRelay({ client: patient, authorize, log, linger: "continue" });
    const run = runId();
    const viewer = watch(await relay.handle(post({ run, messages })));
    await vi.waitFor(() => expect(viewer.text).toBe("a "));
    await viewer.leave();
    await vi.advanceTimersByTimeAsync(500_000);
    gate.open();
    await vi.waitFor(async () => expect((await log.read(run))?.end).toMatchObject({ message: { content: "a b" } }));
  });

  test("takes at most `limits.totalMs`", async () => {
    const client = scriptedClient(script);
    const errors: unknown[] = [];
    const onError = (error: unknown) => errors.push(error);
    const relay = createRelay({ client, authorize, limits: { totalMs: 30_000 }, onError });
    const viewer = watch(await relay.handle(post({ run: runId(), messages })));
    await vi.advanceTimersByTimeAsync(31_000);
    await viewer.over;
    expect(viewer.events.at(-1)).toMatchObject({
      type: "failed",
      error: { kind: "timeout", partial: { content: "a ", finishReason: "interrupted" } },
    });
    expect(errors).toMatchObject([{ partial: { metrics: { attempts: [{ outcome: "timeout" }] } } }]);
    await client.calls[0]?.closed;
  });
});

test("a platform is asked to wait until the log has the end", async () => {
  const work: Promise<unknown>[] = [];
  const log = memoryLog();
  const client = scriptedClient([{ text: "done" }]);
  const relay = createRelay({ client, authorize, log, waitUntil: (promise) => work.push(promise) });
  const run = runId();
  const response = await relay.handle(post({ run, messages }));
  await response.body?.cancel();
  await Promise.all(work);
  expect(work.length).toBe(1);
  expect((await log.read(run))?.end).toMatchObject({ type: "complete", message: { content: "done" } });
});
