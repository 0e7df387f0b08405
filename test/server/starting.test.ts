import { describe, expect, test, vi } from "vitest";
import { MemoryStore } from "../../src/index.ts";
import { createRelay, memoryLog, type RelayOptions } from "../../src/server/index.ts";
import { Gate, scriptedClient } from "../../src/testing/index.ts";
import { get, post, read, runId, textOf, watch } from "../support/relay.ts";

const messages = [{ role: "user", content: "Hi" }];
const authorize = "public" as const;

describe("a relay is made", () => {
  const client = scriptedClient([]);

  test.each<[string, object, RegExp]>([
    ["without `authorize`", { client }, /authorize/],
    ["without a client", { authorize }, /client/],
    ["with a log that is none", { client, authorize, log: {} }, /`log`/],
    ["with a misspelt option", { client, authorize, lingr: 5 }, /Did you mean `linger`/],
    ["with a linger below 0", { client, authorize, linger: -1 }, /`linger`/],
    ["with a store that is none", { client, authorize, sessions: { store: {} } }, /`store`/],
  ])("%s: not at all", (_name, options, message) => {
    expect(() => createRelay(options as RelayOptions)).toThrow(TypeError);
    expect(() => createRelay(options as RelayOptions)).toThrow(message);
  });
});

describe("a request that comes twice", () => {
  test("is answered once while the first waits for the provider, and after the end", async () => {
    const opens = new Gate();
    const client = scriptedClient([{ opensAfter: opens, text: ["one ", "two"] }]);
    const relay = createRelay({ client, authorize });
    const body = { run: runId(), messages };
    const answers = [relay.handle(post(body)), relay.handle(post(body))];
    await opens.reached;
    answers.push(relay.handle(post(body)));
    opens.open();
    const texts = await Promise.all(answers.map(async (answer) => textOf(await read(await answer))));
    const later = textOf(await read(await relay.handle(post(body))));
    expect([...texts, later]).toEqual(["one two", "one two", "one two", "one two"]);
    expect(client.calls.length).toBe(1);
  });

  test("is answered once by two processes", async () => {
    const opens = new Gate();
    const client = scriptedClient([{ opensAfter: opens, text: "one" }]);
    const log = memoryLog();
    const relays = [createRelay({ client, authorize, log }), createRelay({ client, authorize, log })];
    const body = { run: runId(), messages };
    const answers = relays.map((relay) => relay.handle(post(body)));
    await opens.reached;
    opens.open();
    const texts = await Promise.all(answers.map(async (answer) => textOf(await read(await answer))));
    expect(texts).toEqual(["one", "one"]);
    expect(client.calls.length).toBe(1);
  });

  test("is not paid for again when the log had no room for the reply", async () => {
    const client = scriptedClient(() => ({ text: "x".repeat(2_000) }));
    const relay = createRelay({ client, authorize, log: memoryLog({ maxBytes: 1_000 }) });
    const body = { run: runId(), messages };
    expect(textOf(await read(await relay.handle(post(body))))).toHaveLength(2_000);
    await vi.waitFor(async () => {
      const again = await relay.handle(post(body));
      await again.text();
      expect(again.status).toBe(404);
    });
    expect(client.calls.length).toBe(1);
  });

  test("is not paid for again when the log had no room for it, and the conversation has it", async () => {
    const client = scriptedClient(() => ({ text: "x".repeat(2_000) }));
    const log = memoryLog({ maxBytes: 1_000 });
    const relay = createRelay({ client, authorize, log, sessions: { store: new MemoryStore() } });
    const body = { run: runId(), chat: "shop", message: "Hi" };
    await read(await relay.handle(post(body)));
    await vi.waitFor(async () => expect(await log.head(body.run)).toBeUndefined());
    for (let times = 0; times < 3; times++) {
      const end = (await read(await relay.handle(post(body)))).at(-1);
      expect(end).toMatchObject({ type: "complete", message: { content: "x".repeat(2_000) } });
    }
    expect(client.calls.length).toBe(1);
  });

  test("with `Last-Event-ID` goes on reading, and never starts anything", async () => {
    const client = scriptedClient(() => ({ text: ["one ", "two"] }));
    const relay = createRelay({ client, authorize });
    const run = runId();
    const header = { "last-event-id": "1-1" };
    expect((await relay.handle(post({ run, messages }, "", header))).status).toBe(404);
    expect(client.calls.length).toBe(0);
    await read(await relay.handle(post({ run, messages })));
    expect(textOf(await read(await relay.handle(post({ run, messages }, "", header))))).toBe("two");
  });

  test("is another user's secret", async () => {
    const client = scriptedClient(() => ({ text: "private" }));
    const relay = createRelay({ client, authorize: (request) => ({ user: request.headers.get("x-user") ?? "" }) });
    const run = runId();
    await read(await relay.handle(post({ run, messages }, "", { "x-user": "ada" })));
    expect((await relay.handle(post({ run, messages }, "", { "x-user": "eve" }))).status).toBe(404);
    expect((await relay.handle(get(`${run}/stream?run=${run}`, { "x-user": "eve" }))).status).toBe(404);
    expect((await relay.handle(get(`${run}/stream`, { "x-user": "eve" }))).status).toBe(204);
    expect((await relay.handle(post({ run }, `${run}/stop`, { "x-user": "eve" }))).status).toBe(404);
  });
});

