/** The size of a request, as a gateway tells it to a program. */

import { type ClientWrapper, type Message, SendError, type SendOptions } from "cloudllm";
import { scriptedClient } from "cloudllm/testing";
import { expect, test } from "vitest";
import { ask, testGateway } from "../support/gateway.ts";

const BODY = {
  model: "any",
  system: "Be brief.",
  messages: [{ role: "user", content: "Hi" }],
  tools: [{ name: "look", input_schema: { type: "object" } }],
};

function gatewayWith(countTokens?: ClientWrapper["countTokens"]) {
  const client = Object.assign(scriptedClient([]), countTokens && { countTokens });
  return testGateway([], { client });
}

async function tokensOf(gateway: ReturnType<typeof gatewayWith>): Promise<unknown> {
  const response = await gateway.handle(ask("messages/count_tokens", BODY));
  expect(response.status).toBe(200);
  return response.json();
}

test("a program gets the provider's count of its own request", async () => {
  const asked: (readonly [readonly Message[], SendOptions | undefined])[] = [];
  const gateway = gatewayWith(async (messages, options) => {
    asked.push([messages, options]);
    return { inputTokens: 1_234, source: "provider" };
  });
  expect(await tokensOf(gateway)).toEqual({ input_tokens: 1_234 });
  const [messages, options] = asked[0] ?? [];
  expect(messages?.map(({ content }) => content)).toEqual(["Be brief.", "Hi"]);
  expect(options?.tools?.map(({ name }) => name)).toEqual(["look"]);
});

test.each([
  ["cannot count", undefined],
  ["fails to count", () => Promise.reject(new SendError("overloaded", "Later."))],
])("a program gets an estimate where the client %s", async (_name, countTokens) => {
  expect(await tokensOf(gatewayWith(countTokens))).toEqual({ input_tokens: expect.any(Number) });
});

test("a program that asks for responses gets the size of its whole conversation", async () => {
  const asked: (readonly Message[])[] = [];
  const client = Object.assign(scriptedClient([{ text: "Hello" }]), {
    countTokens: async (messages: readonly Message[]) => {
      asked.push(messages);
      return { inputTokens: 1_234, source: "provider" as const };
    },
  });
  const gateway = testGateway([], { client });
  const first = await gateway.handle(ask("responses", { model: "any", input: "Hi" }));
  const { id } = (await first.json()) as { readonly id: string };
  const body = { model: "any", instructions: "Be brief.", input: "Sure?", previous_response_id: id };
  const response = await gateway.handle(ask("responses/input_tokens", body));
  expect(await response.json()).toEqual({ object: "response.input_tokens", input_tokens: 1_234 });
  expect(asked[0]?.map(({ content }) => content)).toEqual(["Be brief.", "Hi", "Hello", "Sure?"]);
});

test.each([
  ["POST", "embeddings", {}],
  ["POST", "messages/batches", { "anthropic-version": "2023-06-01" }],
])("%s %s, which the gateway does not have, is refused by its name", async (method, route, headers) => {
  const response = await testGateway([]).handle(ask(route, {}, headers));
  const { error } = (await response.json()) as { readonly error: { readonly message: string } };
  expect([response.status, error.message]).toEqual([404, `Unknown route \`${method} /v1/${route}\`.`]);
});
