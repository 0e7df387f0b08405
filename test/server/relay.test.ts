import { describe, expect, test } from "vitest";
import { createRelay, memoryLog } from "../../src/server/index.ts";
import { Gate, scriptedClient } from "../../src/testing/index.ts";
import { get, post, read, runId, textOf } from "../support/relay.ts";

const authorize = "public" as const;

describe("a reply through the relay", () => {
  test("arrives, piece by piece, with its end", async () => {
    const relay = createRelay({ client: scriptedClient([{ text: ["Hel", "lo"] }]), authorize });
    const response = await relay.handle(post({ run: runId(), messages: [{ role: "user", content: "Hi" }] }));
    expect(response.status).toBe(200);
    const events = await read(response);
    expect(events[0]).toMatchObject({ type: "opened", provider: "scripted" });
    expect(textOf(events)).toBe("Hello");
    expect(events.at(-1)).toMatchObject({ type: "complete", message: { content: "Hello", finishReason: "stop" } });
  });

  test("a request that is sent twice is answered once, for both", async () => {
    const gate = new Gate();
    const client = scriptedClient([{ steps: [{ text: "one " }, { pause: gate }, { text: "two" }] }]);
    const relay = createRelay({ client, authorize, log: memoryLog() });
    const body = { run: runId(), messages: [{ role: "user", content: "Hi" }] };
    const both = await Promise.all([relay.handle(post(body)), relay.handle(post(body))]);
    gate.open();
    const [a, b] = await Promise.all(both.map(read));
    const later = await read(await relay.handle(post(body)));
    expect([a, b, later].map((events) => textOf(events ?? []))).toEqual(["one two", "one two", "one two"]);
    expect(client.calls.length).toBe(1);
  });

  test("a viewer that comes back gets no word twice", async () => {
    const words = ["a ", "b ", "c ", "d ", "e"];
    const client = scriptedClient(() => ({ text: words }));
    const relay = createRelay({ client, authorize, log: memoryLog() });
    const run = runId();
    const all = await read(await relay.handle(post({ run, messages: [{ role: "user", content: "Hi" }] })));
    expect(textOf(all)).toBe("a b c d e");
    for (let seen = 0; seen <= words.length; seen++) {
      const after = seen === 0 ? "" : `?after=1-${seen}`;
      const rest = await read(await relay.handle(get(`${run}/stream${after}`)));
      expect(textOf(rest)).toBe(words.slice(seen).join(""));
    }
  });
});
