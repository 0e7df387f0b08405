/** The budget of a relay: a turn ends at it, whoever keeps the conversation. */

import { LLMSession, MemoryStore, type Tool } from "cloudllm";
import { createRelay, type RelayOptions } from "cloudllm/server";
import { type ReplyScript, scriptedClient } from "cloudllm/testing";
import { expect, test } from "vitest";
import { post, read, runId, textOf } from "../support/relay.ts";

const authorize = "public" as const;
const CALL: ReplyScript = {
  steps: [{ text: "I look. " }, { toolCall: { name: "look", arguments: {} } }],
  ending: { usage: { inputTokens: 500, outputTokens: 100 } },
};

async function ended(options: Partial<RelayOptions>, turn: object) {
  const client = scriptedClient(() => CALL);
  const runs: number[] = [];
  const look: Tool = { name: "look", run: () => runs.push(1) };
  const relay = createRelay({ client, authorize, tools: [look], budget: { tokens: 1_000 }, ...options });
  const events = await read(await relay.handle(post({ run: runId(), ...turn })));
  return { end: events.at(-1), calls: client.calls.length, runs: runs.length };
}

const asked = { messages: [{ role: "user", content: "Go" }] };

test("a loop of tools ends at the tokens that it may cost, without a store", async () => {
  const { end, calls, runs } = await ended({}, asked);
  expect(end).toMatchObject({ type: "complete", message: { finishReason: "budget" } });
  expect([calls, runs]).toEqual([2, 1]);
});

test("with a store also, and the next turn goes on from a legal history", async () => {
  const store = new MemoryStore();
  const { end, calls } = await ended({ sessions: { store } }, { chat: "c", message: "Go" });
  expect(end).toMatchObject({ type: "complete", message: { finishReason: "budget" } });
  expect(calls).toBe(2);
  const { sessions } = (await store.list?.()) ?? { sessions: [] };
  const { history } = await LLMSession.peek({ store, id: sessions[0]?.id ?? "" });
  expect(history.at(-1)?.role).toBe("tool");
});

test("the budget of `sessions` comes before it", async () => {
  const sessions = { store: new MemoryStore(), budget: { tokens: 1 } };
  expect((await ended({ sessions }, { chat: "c", message: "Go" })).calls).toBe(1);
});

test("a reply without tools is cut inside", async () => {
  const text = Array.from({ length: 400 }, (_, at) => `word${at} `);
  const client = scriptedClient([{ text }]);
  const relay = createRelay({ client, authorize, budget: { tokens: 100 } });
  const events = await read(await relay.handle(post({ run: runId(), ...asked })));
  expect(events.at(-1)).toMatchObject({ message: { finishReason: "budget", interrupted: true } });
  expect(text.join("").startsWith(textOf(events))).toBe(true);
});

test.each([
  [{ tokens: 0 }, "`budget.tokens` must be a number above 0. Received 0."],
  [{ dollars: 1 }, "`budget.dollars` needs `budget.costOf`"],
  [{ token: 1 }, "Unknown option `budget.token`. Did you mean `budget.tokens`?"],
  [5, "`budget` must be an object"],
])("a budget such as %j is refused when the relay is made", (budget, message) => {
  const options = { client: scriptedClient([]), authorize, budget } as RelayOptions;
  expect(() => createRelay(options)).toThrow(message);
});
