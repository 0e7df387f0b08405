/** What a call of a function is given: an object, in every protocol, streamed and whole. What is none is never delivered. */

import { SendError } from "cloudllm";
import { describe, expect, test } from "vitest";
import { type ClientName, events, useRequestRecorder } from "../support/sent-requests.ts";

const recorder = useRequestRecorder();

/** A reply that makes one call with this text, or this value, as its arguments. */
type Calling = (json: string) => string;

const use = { type: "tool_use", id: "t", name: "look" };
const item = { type: "function_call", id: "fc", call_id: "t", name: "look", status: "completed" };
const chat = (json: unknown) => ({ tool_calls: [{ index: 0, id: "t", function: { name: "look", arguments: json } }] });
const gem = (json: string) => ({
  candidates: [
    { content: { parts: [{ functionCall: { id: "t", name: "look", args: parsed(json) } }] }, finishReason: "STOP" },
  ],
});
const anthropic = (begun: object, ...deltas: readonly object[]) =>
  events(
    { type: "message_start", message: { id: "m", content: [] } },
    { type: "content_block_start", index: 0, content_block: begun },
    ...deltas.map((delta) => ({ type: "content_block_delta", index: 0, delta })),
    { type: "content_block_stop", index: 0 },
    { type: "message_delta", delta: { stop_reason: "tool_use" } },
    { type: "message_stop" },
  );
const completed = (...output: readonly object[]) => ({ id: "r", status: "completed", output });

/** JSON as the value it is, where arguments come parsed; what is no JSON stays a text. */
function parsed(json: string): unknown {
  try {
    return json === "" ? undefined : JSON.parse(json);
  } catch {
    return json;
  }
}

const WAYS: readonly (readonly [string, ClientName, boolean, Calling])[] = [
  [
    "Anthropic, in deltas",
    "claude",
    false,
    (json) => anthropic({ ...use, input: {} }, { type: "input_json_delta", partial_json: json }),
  ],
  ["Anthropic, at the call's beginning", "claude", false, (json) => anthropic({ ...use, input: parsed(json) })],
  [
    "Anthropic, whole",
    "claude",
    true,
    (json) => JSON.stringify({ id: "m", content: [{ ...use, input: parsed(json) }], stop_reason: "tool_use" }),
  ],
  [
    "Responses, in deltas",
    "openai",
    false,
    (json) =>
      events(
        { type: "response.output_item.added", output_index: 0, item: { ...item, arguments: "" } },
        { type: "response.function_call_arguments.delta", output_index: 0, delta: json },
        { type: "response.output_item.done", output_index: 0, item: { ...item, arguments: json } },
        { type: "response.completed", response: completed() },
      ),
  ],
  ["Responses, whole", "openai", true, (json) => JSON.stringify(completed({ ...item, arguments: json }))],
  [
    "Responses, whole, as a value",
    "openai",
    true,
    (json) => JSON.stringify(completed({ ...item, arguments: parsed(json) })),
  ],
  [
    "Chat Completions, in deltas",
    "openai chat",
    false,
    (json) =>
      `${events(
        { id: "c", choices: [{ index: 0, delta: chat(json) }] },
        { id: "c", choices: [{ index: 0, delta: {}, finish_reason: "tool_calls" }] },
      )}data: [DONE]\n\n`,
  ],
  [
    "Chat Completions, whole",
    "openai chat",
    true,
    (json) => JSON.stringify({ id: "c", choices: [{ index: 0, message: chat(json), finish_reason: "tool_calls" }] }),
  ],
  [
    "Chat Completions, whole, as a value",
    "compatible",
    true,
    (json) => JSON.stringify({ id: "c", choices: [{ message: chat(parsed(json)), finish_reason: "tool_calls" }] }),
  ],
  ["Gemini, streamed", "gemini", false, (json) => events(gem(json))],
  ["Gemini, whole", "gemini", true, (json) => JSON.stringify(gem(json))],
];

const RAW = '{\n"at":"a\n\tb\\\\",\r\n"to":"\\"\u0007"}';
const CODE = { at: "a\n\tb\\", to: '"\u0007' };

/** The pieces of a call's arguments, as programs join them. */
async function piecesOf(name: ClientName, body: string): Promise<string> {
  recorder.answer(body);
  let text = "";
  for await (const chunk of await recorder.client(name, "m").sendMessageStream([{ role: "user", content: "hi" }]))
    if (chunk.type === "toolCallDelta") text += chunk.argumentsDelta;
  return text;
}

const outcomeOf = (name: ClientName, body: string, whole: boolean) =>
  recorder.replied(name, "m", body, { whole }).then(
    ({ toolCalls, finishReason }) => ({ calls: toolCalls.map((call) => call.arguments), finishReason }),
    (error: unknown) => error,
  );

describe.each(WAYS)("%s", (_name, client, whole, calling) => {
  test.each<[string, string, object]>([
    ["an object", '{"at":"x"}', { at: "x" }],
    ["an object of nothing", "{}", {}],
    ["nothing", "", {}],
    ["null", "null", {}],
    ["a text with raw line breaks, as models write code", RAW, CODE],
  ])("%s is an object", async (_what, json, expected) => {
    expect(await outcomeOf(client, calling(json), whole)).toEqual({ calls: [expected], finishReason: "toolCalls" });
  });

  test.each<[string, string]>([
    ["a list", "[]"],
    ["a list of objects", '[{"at":"x"}]'],
    ["a number", "3"],
    ["a text", '"x"'],
    ["true", "true"],
    ["a line break behind a backslash, which has no meaning", '{"at":"a\\\nb"}'],
  ])("%s is no arguments", async (_what, json) => {
    const error = await outcomeOf(client, calling(json), whole);
    expect(error).toBeInstanceOf(SendError);
    expect(error).toMatchObject({
      kind: "protocol",
      message: expect.stringContaining("look"),
      partial: { toolCalls: [], unfinishedToolCalls: [{ id: "t", name: "look" }] },
    });
  });
});

test.each(WAYS.filter(([name, , whole]) => !whole && name.endsWith("deltas")))(
  "a program that joins the pieces of code with raw line breaks has JSON: %s",
  async (_name, client, _whole, calling) => {
    expect(JSON.parse(await piecesOf(client, calling(RAW)))).toEqual(CODE);
    const pretty = '{\n\t"at": "x"\n}';
    expect(await piecesOf(client, calling(pretty))).toBe(pretty);
  },
);

test("a program has JSON also where each character of such code is a piece of its own", async () => {
  const pieces = [...RAW].map((json) => ({ choices: [{ index: 0, delta: chat(json) }] }));
  const body = events(...pieces, { choices: [{ index: 0, delta: {}, finish_reason: "tool_calls" }] });
  expect(JSON.parse(await piecesOf("openai chat", body))).toEqual(CODE);
});
