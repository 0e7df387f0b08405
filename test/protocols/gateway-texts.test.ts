/** Text and thinking in the places where gateways put them: a reply that reads `stop` has all of its text. */

import type { AssistantMessage } from "cloudllm";
import { describe, expect, test } from "vitest";
import { events, useRequestRecorder } from "../support/sent-requests.ts";

const recorder = useRequestRecorder();

const choice = (fields: object) => ({ id: "c", choices: [{ index: 0, ...fields }] });
const end = choice({ delta: {}, finish_reason: "stop" });
const streamed = (...list: readonly object[]) =>
  recorder.replied("compatible", "m", `${events(...list)}data: [DONE]\n\n`);
const complete = (fields: object) =>
  recorder.replied("compatible", "m", JSON.stringify(choice({ ...fields, finish_reason: "stop" })), { whole: true });

describe("parts of the content", () => {
  test.each<readonly [string, readonly object[], Partial<AssistantMessage>]>([
    ["of Responses", [{ type: "output_text", text: "Hi" }], { content: "Hi", finishReason: "stop" }],
    ["without a type", [{ text: "Hi" }, { type: null, text: "!" }], { content: "Hi!", finishReason: "stop" }],
    ["a refusal", [{ type: "refusal", refusal: "No." }], { content: "No.", finishReason: "refusal" }],
    [
      "thinking as text",
      [
        { type: "reasoning", text: "hm" },
        { type: "thinking", text: "?" },
        { type: "text", text: "Hi" },
      ],
      { content: "Hi", reasoning: "hm?", finishReason: "stop" },
    ],
    [
      "thinking in summaries, as at Databricks",
      [
        { type: "reasoning", summary: [{ type: "summary_text", text: "hm", signature: "" }] },
        { type: "reasoning", summary: [{ type: "summary_text", text: "", signature: "s" }] },
        { type: "text", text: "Hi" },
      ],
      { content: "Hi", reasoning: "hm", finishReason: "stop" },
    ],
    [
      "a part of another kind",
      [
        { type: "reference", reference_ids: [1] },
        { type: "text", text: "Hi" },
      ],
      { content: "Hi" },
    ],
  ])("%s", async (_name, content, expected) => {
    expect(await streamed(choice({ delta: { content } }), end)).toMatchObject(expected);
    expect(await complete({ message: { content } })).toMatchObject(expected);
    // A repetition at the end adds nothing.
    const again = choice({ delta: {}, message: { content }, finish_reason: "stop" });
    expect(await streamed(choice({ delta: { content } }), again)).toMatchObject(expected);
  });
});

test("thinking that a gateway sends in two forms at once is shown once", async () => {
  const delta = {
    reasoning_details: [{ type: "reasoning.text", text: "hm" }],
    thinking_blocks: [{ type: "thinking", thinking: "hm", signature: "s" }],
  };
  const expected = { content: "Hi", reasoning: "hm", finishReason: "stop" };
  expect(await streamed(choice({ delta }), choice({ delta: { content: "Hi" } }), end)).toMatchObject(expected);
  expect(await complete({ message: { ...delta, content: "Hi" } })).toMatchObject(expected);
});

describe("thinking as parts, or as an object", () => {
  test.each<readonly [string, object]>([
    ["parts", { reasoning_content: [{ type: "text", text: "h" }, { text: "m" }] }],
    ["strings", { reasoning: ["h", "m"] }],
    ["an object with a text", { reasoning: { text: "hm" } }],
    ["an object with a content", { reasoning: { content: "hm" } }],
    ["an object without a text beside the text", { reasoning: { effort: "high" }, reasoning_text: "hm" }],
  ])("%s", async (_name, delta) => {
    const expected = { content: "Hi", reasoning: "hm", finishReason: "stop" };
    expect(await streamed(choice({ delta }), choice({ delta: { content: "Hi" } }), end)).toMatchObject(expected);
    expect(await complete({ message: { ...delta, content: "Hi" } })).toMatchObject(expected);
  });

  test("an object that holds settings is no thinking", async () => {
    const delta = { reasoning: { effort: "high", summary: "auto" }, content: "Hi" };
    const reply = await streamed(choice({ delta }), end);
    expect([reply.content, reply.reasoning]).toEqual(["Hi", ""]);
  });
});

test("sources with titles in the field for URLs are cited", async () => {
  const citations = ["https://a.example/", { url: "https://b.example/", title: "B" }, null, { title: "no address" }];
  const reply = await streamed(choice({ delta: { content: "Hi" } }), { ...end, citations });
  expect(reply.citations).toEqual([{ url: "https://a.example/" }, { url: "https://b.example/", title: "B" }]);
});

describe("a response with nothing but the text of all its messages", () => {
  const ended = (response: object) => ({
    type: "response.completed",
    response: { id: "r", status: "completed", ...response },
  });
  const piece = (output_index: number, delta: string) => ({
    type: "response.output_text.delta",
    output_index,
    content_index: 0,
    delta,
  });
  test.each<readonly [string, readonly object[], string]>([
    ["is its text", [ended({ output: [], output_text: "Hi" })], "Hi"],
    ["says nothing new behind pieces", [piece(0, "H"), piece(1, "i"), ended({ output: [], output_text: "Hi" })], "Hi"],
  ])("%s", async (_name, list, content) => {
    expect(await recorder.replied("openai", "m", events(...list))).toMatchObject({ content, finishReason: "stop" });
  });

  test("non-streamed", async () => {
    const body = JSON.stringify({ id: "r", object: "response", status: "completed", output: [], output_text: "Hi" });
    expect(await recorder.replied("openai", "m", body, { whole: true })).toMatchObject({ content: "Hi" });
  });
});

describe("messages instead of deltas", () => {
  const message = (content: string, more: object = {}) => choice({ message: { content }, ...more });
  const over = { finish_reason: "stop" };
  test.each([
    ["piece by piece", [message("Hi"), message(" you"), message("!"), message("", over)], "Hi you!"],
    ["the text so far", [message("Hi"), message("Hi you"), message("Hi you!"), message("Hi you!", over)], "Hi you!"],
    [
      "next to deltas, the text so far",
      [
        choice({ delta: { content: "Hi" }, message: { content: "Hi" } }),
        choice({ delta: { content: " you" }, message: { content: "Hi you" } }),
        choice({ delta: {}, message: { content: "Hi you" }, ...over }),
      ],
      "Hi you",
    ],
    ["after deltas, the text with spaces", [choice({ delta: { content: "Hi" } }), message(" Hi ", over)], "Hi"],
  ])("%s", async (_name, list, content) => {
    expect(await streamed(...list)).toMatchObject({ content, finishReason: "stop" });
  });
});

test("messages that hold the text so far once and a piece once have lost a part: `1`, `1`, `.`", async () => {
  const list = ["1", "1", "."].map((content) => choice({ message: { content } }));
  await expect(streamed(...list, end)).rejects.toMatchObject({ kind: "truncated" });
});

test("the text of a text completion", async () => {
  expect(await streamed(choice({ text: "Hi" }), choice({ text: "!", finish_reason: "stop" }))).toMatchObject({
    content: "Hi!",
  });
  expect(await complete({ text: "Hi" })).toMatchObject({ content: "Hi", finishReason: "stop" });
});

test("a choice after an empty one", async () => {
  const [first] = choice({ delta: { content: "Hi" } }).choices;
  expect(await streamed({ id: "c", choices: [null, first] }, end)).toMatchObject({
    content: "Hi",
    finishReason: "stop",
  });
});
