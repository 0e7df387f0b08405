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
