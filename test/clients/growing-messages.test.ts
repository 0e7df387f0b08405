/** A page pushes the reply into the array that it has sent, and lets it grow there. */

import { type ClientWrapper, CompatibleClient, fallback, hedge, type Message, rateLimit } from "cloudllm";
import { startProviderServer } from "cloudllm/testing";
import { expect, test } from "vitest";

const HALF = { text: ["Hello the", "re my "], ending: "reset" } as const;
const REST = { text: "friend" };
const ASKED: Message = { role: "user", content: "Hi" };

/** Makes a client of two that ask the same server. */
const WRAPPERS: Readonly<Record<string, (one: () => ClientWrapper) => ClientWrapper>> = {
  "a client": (one) => one(),
  fallback: (one) => fallback([one(), one()]),
  hedge: (one) => hedge(one(), one(), { afterMs: 60_000 }),
  rateLimit: (one) => rateLimit(one(), { concurrency: 1 }),
};

test.each(
  Object.keys(WRAPPERS).flatMap((name) => (["continue", "restart"] as const).map((how) => [name, how] as const)),
)("%s with `recover: %j` asks for the rest without the page's copy of the half", async (name, recover) => {
  await using server = await startProviderServer([HALF, REST]);
  const client = WRAPPERS[name]?.(() => new CompatibleClient({ model: "any", baseUrl: server.baseUrl }));
  const messages: Message[] = [ASKED];
  const reply = { role: "assistant", content: "" } satisfies Message;
  const stream = await client?.sendMessageStream(messages, { recover });
  messages.push(reply);
  for await (const chunk of stream ?? []) {
    if (chunk.type === "rewind") reply.content = reply.content.slice(0, -chunk.length);
    reply.content += chunk.content;
  }
  expect(reply.content).toBe(recover === "continue" ? "Hello there my friend" : "friend");
  const [, second] = server.requests.map(({ body }) => (body as { messages: Message[] }).messages);
  const halves = second?.filter(({ role }) => role === "assistant").length;
  expect(halves).toBe(recover === "continue" ? 1 : 0);
});

test("a call that waits for its turn sends what it was given", async () => {
  await using server = await startProviderServer([{ text: "one" }, { text: "two" }]);
  const client = rateLimit(new CompatibleClient({ model: "any", baseUrl: server.baseUrl }), { concurrency: 1 });
  const messages: Message[] = [ASKED];
  const first = client.sendMessage(messages);
  const second = client.sendMessage(messages);
  messages.push({ role: "assistant", content: "" });
  await Promise.all([first, second]);
  for (const { body } of server.requests) expect(body).toMatchObject({ messages: [ASKED] });
});
