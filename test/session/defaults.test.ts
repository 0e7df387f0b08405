/** What a session carries with every turn: its tools and its defaults. */

import { LLMSession, MemoryStore, type Tool, tool } from "cloudllm";
import { scriptedClient } from "cloudllm/testing";
import { expect, test } from "vitest";
import * as z from "zod";

const weather = tool({
  name: "weather",
  parameters: z.object({ city: z.string() }),
  run: ({ city }) => `Rain in ${city.toUpperCase()}.`,
});
const CALL = { steps: [{ toolCall: { id: "c1", name: "weather", arguments: { city: "Oslo" } } }] };

function askedTwice() {
  return scriptedClient([CALL, { text: "Take one." }, { text: "Yes." }]);
}

test.each<[string, (client: ReturnType<typeof askedTwice>) => LLMSession | Promise<LLMSession>]>([
  ["a new session", (client) => new LLMSession({ client, tools: [weather] })],
  ["a session with tools among its defaults", (client) => new LLMSession({ client, defaults: { tools: [weather] } })],
  [
    "a session from JSON",
    (client) => LLMSession.fromJSON(new LLMSession({ client }).toJSON(), { client, tools: [weather] }),
  ],
  [
    "a session in a store",
    (client) => LLMSession.open({ client, store: new MemoryStore(), id: "a", tools: [weather] }),
  ],
])("%s runs its own tools, in every turn and both ways", async (_name, make) => {
  const client = askedTwice();
  const session = await make(client);
  const stream = await session.sendMessageStream("Do I need an umbrella?");
  expect((await stream.finalMessage()).content).toBe("Take one.");
  expect(session.history.find(({ role }) => role === "tool")).toMatchObject({ content: "Rain in OSLO." });
  expect((await session.sendMessage("Sure?")).content).toBe("Yes.");
  expect(client.calls.map(({ options }) => options.tools)).toEqual([[weather], [weather], [weather]]);
});

test("what a turn says goes before the session's defaults, and those before the client's", async () => {
  const other: Tool = { name: "other", run: () => "" };
  const client = scriptedClient(() => ({ text: "ok" }));
  const defaults = { temperature: 0.5, maxOutputTokens: 100, tools: [other] };
  const session = new LLMSession({ client, tools: [weather], defaults });
  await session.sendMessage("a");
  await session.sendMessage("b", { temperature: 1, maxOutputTokens: undefined, tools: [] });
  expect(client.calls.map(({ options }) => options)).toMatchObject([
    { temperature: 0.5, maxOutputTokens: 100, tools: [weather] },
    { temperature: 1, maxOutputTokens: 100, tools: [] },
  ]);
});

test.each<[string, object, string]>([
  ["an unknown option", { defaults: { temprature: 1 } }, "temprature"],
  ["an invalid default", { defaults: { temperature: "hot" } }, "temperature"],
  ["tools that are not an array", { tools: "weather" }, "tools"],
])("%s throws when the session is created", (_name, options, named) => {
  const client = scriptedClient([]);
  expect(() => new LLMSession({ client, ...options })).toThrow(TypeError);
  expect(() => new LLMSession({ client, ...options })).toThrow(named);
});

test("takes `undefined` for every option that may be absent, as a variable may have it", async () => {
  const absent: { readonly value?: string | undefined } = {};
  const client = scriptedClient([{ text: "One." }]);
  const session = new LLMSession({
    client,
    systemPrompt: absent.value,
    maxTokens: undefined,
    counter: undefined,
    onInterrupt: undefined,
    maxSteps: undefined,
    unreadTimeoutMs: undefined,
    onToolError: undefined,
    tools: undefined,
    defaults: undefined,
    history: undefined,
  });
  const options = { systemPrompt: absent.value, flushIntervalMs: undefined };
  await using stored = await LLMSession.open({ client, store: new MemoryStore(), id: "a", ...options });

  expect((await session.sendMessage("Hi")).content).toBe("One.");
  expect(stored.history).toEqual([]);
});
