/** Claude behind OpenRouter and LiteLLM: thinking of another conversation is refused there as at Anthropic, and stays behind. */

import type { AssistantMessage, Message } from "cloudllm";
import { type ServerReply, startProviderServer } from "cloudllm/testing";
import { expect, test } from "vitest";
import { clientAt } from "../support/sent-requests.ts";

const HI: Message = { role: "user", content: "Hi." };
const GO_ON: Message = { role: "user", content: "Go on." };
const SYSTEM: Message = { role: "system", content: "Be brief." };

type Router = "openrouter" | "compatible";

function thought(router: Router, signature: string): ServerReply {
  const signed =
    router === "openrouter"
      ? { reasoning_details: [{ type: "reasoning.text", text: "Hm.", signature, index: 0 }] }
      : { thinking_blocks: [{ type: "thinking", thinking: "Hm.", signature }] }; // LiteLLM's
  const message = { role: "assistant", content: `Reply ${signature}`, ...signed };
  return { body: JSON.stringify({ id: "c", choices: [{ index: 0, message, finish_reason: "stop" }] }) };
}

async function conversation(model = "anthropic/claude-opus-5.5", router: Router = "openrouter") {
  let count = 0;
  const replies: ServerReply[] = [];
  const server = await startProviderServer(() => replies.shift() ?? thought(router, `s${++count}`));
  const client = clientAt(server.origin, router, model);
  return {
    server,
    client,
    replies,
    async ask(...messages: readonly Message[]): Promise<AssistantMessage> {
      return JSON.parse(JSON.stringify(await client.sendMessage(messages))) as AssistantMessage;
    },
    signatures: () => JSON.stringify(server.requests.at(-1)?.body).match(/"signature":"s\d+"/g) ?? [],
  };
}

test("it goes back in the same conversation, and is left out of another, with what follows it", async () => {
  const { server, ask, signatures } = await conversation();
  await using _server = server;
  const one = await ask(SYSTEM, HI);
  const two = await ask(SYSTEM, HI, one, GO_ON);
  expect(signatures()).toHaveLength(1);
  await ask(SYSTEM, HI, one, GO_ON, two, GO_ON);
  expect(signatures()).toHaveLength(2);
  const three = await ask(HI, one, GO_ON, two, GO_ON);
  expect(signatures()).toHaveLength(0);
  await ask(HI, one, GO_ON, two, GO_ON, three, GO_ON);
  expect(signatures()).toHaveLength(1);
  await ask(SYSTEM, GO_ON, two, GO_ON);
  expect(signatures()).toHaveLength(0);
});

test("models that do not look at it get it back in any conversation", async () => {
  const { server, ask, signatures } = await conversation("anthropic/claude-opus-4.8");
  await using _server = server;
  const one = await ask(SYSTEM, HI);
  expect(one.replay?.data).not.toHaveProperty("place");
  await ask(HI, one, GO_ON);
  expect(signatures()).toHaveLength(1);
});

test.each<[string, Router]>([
  ["anthropic/claude-opus-5.5", "openrouter"],
  ["anthropic/claude-opus-4.8", "openrouter"],
  ["claude-opus-5-5", "compatible"],
])("a refusal at %s of %s is answered without, and remembered", async (model, router) => {
  const { server, client, ask, replies, signatures } = await conversation(model, router);
  await using _server = server;
  const one = await ask(HI);
  const raw =
    "messages.1.content.0: Invalid `signature` in `thinking` block. The block is bound to a different conversation.";
  const error = { code: 400, message: "Provider returned error", metadata: { raw, provider_name: "Anthropic" } };
  replies.push({ body: JSON.stringify({ error }), status: 400 });
  const two = await client.sendMessage([HI, one, GO_ON]);
  expect(two.metrics.attempts).toMatchObject([{ status: 400 }, { outcome: "answered", amended: true }]);
  expect(signatures()).toHaveLength(0);
  await ask(HI, one, GO_ON, two, GO_ON);
  expect(signatures()).toEqual(['"signature":"s2"']);
});
