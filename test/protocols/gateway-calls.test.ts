/** Calls whose pieces a server marks or ends in its own way: each is delivered once, whole, and never under half a name. */

import { describe, expect, test } from "vitest";
import { events, useRequestRecorder } from "../support/sent-requests.ts";

const recorder = useRequestRecorder();

describe("Chat Completions", () => {
  const pieces = (...tool_calls: readonly object[]) => ({ id: "c", choices: [{ index: 0, delta: { tool_calls } }] });
  const end = { id: "c", choices: [{ index: 0, delta: {}, finish_reason: "tool_calls" }] };
  const piece = (index: number, args: string, begun: object = {}) => ({
    index,
    ...("id" in begun && { id: begun.id }),
    function: { ...("name" in begun && { name: begun.name }), arguments: args },
  });
  const look = { id: "a", name: "look" };
  const again = { id: "b", name: "look" };

  test.each<readonly [string, readonly object[], readonly object[]]>([
    [
      "its beginning and its first piece in one event",
      [pieces(piece(0, "", look), piece(0, ' {"')), pieces(piece(0, 'at":1}'))],
      [{ ...look, arguments: { at: 1 } }],
    ],
    [
      "another index than that of its beginning, which is taken",
      [
        pieces(piece(0, '{"at":1}', look)),
        pieces(piece(0, "", again)),
        pieces(piece(1, '{"at"')),
        pieces(piece(1, ":2}")),
      ],
      [
        { ...look, arguments: { at: 1 } },
        { ...again, arguments: { at: 2 } },
      ],
    ],
    [
      "another index than that of its beginning",
      [pieces(piece(2, "", look)), pieces(piece(1, '{"at":1}'))],
      [{ ...look, arguments: { at: 1 } }],
    ],
    [
      "its arguments twice",
      [pieces(piece(0, "", look)), pieces(piece(0, '{"at":1}')), pieces(piece(0, '{"at":1}'))],
      [{ ...look, arguments: { at: 1 } }],
    ],
    [
      "pieces, and then its arguments again",
      [pieces(piece(0, '{"at"', look)), pieces(piece(0, ":1}")), pieces(piece(0, '{"at":1}'))],
      [{ ...look, arguments: { at: 1 } }],
    ],
    [
      "pieces before its name, at the index after a complete call",
      [pieces(piece(0, "{}", look)), pieces(piece(1, '{"at"')), pieces(piece(1, ":2}", again))],
      [
        { ...look, arguments: {} },
        { ...again, arguments: { at: 2 } },
      ],
    ],
    [
      "the form from before, next to an empty list",
      [
        {
          id: "c",
          choices: [{ index: 0, delta: { tool_calls: [null], function_call: { name: "look", arguments: "" } } }],
        },
      ],
      [{ id: expect.any(String), name: "look", arguments: {} }],
    ],
    [
      "the id of the one before it, which has no arguments",
      [pieces(piece(0, "", { id: "a", name: "now" })), pieces(piece(1, '{"at":1}', look))],
      [
        { id: "a", name: "now", arguments: {} },
        { id: expect.any(String), name: "look", arguments: { at: 1 } },
      ],
    ],
  ])("a call with %s", async (_name, list, toolCalls) => {
    const body = `${events(...list, end)}data: [DONE]\n\n`;
    expect((await recorder.replied("compatible", "m", body)).toolCalls).toEqual(toolCalls);
  });
});

describe("Anthropic, without the event that ends a block", () => {
  const begun = (index: number, id: string) => ({
    type: "content_block_start",
    index,
    content_block: { type: "tool_use", id, name: "look", input: {} },
  });
  const piece = (index: number, partial_json: string) => ({
    type: "content_block_delta",
    index,
    delta: { type: "input_json_delta", partial_json },
  });
  const body = (stop_reason: string, ...list: readonly object[]) =>
    events(
      { type: "message_start", message: { id: "m", content: [] } },
      ...list,
      { type: "message_delta", delta: { stop_reason } },
      { type: "message_stop" },
    );

  test("the calls of a reply that ended for them are delivered", async () => {
    const list = [begun(0, "a"), piece(0, '{"at":1}'), begun(1, "b"), piece(1, '{"at"'), piece(1, ":2}")];
    expect((await recorder.replied("claude", "m", body("tool_use", ...list))).toolCalls).toEqual([
      { id: "a", name: "look", arguments: { at: 1 } },
      { id: "b", name: "look", arguments: { at: 2 } },
    ]);
  });

  test.each([
    ["half arguments", "tool_use", '{"at":'],
    ["no arguments", "tool_use", ""],
    ["a limit", "max_tokens", '{"at":1}'],
    ["another end", "end_turn", '{"at":1}'],
  ])("a call with %s is cut", async (_name, reason, json) => {
    const failed = recorder.replied("claude", "m", body(reason, begun(0, "a"), piece(0, json)));
    await expect(failed).rejects.toMatchObject({ kind: "truncated", partial: { toolCalls: [] } });
  });
});

