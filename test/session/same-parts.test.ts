/** A program asks several questions with one array of parts. */

import { LLMSession } from "cloudllm";
import { scriptedClient } from "cloudllm/testing";
import { expect, test } from "vitest";

test("the history keeps each question as it was asked", async () => {
  const client = scriptedClient([{ text: "Red." }, { text: "Two." }]);
  const session = new LLMSession({ client });
  const picture = { type: "image" as const, url: "https://example.com/a.png" };
  const text = { type: "text" as const, text: "Which colour is it?" };
  const parts = [picture, text];
  await session.sendMessage(parts);
  text.text = "How many are there?";
  await session.sendMessage(parts);
  const asked = (question: string) => ({ role: "user", content: [picture, { type: "text", text: question }] });
  expect(session.history[0]).toEqual(asked("Which colour is it?"));
  expect(client.calls[1]?.messages).toMatchObject([asked("Which colour is it?"), {}, asked("How many are there?")]);
});