describe("a provider that refuses", () => {
  test("is a status, and no reply", async () => {
    const client = scriptedClient([{ refusal: { status: 429, message: "secret", headers: { "retry-after": "2" } } }]);
    const onError = vi.fn();
    const relay = createRelay({ client, authorize, onError });
    const response = await relay.handle(post({ run: runId(), messages }));
    expect(response.status).toBe(429);
    expect(response.headers.get("retry-after")).toBe("2");
    const body = await response.text();
    expect(JSON.parse(body)).toMatchObject({ error: { kind: "rateLimit", retryable: true } });
    expect(body).not.toContain("secret");
    expect(onError.mock.calls[0]?.[0].message).toContain("secret");
    expect(onError).toHaveBeenCalledTimes(1);
  });

  test("late is reported inside the reply", async () => {
    const opens = new Gate();
    const client = scriptedClient([{ opensAfter: opens, refusal: { status: 500 } }]);
    const relay = createRelay({ client, authorize, headersWithinMs: 5 });
    const response = await relay.handle(post({ run: runId(), messages }));
    expect(response.status).toBe(200);
    opens.open();
    expect((await read(response)).at(-1)).toMatchObject({ type: "failed", error: { kind: "server" } });
  });

  test("in the middle is an end with all that came", async () => {
    const client = scriptedClient([{ text: ["Half ", "of"], ending: "cut" }]);
    const relay = createRelay({ client, authorize, onError: () => undefined });
    const events = await read(await relay.handle(post({ run: runId(), messages })));
    expect(events.at(-1)).toMatchObject({
      type: "failed",
      error: { kind: "truncated", retryable: true, partial: { content: "Half of", interrupted: true } },
    });
  });
});

