/**
 * What is told twice: in pieces, and once more when it is done. It is told again in full where no piece came, and never doubled.
 */

import type { AssistantMessage } from "cloudllm";
import { describe, expect, test } from "vitest";
import { type ClientName, events, useRequestRecorder } from "../support/sent-requests.ts";

const recorder = useRequestRecorder();

/** Text, thinking and arguments: how far it is told in pieces, and what all of it is told to be in the end. */
const CASES: readonly (readonly [string, string, string, string])[] = [
  ["all of it came in pieces", "All of it.", "All of it.", "All of it."],
  ["it came only when it was done", "", "All of it.", "All of it."],
  ["it is not repeated", "All of it.", "", "All of it."],
  ["its white space is taken off when it is repeated", "All of it.\n", "All of it.", "All of it.\n"],
  ["the last of it came only when it was done", "All o", "All of it.", "All of it."],
];
const ANOTHER = [
  "it is another when it is repeated: what was shown stays",
  "All of it.",
  "Nothing of it.",
  "All of it.",
] as const;

type Told = Pick<AssistantMessage, "content" | "reasoning" | "toolCalls" | "finishReason">;
const told = async (client: ClientName, body: string): Promise<Told> => {
  const { content, reasoning, toolCalls, finishReason } = await recorder.replied(client, "m", body);
  return { content, reasoning, toolCalls, finishReason };
};
/** At most one event: none where there is nothing to tell. */
const unless = (nothing: boolean, event: object) => (nothing ? [] : [event]);
const completed = (...output: readonly object[]) => ({
  type: "response.completed",
  response: { id: "r", status: "completed", output },
});

