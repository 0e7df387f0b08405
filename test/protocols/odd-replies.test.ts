/** Replies that are a little other than documented, as servers and gateways send them: nothing that came is lost in silence. */

import type { AssistantMessage } from "cloudllm";
import { describe, expect, test } from "vitest";
import { type ClientName, events, useRequestRecorder } from "../support/sent-requests.ts";

const recorder = useRequestRecorder();

type Case = readonly [string, readonly object[], Partial<AssistantMessage>];
const replied = (client: ClientName, list: readonly object[]) =>
  recorder.replied(client, "m", client === "compatible" ? `${events(...list)}data: [DONE]\n\n` : events(...list));

describe("Chat Completions", () => {
  const chunk = (delta: object, finish_reason?: string) => ({ id: "c", choices: [{ index: 0, delta, finish_reason }] });
  const stop = chunk({}, "stop");
  const piece = (index: number, id: string, json: string, name?: string) =>
    chunk({ tool_calls: [{ index, id, function: { ...(name && { name }), arguments: json } }] });
  const call = { id: "a", name: "look", arguments: { at: 1 } };

  test.each<Case>([
    ["an index that is a text", [{ choices: [{ index: "0", delta: { content: "Hi" } }] }, stop], { content: "Hi" }],
    [
      "an id and a model that are numbers",
      [{ ...chunk({ content: "Hi" }), id: 7, model: 8 }, stop],
      { id: "7", model: "8" },
    ],
    [
      "another id with every piece of a call",
      [
        piece(0, "a", '{"at"', "look"),
        piece(0, "b", ":1"),
        piece(0, "c", "}"),
        piece(0, "d", ""),
        chunk({}, "tool_calls"),
      ],
      { toolCalls: [call] },
    ],
    [
      "a call in its old form",
      [
        chunk({ function_call: { name: "look", arguments: "" } }),
        chunk({ function_call: { arguments: '{"at":1}' } }),
        chunk({}, "function_call"),
      ],
      { toolCalls: [{ ...call, id: "call_8sdw_0" }], finishReason: "toolCalls" },
    ],
    [
      "an annotation without its envelope",
      [chunk({ content: "So.", annotations: [{ type: "url_citation", url: "https://a.com", title: "A" }] }), stop],
      { citations: [{ url: "https://a.com", title: "A" }] },
    ],
    [
      "sources that are no addresses",
      [
        { ...chunk({ content: "So." }), citations: [5, null, "https://a.com"], search_results: [null, { url: 5 }] },
        stop,
      ],
      { citations: [{ url: "https://a.com" }] },
    ],
  ])("%s", async (_name, list, expected) => {
    expect(await replied("compatible", list)).toMatchObject(expected);
  });

  test("a new id with a name, at an index that is known, begins a new call", async () => {
    const list = [
      piece(0, "a", "{}", "look"),
      piece(0, "b", '{"at":', "look"),
      piece(0, "b", "1}"),
      chunk({}, "tool_calls"),
    ];
    expect((await replied("compatible", list)).toolCalls.map(({ arguments: args }) => args)).toEqual([{}, { at: 1 }]);
  });

  test("an answer inside the field that names its provider", async () => {
    const inner = { id: "c", choices: [{ message: { content: "Hi" }, finish_reason: "stop" }] };
    const body = JSON.stringify({ id: null, choices: null, provider: inner });
    expect(await recorder.replied("openrouter", "m", body, { whole: true })).toMatchObject({ content: "Hi" });
  });
});

describe("Anthropic", () => {
  const about = (...list: readonly object[]) => [
    { type: "message_start", message: { id: 7, model: 8, content: [] } },
    ...list,
    { type: "message_delta", delta: { stop_reason: "end_turn" } },
    { type: "message_stop" },
  ];
  const block = (content_block: object, ...deltas: readonly object[]) => [
    { type: "content_block_start", index: 0, content_block },
    ...deltas.map((delta) => ({ type: "content_block_delta", index: 0, delta })),
    { type: "content_block_stop", index: 0 },
  ];

  test.each<Case>([
    ["an id and a model that are numbers", about(), { id: "7", model: "8" }],
    ["deltas that do not say what they are", about(...block({ type: "text" }, { text: "Hi" })), { content: "Hi" }],
    ["a block that does not say what it is", about(...block({ text: "Hi" }, { text: " you" })), { content: "Hi you" }],
    [
      "a block whose kind has no text form",
      about(...block({ type: { toString: 1 } }), ...block({ text: "Hi" })),
      { content: "Hi" },
    ],
    [
      "sources that are none",
      about(...block({ type: "text", text: "So.", citations: [null, { url: 5 }, { url: "https://a.com" }] })),
      { content: "So.", citations: [{ url: "https://a.com", startIndex: 0, endIndex: 3 }] },
    ],
  ])("%s", async (_name, list, expected) => {
    expect(await replied("claude", list)).toMatchObject(expected);
  });
});