describe("Anthropic", () => {
  const call = (input: object) => ({ type: "tool_use", id: "a", name: "look", input });
  const begin = { type: "message_start", message: { id: "m", content: [] } };
  const begun = (input: object) => ({ type: "content_block_start", index: 0, content_block: call(input) });
  const end = (stop_reason: string) => [
    { type: "content_block_stop", index: 0 },
    { type: "message_delta", delta: { stop_reason } },
    { type: "message_stop" },
  ];

  test("a stop sequence may have cut the calls: the reply did not end for them", async () => {
    const body = events(begin, begun({}), ...end("stop_sequence"));
    expect((await recorder.replied("claude", "m", body)).finishReason).toBe("stop");
  });

  test("a beginning that comes twice loses no arguments", async () => {
    const body = events(begin, begun({}), begun({ at: 1 }), ...end("tool_use"));
    await expect(recorder.replied("claude", "m", body)).rejects.toMatchObject({ kind: "protocol" });
  });
});

describe("a call that is not there", () => {
  const chat = (delta: object, finish_reason: string, whole = false) =>
    whole
      ? JSON.stringify({ choices: [{ message: delta, finish_reason }] })
      : `${events({ choices: [{ index: 0, delta }] }, { choices: [{ index: 0, delta: {}, finish_reason }] })}data: [DONE]\n\n`;
  const EMPTY = [
    { index: 0, id: "", type: "function", function: { name: "", arguments: "" } },
    { index: 0, id: null, type: "function", function: null },
    { index: 0, id: "x", type: "function", function: { name: null, arguments: null } },
    { index: 0, id: "x", type: "function", function: { name: "", arguments: "{}" } },
  ];
  const claude = (stop_reason: string, ...blocks: readonly object[]) =>
    events(
      { type: "message_start", message: { id: "m", content: [] } },
      ...blocks.flatMap((content_block, index) => [
        { type: "content_block_start", index, content_block },
        { type: "content_block_stop", index },
      ]),
      { type: "message_delta", delta: { stop_reason } },
      { type: "message_stop" },
    );

  test.each(EMPTY)("an answer is not lost for an empty call next to it: %j", async (call) => {
    for (const whole of [false, true]) {
      const body = chat({ content: "Hi", tool_calls: [call] }, "stop", whole);
      expect(await recorder.replied("compatible", "m", body, { whole })).toMatchObject({
        content: "Hi",
        toolCalls: [],
        finishReason: "stop",
      });
    }
  });

  test("a call is delivered next to an empty one", async () => {
    const calls = [
      { index: 0, id: "a", function: { name: "look", arguments: "{}" } },
      { index: 1, id: "", function: { name: "", arguments: "" } },
    ];
    const reply = await recorder.replied("compatible", "m", chat({ tool_calls: calls }, "tool_calls"));
    expect(reply).toMatchObject({ toolCalls: [{ id: "a", name: "look", arguments: {} }], finishReason: "toolCalls" });
  });

  test("Ollama's answer is not lost for an empty call next to it", async () => {
    const message = { role: "assistant", content: "Hi", tool_calls: [{ function: { name: "", arguments: {} } }] };
    const body = `${JSON.stringify({ model: "m", message, done: true, done_reason: "stop" })}\n`;
    expect(await recorder.replied("ollama own", "m", body)).toMatchObject({ content: "Hi", finishReason: "stop" });
  });

  const thinking = { type: "thinking", thinking: "hm", signature: "s" };
  test.each([
    ["compatible", chat({ content: "" }, "tool_calls")],
    ["compatible", chat({ reasoning_content: "hm" }, "tool_calls")],
    ["compatible", chat({ content: "Hi", tool_calls: [EMPTY[0]] }, "tool_calls")],
    ["compatible", chat({ tool_calls: [{ function: { name: "", arguments: '{"at":1}' } }] }, "stop")],
    ["claude", claude("tool_use")],
    ["claude", claude("tool_use", thinking)],
  ] as const)(
    "a reply that ended for a call which never came is not taken for a silent success",
    async (name, body) => {
      await expect(recorder.replied(name, "m", body)).rejects.toMatchObject({ kind: "protocol", retryable: true });
    },
  );

  test.each([
    ["compatible", chat({ content: "Hi" }, "tool_calls")],
    ["claude", claude("tool_use", { type: "text", text: "Hi" })],
  ] as const)("its text stays: %s", async (name, body) => {
    expect(await recorder.replied(name, "m", body)).toMatchObject({ content: "Hi", toolCalls: [] });
  });
});