describe("Responses", () => {
  const at = { output_index: 0, content_index: 0, item_id: "i" };
  const begun = (item: object) => ({ type: "response.output_item.added", output_index: 0, item: { id: "i", ...item } });
  const ended = (item: object) => ({ type: "response.output_item.done", output_index: 0, item: { id: "i", ...item } });

  /** The event that tells a visible text again. */
  const TEXTS: readonly (readonly [string, (text: string) => readonly object[]])[] = [
    ["`output_text.done`", (text) => [{ type: "response.output_text.done", ...at, text }]],
    [
      "`content_part.done`",
      (text) => [{ type: "response.content_part.done", ...at, part: { type: "output_text", text } }],
    ],
    ["`output_item.done`", (text) => [ended({ type: "message", content: [{ type: "output_text", text }] })]],
    [
      "each of them, and the last event",
      (text) => [
        { type: "response.output_text.done", ...at, text },
        { type: "response.content_part.done", ...at, part: { type: "output_text", text } },
        ended({ type: "message", content: [{ type: "output_text", text }] }),
        completed({ type: "message", content: [{ type: "output_text", text }] }),
      ],
    ],
    ["the last event alone", (text) => [completed({ type: "message", content: [{ type: "output_text", text }] })]],
    [
      "the last event, after an item that is reported by events, at another place",
      (text) => [
        { type: "response.output_item.done", output_index: 3, item: { type: "reasoning", summary: [] } },
        completed({ type: "message", content: [{ type: "output_text", text }] }),
      ],
    ],
  ];
  describe.each(TEXTS)("a text that %s repeats", (_name, again) => {
    test.each(CASES)("%s", async (_case, pieces, whole, content) => {
      const body = events(
        ...unless(pieces === "", { type: "response.output_text.delta", ...at, delta: pieces }),
        ...again(whole),
        completed(),
      );
      expect(await told("openai", body)).toMatchObject({ content, finishReason: "stop" });
    });

    test.each([
      ["pieces are missing", "All it."],
      ["pieces are another text", "Nothing of it."],
      ["pieces came twice", "All of it.All of it."],
    ])("%s: it does not pass for the text", async (_case, pieces) => {
      const piece = { type: "response.output_text.delta", ...at, delta: pieces };
      await expect(told("openai", events(piece, ...again("All of it."), completed()))).rejects.toMatchObject({
        kind: "truncated",
        retryable: false,
        partial: { content: pieces },
      });
    });
  });

  test.each(CASES)("a refusal: %s", async (_case, pieces, refusal, content) => {
    const body = events(
      ...unless(pieces === "", { type: "response.refusal.delta", ...at, delta: pieces }),
      { type: "response.refusal.done", ...at, refusal },
      { type: "response.content_part.done", ...at, part: { type: "refusal", refusal } },
      completed(),
    );
    expect(await told("openai", body)).toMatchObject({ content, finishReason: "refusal" });
  });

  const summary = { output_index: 0, summary_index: 0 };
  const part = (text: string) => ({ type: "summary_text", text });
  const raw = (text: string) => ({ type: "reasoning_text", text });
  const THOUGHTS: readonly (readonly [string, object, (text: string) => object])[] = [
    [
      "`reasoning_summary_text.done`",
      { type: "response.reasoning_summary_text.delta", ...summary },
      (text) => ({ type: "response.reasoning_summary_text.done", ...summary, text }),
    ],
    [
      "`reasoning_summary_part.done`",
      { type: "response.reasoning_summary_text.delta", ...summary },
      (text) => ({ type: "response.reasoning_summary_part.done", ...summary, part: part(text) }),
    ],
    [
      "its item",
      { type: "response.reasoning_summary_text.delta", ...summary },
      (text) => ended({ type: "reasoning", summary: [part(text)] }),
    ],
    [
      "`reasoning_text.done`",
      { type: "response.reasoning_text.delta", ...at },
      (text) => ({ type: "response.reasoning_text.done", ...at, text }),
    ],
    [
      "`content_part.done`",
      { type: "response.reasoning_text.delta", ...at },
      (text) => ({ type: "response.content_part.done", ...at, part: raw(text) }),
    ],
    [
      "the content of its item",
      { type: "response.reasoning_text.delta", ...at },
      (text) => ended({ type: "reasoning", summary: [], content: [raw(text)] }),
    ],
  ];
  describe.each(THOUGHTS)("thinking that %s repeats", (_name, delta, again) => {
    test.each([...CASES, ANOTHER])("%s", async (_case, pieces, whole, reasoning) => {
      const body = events(...unless(pieces === "", { ...delta, delta: pieces }), again(whole), completed());
      expect(await told("openai", body)).toMatchObject({ content: "", reasoning });
    });
  });

  const call = { type: "function_call", call_id: "c", name: "look", status: "completed" };
  /** Pieces, the text when they are done, the text in the item; the last word counts, since nobody has run the pieces. */
  test.each<[string, string, string | undefined, string | undefined, object]>([
    ["in pieces alone", '{"a":1}', undefined, undefined, { a: 1 }],
    ["in pieces, and nothing when they are done", '{"a":1}', "", "", { a: 1 }],
    ["when they are done alone", "", '{"a":1}', undefined, { a: 1 }],
    ["when they are done, and nothing in the item", "", '{"a":1}', "", { a: 1 }],
    ["in the item alone", "", undefined, '{"a":1}', { a: 1 }],
    ["in pieces that lack the end", '{"a"', '{"a":1}', "", { a: 1 }],
    ["in pieces that lack the end, which the item has", '{"a"', undefined, '{"a":1}', { a: 1 }],
    ["otherwise in the item", '{"a":1}', '{"a":1}', '{"a":2}', { a: 2 }],
  ])("arguments that are told %s", async (_name, pieces, done, own, expected) => {
    const body = events(
      begun({ ...call, arguments: "" }),
      ...unless(pieces === "", { type: "response.function_call_arguments.delta", ...at, delta: pieces }),
      ...unless(done === undefined, { type: "response.function_call_arguments.done", ...at, arguments: done }),
      ended({ ...call, arguments: own }),
      completed(),
    );
    const { toolCalls, finishReason } = await told("openai", body);
    expect([toolCalls, finishReason]).toEqual([[{ id: "c", name: "look", arguments: expected }], "toolCalls"]);
  });

  test("a call whose arguments are done is complete in a completed reply, also without an end of its own", async () => {
    const body = events(
      begun({ ...call, arguments: "" }),
      { type: "response.function_call_arguments.done", ...at, arguments: '{"a":1}' },
      completed(),
    );
    expect((await told("openai", body)).toolCalls).toEqual([{ id: "c", name: "look", arguments: { a: 1 } }]);
  });

  test("a call that began with its arguments has them", async () => {
    const body = events(begun({ ...call, arguments: '{"a":1}' }), ended(call), completed());
    expect((await told("openai", body)).toolCalls).toEqual([{ id: "c", name: "look", arguments: { a: 1 } }]);
  });

  test("what a tool of plain text is given", async () => {
    const custom = { type: "custom_tool_call", call_id: "c", name: "run", status: "completed" };
    const body = events(
      begun({ ...custom, input: "" }),
      { type: "response.custom_tool_call_input.delta", ...at, delta: "print" },
      { type: "response.custom_tool_call_input.done", ...at, input: "print(1)" },
      ended(custom),
      completed(),
    );
    expect((await told("openai", body)).toolCalls).toEqual([{ id: "c", name: "run", arguments: "print(1)" }]);
  });

  test("a text whose place in the last event is another is reported once", async () => {
    const delta = { type: "response.output_text.delta", output_index: 1, content_index: 0, delta: "All of it." };
    const message = { type: "message", content: [{ type: "output_text", text: "All of it." }] };
    expect((await told("openai", events(delta, completed(message)))).content).toBe("All of it.");
  });

  test("a text of which no piece came is reported by the last event, next to one that came in pieces", async () => {
    const delta = { type: "response.output_text.delta", output_index: 0, content_index: 0, delta: "One, " };
    const said = (text: string) => ({ type: "message", content: [{ type: "output_text", text }] });
    expect((await told("openai", events(delta, completed(said("One, "), said("two."))))).content).toBe("One, two.");
  });

  test("a blank text next to an empty one is not doubled by the last event", async () => {
    const delta = { type: "response.output_text.delta", output_index: 1, content_index: 0, delta: "\n" };
    const said = (text: string) => ({ type: "message", content: [{ type: "output_text", text }] });
    expect((await told("openai", events(delta, completed(said(""), said("\n"))))).content).toBe("\n");
  });

  test("items without numbers are distinguished by their ids", async () => {
    const said = (id: string, text: string) => [
      { type: "response.output_item.added", item: { type: "message", id, content: [] } },
      { type: "response.output_text.delta", item_id: id, delta: text },
      { type: "response.output_text.done", item_id: id, text },
      { type: "response.output_item.done", item: { type: "message", id, content: [{ type: "output_text", text }] } },
    ];
    const body = events(...said("a", "One, "), ...said("b", "two."), completed());
    expect((await told("openai", body)).content).toBe("One, two.");
  });
});

