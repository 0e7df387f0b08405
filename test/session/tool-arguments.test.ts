/** The arguments of a call belong to the history: a program that changes what it got changes its own copy. */

import {
  type ClientWrapper,
  GeminiClient,
  LLMSession,
  type MessageChunk,
  MessageStream,
  type StandardSchema,
  type Tool,
} from "cloudllm";
import { scriptedClient, startProviderServer } from "cloudllm/testing";
import { describe, expect, test } from "vitest";

interface Query {
  of?: string;
  limit?: number;
  filter: { by: string };
}

const given = () => ({ of: "birds", filter: { by: "name" } });
const calling = () => ({ steps: [{ toolCall: { name: "find", id: "find-1", arguments: given() } }] });
const DONE = { text: "It is done." };

/** Fills in defaults and normalizes, as many tools do. */
function change(query: Query): void {
  query.limit ??= 20;
  query.filter.by = "NAME";
  delete query.of;
}

const anySchema: StandardSchema<Query> = {
  "~standard": { version: 1, vendor: "mine", validate: (value) => ({ value: value as Query }) },
};

describe("a tool that changes its arguments", () => {
  test.each<[schema: string, Partial<Tool<Query>>]>([
    ["JSON Schema", { parameters: { type: "object" } }],
    ["a library's schema", { parameters: anySchema }],
    ["no schema", {}],
  ])("with %s does not change the call in the history, nor in the next request", async (_schema, more) => {
    const client = scriptedClient([calling(), DONE]);
    const find = { name: "find", run: (query: Query) => change(query), ...more } as Tool;
    const session = new LLMSession({ client, tools: [find] });
    await session.sendMessage("question");
    expect(session.history[1]).toMatchObject({ toolCalls: [{ arguments: given() }] });
    expect(client.calls[1]?.messages[1]).toMatchObject({ toolCalls: [{ arguments: given() }] });
  });

  test("leaves a signed call as its provider signed it", async () => {
    await using server = await startProviderServer([calling(), DONE]);
    const client = new GeminiClient({ model: "gemini-3-pro-preview", apiKey: "any", baseUrl: server.origin });
    const find = { name: "find", run: (query: Query) => change(query) } as Tool;
    await new LLMSession({ client, tools: [find] }).sendMessage("question");
    expect(server.requests[1]?.body).toMatchObject({
      contents: [{}, { parts: [{ functionCall: { args: given() } }] }, {}],
    });
  });

  test("gets them although the consumer has frozen the chunk", async () => {
    const client = scriptedClient([calling(), DONE]);
    const find = { name: "find", run: (query: Query) => change(query) } as Tool;
    const session = new LLMSession({ client, tools: [find] });
    for await (const chunk of await session.sendMessageStream("question"))
      if (chunk.type === "toolCall") Object.freeze(chunk.toolCall.arguments);
    expect(session.history[2]).not.toHaveProperty("isError");
  });
});

test("an `approve` that changes its arguments decides about the call as the model made it", async () => {
  const client = scriptedClient([calling(), DONE]);
  const seen: unknown[] = [];
  const find = {
    name: "find",
    approve: (query: Query) => {
      change(query);
      return true;
    },
    run: (query: Query) => void seen.push(query),
  } as Tool;
  const session = new LLMSession({ client, tools: [find] });
  await session.sendMessage("question");
  expect(seen).toEqual([given()]);
  expect(session.history[1]).toMatchObject({ toolCalls: [{ arguments: given() }] });
});

test("a value of a class, as a client of another program may give it, stays what it is", async () => {
  class Amount {
    readonly cents: number;
    constructor(cents: number) {
      this.cents = cents;
    }
    get text(): string {
      return `$${this.cents / 100}`;
    }
  }
  const toolCall = { id: "pay-1", name: "pay", arguments: { sums: [new Amount(250)] } };
  const other = scriptedClient(() => DONE);
  const usual = await other.sendMessage([{ role: "user", content: "question" }]);
  const called = { ...usual, toolCalls: [toolCall], finishReason: "toolCalls" as const };
  async function* paying(): AsyncGenerator<MessageChunk> {
    yield { type: "toolCall", content: "", isFinal: false, toolCall };
    yield { type: "final", content: "", isFinal: true, message: called };
  }
  const replies = [paying()];
  const client = {
    ...other,
    async sendMessageStream(...call) {
      const own = replies.shift();
      return own ? MessageStream.from(own) : other.sendMessageStream(...call);
    },
  } as ClientWrapper;
  const pay = { name: "pay", run: ({ sums }: { sums: Amount[] }) => sums.map(({ text }) => text) } as Tool;
  const session = new LLMSession({ client, tools: [pay] });
  await (await session.sendMessageStream("question")).finalMessage();
  expect(session.history[2]).toMatchObject({ content: '["$2.5"]' });
});