describe("a chat with a run under way", () => {
  const scripts = (gate: Gate) => [
    { steps: [{ text: "first " }, { pause: gate }, { text: "end" }] },
    { text: "second" },
  ];

  test.each([1, 2])("refuses another turn, in each of %i processes", async (processes) => {
    const gate = new Gate();
    const client = scriptedClient(scripts(gate));
    const log = memoryLog();
    const relays = [1, processes].map(() => createRelay({ client, authorize, log }));
    const viewer = watch((await relays[0]?.handle(post({ run: runId(), chat: "c", messages }))) as Response);
    const refused = (await relays.at(processes - 1)?.handle(post({ run: runId(), chat: "c", messages }))) as Response;
    expect(refused.status).toBe(409);
    expect(await refused.json()).toMatchObject({ error: { kind: "busy" } });
    gate.open();
    await viewer.over;
    expect(viewer.text).toBe("first end");
    const second = (await relays.at(-1)?.handle(post({ run: runId(), chat: "c", messages }))) as Response;
    expect(textOf(await read(second))).toBe("second");
  });

  test.each([1, 2])("stops it for another turn when it may be replaced, in each of %i processes", async (processes) => {
    const client = scriptedClient(scripts(new Gate()));
    const log = memoryLog();
    const relays = [1, 2].map(() => createRelay({ client, authorize, log, onBusy: "replace" }));
    const viewer = watch((await relays[0]?.handle(post({ run: runId(), chat: "c", messages }))) as Response);
    const second = (await relays[processes - 1]?.handle(post({ run: runId(), chat: "c", messages }))) as Response;
    await viewer.over;
    expect(viewer.events.at(-1)).toMatchObject({ type: "complete", message: { finishReason: "stopped" } });
    await client.calls[0]?.closed;
    expect(textOf(await read(second))).toBe("second");
  });

  test("is found again by the name of the chat", async () => {
    const gate = new Gate();
    const client = scriptedClient(scripts(gate));
    const relay = createRelay({ client, authorize });
    expect((await relay.handle(get("c/stream"))).status).toBe(204);
    const first = watch(await relay.handle(post({ run: runId(), chat: "c", messages })));
    const again = watch(await relay.handle(get("c/stream")));
    gate.open();
    await Promise.all([first.over, again.over]);
    expect(again.text).toBe("first end");
  });

  test("does not delay the chats of others", async () => {
    const client = scriptedClient([{ steps: [{ text: "a" }, { pause: new Gate() }] }, { text: "b" }]);
    const relay = createRelay({ client, authorize: (request) => ({ user: request.headers.get("x-user") ?? "" }) });
    const first = watch(await relay.handle(post({ run: runId(), chat: "c", messages }, "", { "x-user": "ada" })));
    const other = await relay.handle(post({ run: runId(), chat: "c", messages }, "", { "x-user": "eve" }));
    expect(textOf(await read(other))).toBe("b");
    await first.leave();
    await client.calls[0]?.closed;
  });
});

describe("a cursor", () => {
  test.each(["1", "x", "1-2-3", "-1-2", "1-02", "0-1"])("`%s` is refused", async (after) => {
    const relay = createRelay({ client: scriptedClient(() => ({ text: "a" })), authorize });
    const run = runId();
    await read(await relay.handle(post({ run, messages })));
    expect((await relay.handle(get(`${run}/stream?after=${after}`))).status).toBe(400);
  });

  test("of the end has nothing to come back to", async () => {
    const relay = createRelay({ client: scriptedClient(() => ({ text: "a" })), authorize });
    const run = runId();
    await read(await relay.handle(post({ run, messages })));
    expect((await relay.handle(get(`${run}/stream`, { "last-event-id": "end" }))).status).toBe(204);
  });

  test("ahead of the log waits for the log", async () => {
    const gate = new Gate();
    const client = scriptedClient([{ steps: [{ text: ["a ", "b "] }, { pause: gate }, { text: ["c ", "d ", "e"] }] }]);
    const log = memoryLog();
    const relay = createRelay({ client, authorize, log });
    const run = runId();
    const first = watch(await relay.handle(post({ run, messages })));
    await gate.reached;
    const other = createRelay({ client, authorize, log });
    const ahead = watch(await other.handle(get(`${run}/stream?after=1-4`)));
    gate.open();
    await Promise.all([first.over, ahead.over]);
    expect(ahead.text).toBe("e");
  });
});

test("a user has at most so many runs at once, however they are started", async () => {
  const client = scriptedClient(() => ({ steps: [{ text: "a" }, { pause: new Gate() }] }));
  const relay = createRelay({ client, authorize, limits: { runsPerUser: 2 } });
  const answers = await Promise.all(Array.from({ length: 5 }, () => relay.handle(post({ run: runId(), messages }))));
  expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 200, 429, 429, 429]);
  for (const answer of answers) await answer.body?.cancel();
  await Promise.all(client.calls.map(({ closed }) => closed));
});

test("a reply that grows without end is ended", async () => {
  const client = scriptedClient([{ text: Array.from({ length: 900 }, () => "x".repeat(10_000)) }]);
  const relay = createRelay({ client, authorize, onError: () => undefined });
  const events = await read(await relay.handle(post({ run: runId(), messages })));
  expect(events.at(-1)).toMatchObject({ type: "failed", error: { kind: "truncated", retryable: false } });
  expect(textOf(events).length).toBeGreaterThan(8_000_000);
  expect(textOf(events).length).toBeLessThan(8_500_000);
});