describe("Chat Completions", () => {
  const chunk = (choice: object) => ({ id: "c", choices: [{ index: 0, ...choice }] });
  const stop = { finish_reason: "stop" };
  const ENDS: readonly (readonly [string, (content: string) => object])[] = [
    ["in the place of a delta", (content) => chunk({ message: { role: "assistant", content }, ...stop })],
    ["next to a delta of nothing", (content) => chunk({ delta: {}, message: { role: "assistant", content }, ...stop })],
    ["next to a delta of null", (content) => chunk({ delta: null, message: { role: "assistant", content }, ...stop })],
  ];
  describe.each(ENDS)("a complete message at the end, %s", (_name, end) => {
    test.each([...CASES, ANOTHER])("%s", async (_case, pieces, whole, content) => {
      const body = `${events(...unless(pieces === "", chunk({ delta: { content: pieces } })), end(whole))}data: [DONE]\n\n`;
      expect(await told("compatible", body)).toMatchObject({ content, finishReason: "stop" });
    });
  });

  test("a piece that was lost is missed when the complete message ends the stream", async () => {
    const pieces = ["All ", "it."].map((content) => chunk({ delta: { content } }));
    const end = chunk({ message: { content: "All of it." }, ...stop });
    const reply = told("compatible", `${events(...pieces, end)}data: [DONE]\n\n`);
    await expect(reply).rejects.toMatchObject({ kind: "truncated", partial: { content: "All it." } });
  });

  test("a message that grows with each event is shown once", async () => {
    const pieces = ["All", " of", " it."];
    const grown = pieces.map((content, at) =>
      chunk({ delta: { content }, message: { role: "assistant", content: pieces.slice(0, at + 1).join("") } }),
    );
    const body = `${events(...grown, chunk({ delta: {}, message: { content: "All of it." }, ...stop }))}data: [DONE]\n\n`;
    expect((await told("compatible", body)).content).toBe("All of it.");
  });

  const calls = [{ id: "a", type: "function", function: { name: "look", arguments: '{"at":1}' } }];
  test.each<[string, readonly object[]]>([
    ["come with it alone", []],
    ["have come in pieces", [chunk({ delta: { tool_calls: [{ index: 0, ...calls[0] }] } })]],
  ])("calls and thinking of a whole message that %s are told once", async (_name, before) => {
    const thinking = before.length > 0 ? [chunk({ delta: { reasoning_content: "hm" } })] : [];
    const message = { content: null, reasoning_content: "hm", tool_calls: calls };
    const body = `${events(...thinking, ...before, chunk({ message, finish_reason: "tool_calls" }))}data: [DONE]\n\n`;
    expect(await told("compatible", body)).toEqual({
      content: "",
      reasoning: "hm",
      toolCalls: [{ id: "a", name: "look", arguments: { at: 1 } }],
      finishReason: "toolCalls",
    });
  });
});

describe("Anthropic", () => {
  test.each<[string, object, object, Partial<Told>]>([
    ["text", { type: "text", text: "All " }, { type: "text_delta", text: "of it." }, { content: "All of it." }],
    [
      "thinking",
      { type: "thinking", thinking: "All ", signature: "" },
      { type: "thinking_delta", thinking: "of it." },
      { reasoning: "All of it." },
    ],
  ])("%s that a block begins with is the beginning of it", async (_name, content_block, delta, expected) => {
    const body = events(
      { type: "message_start", message: { id: "m", content: [] } },
      { type: "content_block_start", index: 0, content_block },
      { type: "content_block_delta", index: 0, delta },
      { type: "content_block_stop", index: 0 },
      { type: "message_delta", delta: { stop_reason: "end_turn" } },
      { type: "message_stop" },
    );
    expect(await told("claude", body)).toMatchObject(expected);
  });
});