describe("Responses", () => {
  const completed = (more: object = {}) => ({
    type: "response.completed",
    response: { status: "completed", output: [], ...more },
  });
  const delta = (place: unknown, text: string) => ({
    type: "response.output_text.delta",
    output_index: place,
    content_index: 0,
    delta: text,
  });
  const textless = { toString: 1 };
  const done = (place: unknown, text: string) => ({
    type: "response.output_item.done",
    output_index: place,
    item: { type: "message", content: [{ type: "output_text", text }] },
  });

  test.each<Case>([
    ["an id and a model that are numbers", [completed({ id: 7, model: 8 })], { id: "7", model: "8" }],
    [
      "places that are texts",
      [delta("0", "a"), delta("1", "b"), done("0", "a"), done("1", "b"), completed()],
      { content: "ab" },
    ],
    [
      "an item, a part and a call's id whose words have no text form",
      [
        { type: "response.output_item.done", output_index: 0, item: { type: textless, name: textless } },
        {
          type: "response.output_item.done",
          output_index: 1,
          item: {
            type: "message",
            content: [{ type: "output_text", text: "Hi" }, { type: textless }],
          },
        },
        completed(),
      ],
      { content: "Hi" },
    ],
    [
      "sources next to the answer",
      [
        delta(0, "So."),
        {
          type: "response.output_text.annotation.added",
          output_index: 0,
          content_index: 0,
          annotation: { type: "url_citation", url: "https://a.com" },
        },
        completed({ citations: ["https://a.com", "https://b.com", 5] }),
      ],
      { citations: [{ url: "https://a.com" }, { url: "https://b.com" }] },
    ],
  ])("%s", async (_name, list, expected) => {
    expect(await replied("openai", list)).toMatchObject(expected);
  });
});

describe("Gemini", () => {
  const event = (parts: readonly object[], finishReason?: string) => ({
    candidates: [{ content: { parts }, finishReason }],
  });
  const call = { functionCall: { id: "a", name: "look", args: { at: 1 } } };
  const toolCalls = [{ id: "a", name: "look", arguments: { at: 1 } }];

  test.each<Case>([
    [
      "an id and a model that are numbers",
      [{ ...event([], "STOP"), responseId: 7, modelVersion: 8 }],
      { id: "7", model: "8" },
    ],
    [
      "an index that is a text",
      [{ candidates: [{ index: "0", content: { parts: [{ text: "Hi" }] }, finishReason: "STOP" }] }],
      { content: "Hi" },
    ],
    ["words in the part of a call", [event([{ text: "So:", ...call }], "STOP")], { content: "So:", toolCalls }],
    ["no words in the part of a call", [event([{ text: "", ...call }], "STOP")], { content: "", toolCalls }],
    [
      "answers of its own tools, out of turn",
      [
        event([
          { toolCall: { id: "1", toolType: "GOOGLE_SEARCH_WEB", args: { q: 1 } } },
          { toolCall: { id: "2", toolType: "URL_CONTEXT", args: { q: 2 } } },
        ]),
        event(
          [
            { toolResponse: { id: "2", toolType: "URL_CONTEXT", response: { r: 2 } } },
            { toolResponse: { id: "1", toolType: "GOOGLE_SEARCH_WEB", response: { r: 1 } } },
          ],
          "STOP",
        ),
      ],
      {
        providerToolCalls: [
          { name: "url_context", arguments: { q: 2 }, result: { r: 2 } },
          { name: "google_search_web", arguments: { q: 1 }, result: { r: 1 } },
        ],
      },
    ],
    [
      "two calls of one id",
      [{ ...event([call, { functionCall: { id: "a", name: "note" } }], "STOP"), responseId: "r" }],
      { toolCalls: [...toolCalls, { id: "call_97dh_1", name: "note", arguments: {} }] },
    ],
    [
      "code without a result",
      [event([{ executableCode: { language: "PYTHON", code: "1" } }], "STOP")],
      { providerToolCalls: [{ name: "code_execution", arguments: { language: "PYTHON", code: "1" } }] },
    ],
  ])("%s", async (_name, list, expected) => {
    expect(await replied("gemini", list)).toMatchObject(expected);
  });

  test("a call without a name is an error, not a loss", async () => {
    const outcome = replied("gemini", [event([{ functionCall: { args: { at: 1 } } }], "STOP")]);
    await expect(outcome).rejects.toMatchObject({ kind: "protocol", partial: { toolCalls: [] } });
  });

  test("an error as a bare list, written on many lines, in the middle", async () => {
    const error = JSON.stringify([{ error: { code: 503, message: "Gone away.", status: "UNAVAILABLE" } }], null, 2);
    const outcome = recorder.replied("gemini", "m", `${events(event([{ text: "Half" }]))}${error}\n\n`);
    await expect(outcome).rejects.toMatchObject({ kind: "overloaded", partial: { content: "Half" } });
  });
});
