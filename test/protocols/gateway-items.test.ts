/** Items of Responses as gateways send them: the next request is one that the API takes, and holds the whole reply. */

import { LLMSession } from "cloudllm";
import { startProviderServer } from "cloudllm/testing";
import { expect, test } from "vitest";
import { clientAt, events, useRequestRecorder } from "../support/sent-requests.ts";

const recorder = useRequestRecorder();

const message = (content: readonly unknown[], more: object = { role: "assistant" }) => ({
  type: "message",
  id: "m",
  content,
  ...more,
});
const said = message([{ type: "output_text", text: "Hi" }]);
const thought = (summary: unknown) => ({ type: "reasoning", id: "r", encrypted_content: "e", summary });
const called = (args: unknown, more: object = {}) => ({
  type: "function_call",
  call_id: "k",
  name: "look",
  arguments: args,
  ...more,
});
const sentSaid = { type: "message", role: "assistant", content: [{ type: "output_text", text: "Hi" }] };
const sentCall = (json: string, id = "k") => ({ type: "function_call", call_id: id, name: "look", arguments: json });

test.each<readonly [string, readonly unknown[], unknown]>([
  ["a message without a role", [message([{ type: "output_text", text: "Hi" }], {})], sentSaid],
  ["a part of plain text", [message([{ type: "text", text: "Hi" }])], sentSaid],
  ["a part without a type", [message([{ text: "Hi" }])], sentSaid],
  ["a part without text", [message([{ type: "output_text" }, null, { type: "output_text", text: "Hi" }])], sentSaid],
  [
    "a refusal that is null",
    [
      message([
        { type: "output_text", text: "Hi" },
        { type: "refusal", refusal: null },
      ]),
    ],
    sentSaid,
  ],
  ["a summary with nothing in it", [thought([null, { type: "summary_text", text: null }]), said], sentSaid],
  ["a summary that is null", [thought(null), said], sentSaid],
  ["arguments within a string", [called('"{\\"a\\":1}"')], sentCall('{"a":1}')],
  ["arguments after an empty object", [called('{}{"a":1}')], sentCall('{"a":1}')],
  ["blank arguments", [called(" ")], sentCall("{}")],
  ["arguments as the model wrote them", [called(' { "a": 1.0 } ')], sentCall(' { "a": 1.0 } ')],
  ["an id that is a number", [called("{}", { call_id: 7 })], sentCall("{}", "7")],
])("%s", async (_name, output, sent) => {
  const body = events({ type: "response.completed", response: { id: "r", status: "completed", output } });
  recorder.answer(body);
  const session = new LLMSession({ client: recorder.client("openai", "gpt-5") });
  const reply = await session.sendMessage("one");
  const next = reply.toolCalls.map(({ id }) => ({ role: "tool", toolCallId: id, content: "x" }) as const);
  const answer = next.length > 0 ? next : "two";
  await session.sendMessage(answer);
  expect(recorder.requests.at(-1)?.body).toMatchObject({ input: expect.arrayContaining([sent]) });

  await using strict = await startProviderServer([{ body: new TextEncoder().encode(body) }, { text: "ok" }], {
    strict: true,
  });
  const again = new LLMSession({ client: clientAt(strict.origin, "openai", "gpt-5") });
  await again.sendMessage("one");
  expect((await again.sendMessage(answer)).content).toBe("ok");
});

test.each<readonly [string, readonly object[], readonly object[]]>([
  ["an empty part", [{}, { text: "Hi" }, { thought: true }], [{ text: "Hi" }]],
  ["a part of nulls", [{ text: null, functionCall: null }, { text: "Hi" }], [{ text: "Hi" }]],
  [
    "a signature without text",
    [{ text: "Hi" }, { thoughtSignature: "c2ln" }],
    [{ text: "Hi" }, { text: "", thoughtSignature: "c2ln" }],
  ],
])("Gemini: %s", async (_name, parts, sent) => {
  const body = events({ candidates: [{ content: { role: "model", parts }, finishReason: "STOP" }] });
  await using strict = await startProviderServer([{ body: new TextEncoder().encode(body) }, { text: "ok" }], {
    strict: true,
  });
  const session = new LLMSession({ client: clientAt(strict.origin, "gemini", "gemini-3-pro") });
  expect((await session.sendMessage("one")).content).toBe("Hi");
  expect((await session.sendMessage("two")).content).toBe("ok");
  expect(strict.requests.at(-1)?.body).toMatchObject({ contents: [{}, { role: "model", parts: sent }, {}] });
});
