/** Tools that a client was given for all its calls: a session runs them, as if they had been given with the call. */

import {
  ClaudeClient,
  type ClientOptions,
  type ClientWrapper,
  CompatibleClient,
  fallback,
  hedge,
  LLMSession,
  MemoryStore,
  rateLimit,
  type Tool,
} from "cloudllm";
import { type ReplyScript, startProviderServer } from "cloudllm/testing";
import { expect, test } from "vitest";

const calling = (...names: readonly string[]): ReplyScript => ({
  steps: names.map((name) => ({ toolCall: { name, id: name, arguments: { of: name } } })),
});
const look: Tool = { name: "look", run: () => "a bird" };
const DONE: ReplyScript = { text: "A bird." };

type Make = (options: Omit<ClientOptions, "model"> & { readonly baseUrl: string }) => ClientWrapper;

const one: Make = (options) => new CompatibleClient({ model: "m", retries: 0, ...options });

const CLIENTS: readonly (readonly [name: string, make: Make])[] = [
  ["a client", one],
  ["rateLimit(client)", (options) => rateLimit(one(options), { concurrency: 1 })],
  ["fallback([client, client])", (options) => fallback([one(options), one(options)])],
  ["hedge(client, client)", (options) => hedge(one(options), one(options), { afterMs: 60_000 })],
  ["rateLimit(fallback([client]))", (options) => rateLimit(fallback([one(options)]), { concurrency: 1 })],
];

test.each(CLIENTS)("%s that has tools of its own runs them in a session", async (_name, make) => {
  for (const whole of [false, true]) {
    await using server = await startProviderServer([calling("look"), DONE]);
    const session = new LLMSession({ client: make({ baseUrl: server.baseUrl, tools: [look] }) });
    const reply = whole
      ? await session.sendMessage("question")
      : await (await session.sendMessageStream("question")).finalMessage();
    expect(reply).toMatchObject({ content: "A bird.", toolCalls: [], finishReason: "stop" });
    const bodies = server.requests.map(({ body }) => body as { readonly tools?: readonly object[] });
    expect(bodies.map(({ tools }) => tools?.length)).toEqual([1, 1]);
    expect(session.history.map(({ role }) => role)).toEqual(["user", "assistant", "tool", "assistant"]);
  }
});

test.each(CLIENTS)("%s: what a call says goes before", async (_name, make) => {
  await using server = await startProviderServer([calling("look"), DONE]);
  const session = new LLMSession({ client: make({ baseUrl: server.baseUrl, tools: [look] }) });
  const other: Tool = { name: "look", run: () => "a fish" };
  const reply = await session.sendMessage("question", { tools: [other] });
  expect(reply.steps).toHaveLength(2);
  expect(session.history[2]).toMatchObject({ content: "a fish" });
});

test.each(CLIENTS)("%s: a choice that forces a call holds for the first reply only", async (_name, make) => {
  await using server = await startProviderServer([calling("look"), DONE]);
  const client = make({ baseUrl: server.baseUrl, tools: [look], toolChoice: "required" });
  await new LLMSession({ client }).sendMessage("question");
  const choices = server.requests.map(({ body }) => (body as { readonly tool_choice?: unknown }).tool_choice);
  expect(choices).toEqual(["required", "auto"]);
});

test.each(CLIENTS)("%s: the model learns of arguments that do not fit", async (_name, make) => {
  await using server = await startProviderServer([calling("look"), DONE]);
  const parameters = { type: "object", properties: { at: { type: "string" } }, required: ["at"] };
  const session = new LLMSession({ client: make({ baseUrl: server.baseUrl, tools: [{ ...look, parameters }] }) });
  await session.sendMessage("question");
  expect(session.history[2]).toMatchObject({ role: "tool", isError: true, content: expect.stringMatching(/"?at"?/) });
});

test.each(CLIENTS)("%s: its tools and its longest reply count against `maxTokens`", async (_name, make) => {
  const description = "What there is to be seen. ".repeat(100);
  const tooMuch = { baseUrl: "http://127.0.0.1:1", tools: [{ ...look, description }] };
  const first = new LLMSession({ client: make(tooMuch), maxTokens: 200 });
  await expect(first.sendMessage("question")).rejects.toMatchObject({ kind: "contextLength" });
  const long = new LLMSession({
    client: make({ baseUrl: "http://127.0.0.1:1", maxOutputTokens: 199 }),
    maxTokens: 200,
  });
  await expect(long.sendMessage("question")).rejects.toMatchObject({ kind: "contextLength", message: /the 199 of/ });
});

test("tools of several clients are all run, for any client that answers", async () => {
  await using failing = await startProviderServer([{ refusal: { status: 503 } }, { refusal: { status: 503 } }]);
  await using server = await startProviderServer([calling("listen"), DONE]);
  const listen: Tool = { name: "listen", run: () => "a song" };
  const client = fallback([
    one({ baseUrl: failing.baseUrl, tools: [look] }),
    one({ baseUrl: server.baseUrl, tools: [listen, { name: "look", run: () => "a fish" }] }),
  ]);
  const session = await LLMSession.open({ client, store: new MemoryStore(), id: "s" });
  expect(await session.sendMessage("question")).toMatchObject({ content: "A bird." });
  expect(session.history[2]).toMatchObject({ content: "a song" });
  expect(client.defaults?.tools).toEqual([look, listen]); // of one name, the first client's
});

test("the defaults that a client reports hold no secret", () => {
  const options = {
    model: "m",
    apiKey: "sk-secret",
    headers: { "x-key": "sk-secret" },
    providerOptions: { user: "sk-secret" },
    temperature: 1,
  };
  const { defaults } = new ClaudeClient(options);
  expect(defaults).toEqual({ temperature: 1 });
});
