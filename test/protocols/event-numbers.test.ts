/** Numbers of a Responses reply's events, which gateways and servers count in ways of their own. Nothing is lost by them. */

import { describe, expect, test } from "vitest";
import { events, useRequestRecorder } from "../support/sent-requests.ts";

const recorder = useRequestRecorder();

const WORDS = ["Never ", "give ", "more ", "than ", "two ", "pills."];
const TEXT = WORDS.join("");
const AT = { output_index: 0, content_index: 0 };

/** The events of one reply with a text and a call, the end included. */
function reply(words: readonly string[] = WORDS, whole = TEXT): readonly object[] {
  const message = {
    type: "message",
    role: "assistant",
    content: [{ type: "output_text", text: whole, annotations: [] }],
  };
  const call = { type: "function_call", call_id: "c", name: "look", arguments: '{"at":1}', status: "completed" };
  return [
    { type: "response.created", response: { id: "r", status: "in_progress" } },
    ...words.map((delta) => ({ type: "response.output_text.delta", ...AT, delta })),
    { type: "response.output_text.done", ...AT, text: whole },
    { type: "response.output_item.done", output_index: 0, item: message },
    { type: "response.output_item.added", output_index: 1, item: { ...call, arguments: "", status: "in_progress" } },
    { type: "response.function_call_arguments.delta", output_index: 1, delta: '{"at"' },
    { type: "response.function_call_arguments.delta", output_index: 1, delta: ":1}" },
    { type: "response.output_item.done", output_index: 1, item: call },
    { type: "response.completed", response: { id: "r", status: "completed", output: [message, call] } },
  ];
}

const numbered = (all: readonly object[], numberOf: (at: number) => number | undefined) =>
  events(...all.map((event, at) => ({ ...event, sequence_number: numberOf(at) })));

const NUMBERINGS: readonly (readonly [string, (at: number) => number | undefined])[] = [
  ["begins again, as of another reply", (at) => (at < 4 ? at + 6 : at - 4)],
  ["begins again at every event", () => 1],
  ["is always 0", () => 0],
  ["is 0 or 1 on some events", (at) => (at % 3 === 0 ? 1 : at % 3 === 1 ? 0 : at)],
  ["counts some events apart", (at) => (at % 2 === 0 ? at + 40 : at)],
  ["runs backwards", (at) => 100 - at],
  ["leaves out events", (at) => 3 * at],
  ["is missing from some events", (at) => (at % 2 === 0 ? undefined : at)],
  ["counts negatively", (at) => at - 100],
];

describe.each(NUMBERINGS)("numbering that %s", (_name, numberOf) => {
  test("loses neither words nor calls", async () => {
    const message = await recorder.replied("openai", "m", numbered(reply(), numberOf));
    expect(message).toMatchObject({
      content: TEXT,
      toolCalls: [{ id: "c", name: "look", arguments: { at: 1 } }],
      finishReason: "toolCalls",
    });
  });

  test("does not hide that a word is missing", async () => {
    const thinned = WORDS.filter((word) => word !== "more ");
    const sent = recorder.replied("openai", "m", numbered(reply(thinned), numberOf));
    await expect(sent).rejects.toMatchObject({ kind: "truncated", partial: { content: thinned.join("") } });
  });

  test("delivers the end of a text that came only when it was done", async () => {
    const { content } = await recorder.replied("openai", "m", numbered(reply(WORDS.slice(0, 2)), numberOf));
    expect(content).toBe(TEXT);
  });
});

test("a recording whose keeper has removed most pieces does not pass for a reply that stopped", async () => {
  const body = numbered(
    reply(["Never "]).filter((_event, at) => at < 4 || at === 8),
    (at) => at * 20,
  );
  const { content, finishReason, rawFinishReason } = await recorder.replied("openai", "m", body);
  expect({ content, finishReason, rawFinishReason }).toEqual({
    content: "Never ",
    finishReason: "unknown",
    rawFinishReason: "completed",
  });
});
