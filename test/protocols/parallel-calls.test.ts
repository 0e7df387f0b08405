/** Calls of one reply that their server marks alike: no call is glued to another, lost, or answered for another. */

import type { AssistantMessage } from "cloudllm";
import { describe, expect, test } from "vitest";
import { type ClientName, events, useRequestRecorder } from "../support/sent-requests.ts";

const recorder = useRequestRecorder();

const A = { name: "look", args: '{"at":1}' };
const B = { name: "find", args: '{"at":2}' };
/** The same tool once more. */
const C = { name: "look", args: '{"at":3}' };
type Call = typeof A;

// Chat Completions
const chatCall = ({ name, args }: Call, marks: object) => ({
  ...marks,
  type: "function",
  function: { name, arguments: args },
});
const chatEvent = (choice: object) => ({ id: "c", choices: [{ index: 0, ...choice }] });
const chatStream = (...lists: readonly (readonly object[])[]) =>
  `${events(
    ...lists.map((tool_calls) => chatEvent({ delta: { tool_calls } })),
    chatEvent({ delta: {}, finish_reason: "tool_calls" }),
  )}data: [DONE]\n\n`;
const chatWhole = (...tool_calls: readonly object[]) =>
  JSON.stringify(chatEvent({ message: { role: "assistant", content: null, tool_calls }, finish_reason: "tool_calls" }));
const chatMessageAtTheEnd = (...tool_calls: readonly object[]) =>
  `${events(chatEvent({ delta: {}, message: { tool_calls }, finish_reason: "tool_calls" }))}data: [DONE]\n\n`;

/** A call as a server streams it: begun, then two pieces with the marks alone. */
const inPieces = ({ name, args }: Call, marks: object) => [
  [chatCall({ name, args: "" }, marks)],
  [{ ...marks, function: { arguments: args.slice(0, 4) } }],
  [{ ...marks, function: { arguments: args.slice(4) } }],
];

// Responses
const item = ({ name, args }: Call, marks: object) => ({
  type: "function_call",
  status: "completed",
  name,
  arguments: args,
  ...marks,
});
const done = (call: Call, marks: object, at: object) => ({
  type: "response.output_item.done",
  ...at,
  item: item(call, marks),
});
const added = (call: Call, marks: object, at: object) => ({
  type: "response.output_item.added",
  ...at,
  item: { ...item({ ...call, args: "" }, marks), status: "in_progress" },
});
const piece = (call: Call, at: object) => ({ type: "response.function_call_arguments.delta", ...at, delta: call.args });
const completed = (...output: readonly object[]) => ({
  type: "response.completed",
  response: { id: "r", status: "completed", output },
});

// Anthropic
const block = ({ name, args }: Call, marks: object) => ({ type: "tool_use", name, input: JSON.parse(args), ...marks });
const claudeStream = (...calls: readonly (readonly [Call, object, object])[]) =>
  events(
    { type: "message_start", message: { id: "m", content: [] } },
    ...calls.flatMap(([call, marks, at]) => [
      { type: "content_block_start", ...at, content_block: { ...block(call, marks), input: {} } },
      { type: "content_block_delta", ...at, delta: { type: "input_json_delta", partial_json: call.args } },
      { type: "content_block_stop", ...at },
    ]),
    { type: "message_delta", delta: { stop_reason: "tool_use" } },
    { type: "message_stop" },
  );
const claudeWhole = (...content: readonly object[]) =>
  JSON.stringify({ id: "m", type: "message", role: "assistant", content, stop_reason: "tool_use" });

// Gemini
const part = ({ name, args }: Call, marks: object) => ({ functionCall: { name, args: JSON.parse(args), ...marks } });
const candidate = (...parts: readonly object[]) => ({
  responseId: "g",
  candidates: [{ content: { role: "model", parts }, finishReason: "STOP" }],
});

const one = { id: "one" };
const call1 = { call_id: "one" };

const CASES: readonly (readonly [string, ClientName, string, readonly Call[]])[] = [
  ["one id, non-streamed", "compatible", chatWhole(chatCall(A, one), chatCall(B, one)), [A, B]],
  ["one id, one tool, non-streamed", "compatible", chatWhole(chatCall(A, one), chatCall(C, one)), [A, C]],
  ["equal calls, non-streamed", "compatible", chatWhole(chatCall(A, one), chatCall(A, one)), [A, A]],
  ["no marks, non-streamed", "compatible", chatWhole(chatCall(A, {}), chatCall(A, {})), [A, A]],
  ["one index, non-streamed", "compatible", chatWhole(chatCall(A, { index: 0 }), chatCall(C, { index: 0 })), [A, C]],
  [
    "one id, a message that ends a stream",
    "compatible",
    chatMessageAtTheEnd(chatCall(A, one), chatCall(C, one)),
    [A, C],
  ],
  [
    "one id, by index",
    "compatible",
    chatStream([chatCall(A, { index: 0, ...one })], [chatCall(B, { index: 1, ...one })]),
    [A, B],
  ],
  [
    "one id and one tool, by index",
    "compatible",
    chatStream([chatCall(A, { index: 0, ...one })], [chatCall(C, { index: 1, ...one })]),
    [A, C],
  ],
  [
    "one id, in pieces",
    "compatible",
    chatStream(...inPieces(A, { index: 0, ...one }), ...inPieces(C, { index: 1, ...one })),
    [A, C],
  ],
  [
    "one id, in pieces that alternate",
    "compatible",
    chatStream(
      ...[0, 1, 2].flatMap((at) => [
        inPieces(A, { index: 0, ...one })[at] ?? [],
        inPieces(C, { index: 1, ...one })[at] ?? [],
      ]),
    ),
    [A, C],
  ],
  ["one id without an index", "compatible", chatStream([chatCall(A, one)], [chatCall(B, one)]), [A, B]],
  ["one id and one tool without an index", "compatible", chatStream([chatCall(A, one)], [chatCall(C, one)]), [A, C]],
  ["one id, in one list", "compatible", chatStream([chatCall(A, one), chatCall(A, one)]), [A, A]],
  [
    "one id and one index",
    "compatible",
    chatStream([chatCall(A, { index: 0, ...one })], [chatCall(C, { index: 0, ...one })]),
    [A, C],
  ],
  [
    "one index",
    "compatible",
    chatStream([chatCall(A, { index: 0, id: "a" })], [chatCall(C, { index: 0, id: "b" })]),
    [A, C],
  ],
  ["one index and no ids", "compatible", chatStream([chatCall(A, { index: 0 })], [chatCall(C, { index: 0 })]), [A, C]],
  ["no marks", "compatible", chatStream([chatCall(A, {})], [chatCall(B, {})], [chatCall(C, {})]), [A, B, C]],
  [
    "no marks and no arguments",
    "compatible",
    chatStream([chatCall({ ...A, args: "" }, {})], [chatCall({ ...B, args: "" }, {})]),
    [
      { ...A, args: "{}" },
      { ...B, args: "{}" },
    ],
  ],
  ...[{}, one, { index: 0 }, { index: 0, ...one }].map((marks): (typeof CASES)[number] => [
    `the same marks (${Object.keys(marks).join(" and ") || "none"}), each begun by its name alone`,
    "compatible",
    chatStream(...[A, C, B].flatMap((call) => inPieces(call, marks))),
    [A, C, B],
  ]),
  [
    "one index, at the same time",
    "compatible",
    chatStream(
      ...[0, 1, 2].map((at) => [A, C].flatMap((call, n) => inPieces(call, { index: 0, id: `i${n}` })[at] ?? [])),
    ),
    [A, C],
  ],
  [
    "one id and names on every piece, at the same time",
    "compatible",
    chatStream(
      ...[0, 1, 2].map((at) =>
        [A, C].flatMap((call, index) =>
          (inPieces(call, { index, ...one })[at] ?? []).map((piece) => ({
            ...piece,
            function: { name: call.name, ...("function" in piece && (piece.function as object)) },
          })),
        ),
      ),
    ),
    [A, C],
  ],
  [
    "an id for each piece",
    "compatible",
    chatStream(
      ...[A, C].flatMap((call, n) => inPieces(call, {}).map(([piece], at) => [{ ...piece, id: `i${n}.${at}` }])),
    ),
    [A, C],
  ],
  [
    "empty ids",
    "compatible",
    chatStream([chatCall(A, { id: "", index: 0 })], [chatCall(B, { id: "", index: 1 })]),
    [A, B],
  ],

  [
    "one id, non-streamed",
    "openai",
    JSON.stringify({ id: "r", status: "completed", output: [item(A, call1), item(C, call1)] }),
    [A, C],
  ],
  [
    "no ids, non-streamed",
    "openai",
    JSON.stringify({ id: "r", status: "completed", output: [item(A, {}), item(A, {})] }),
    [A, A],
  ],
  [
    "one id",
    "openai",
    events(done(A, call1, { output_index: 0 }), done(C, call1, { output_index: 1 }), completed()),
    [A, C],
  ],
  [
    "one id, repeated at the end",
    "openai",
    events(
      done(A, call1, { output_index: 0 }),
      done(C, call1, { output_index: 1 }),
      completed(item(A, call1), item(C, call1)),
    ),
    [A, C],
  ],
  [
    "one id, the second at the end alone",
    "openai",
    events(done(A, call1, { output_index: 0 }), completed(item(A, call1), item(C, call1))),
    [A, C],
  ],
  [
    "one place",
    "openai",
    events(done(A, { call_id: "a" }, { output_index: 0 }), done(B, { call_id: "b" }, { output_index: 0 }), completed()),
    [A, B],
  ],
  [
    "one place and one id",
    "openai",
    events(done(A, call1, { output_index: 0 }), done(C, call1, { output_index: 0 }), completed()),
    [A, C],
  ],
  [
    "one place, one after the other",
    "openai",
    events(
      ...[A, B].flatMap((call, at) => [
        added(call, { id: `fc${at}`, call_id: `c${at}` }, { output_index: 0 }),
        piece(call, { output_index: 0, item_id: `fc${at}` }),
        done({ ...call, args: "" }, { id: `fc${at}`, call_id: `c${at}` }, { output_index: 0 }),
      ]),
      completed(),
    ),
    [A, B],
  ],
  [
    "one place, at the same time",
    "openai",
    events(
      ...[A, B].map((call, at) => added(call, { id: `fc${at}`, call_id: `c${at}` }, { output_index: 0 })),
      ...[A, B].map((call, at) => piece(call, { output_index: 0, item_id: `fc${at}` })),
      ...[A, B].map((call, at) =>
        done({ ...call, args: "" }, { id: `fc${at}`, call_id: `c${at}` }, { output_index: 0 }),
      ),
      completed(),
    ),
    [A, B],
  ],
  ["no places and no ids", "openai", events(done(A, {}, {}), done(B, {}, {}), completed()), [A, B]],
  [
    "one id of item, no places",
    "openai",
    events(done(A, { id: "i", call_id: "a" }, {}), done(B, { id: "i", call_id: "b" }, {}), completed()),
    [A, B],
  ],
  ...[{}, { output_index: 0 }].flatMap((at) =>
    [true, false].map((named): (typeof CASES)[number] => [
      `${named ? "ids of items" : "no ids of items"} at ${JSON.stringify(at)}, never ended one by one`,
      "openai",
      events(
        { type: "response.created", response: { id: "r" } },
        ...[A, B].flatMap((call, n) => [
          added(call, { ...(named && { id: `fc${n}` }), call_id: `c${n}` }, at),
          piece(call, { ...at, ...(named && { item_id: `fc${n}` }) }),
        ]),
        completed(...[A, B].map((call, n) => item(call, { ...(named && { id: `fc${n}` }), call_id: `c${n}` }))),
      ),
      [A, B],
    ]),
  ),
  [
    "one id of item, never ended one by one",
    "openai",
    events(
      ...[A, B].flatMap((call, n) => [
        added(call, { id: "fc", call_id: `c${n}` }, {}),
        piece(call, { item_id: "fc" }),
        { type: "response.function_call_arguments.done", item_id: "fc", arguments: call.args },
      ]),
      completed(...[A, B].map((call, n) => item(call, { id: "fc", call_id: `c${n}` }))),
    ),
    [A, B],
  ],
  [
    "equal calls with equal marks, each begun",
    "openai",
    events(
      ...[A, A].flatMap((call) => [
        added(call, { id: "fc", ...call1 }, { output_index: 0 }),
        done(call, { id: "fc", ...call1 }, { output_index: 0 }),
      ]),
      completed(),
    ),
    [A, A],
  ],

  ["one id, non-streamed", "claude", claudeWhole(block(A, one), block(C, one)), [A, C]],
  ["no ids, non-streamed", "claude", claudeWhole(block(A, {}), block(A, {})), [A, A]],
  ["one id", "claude", claudeStream([A, one, { index: 0 }], [C, one, { index: 1 }]), [A, C]],
  ["one index", "claude", claudeStream([A, { id: "a" }, { index: 0 }], [C, { id: "b" }, { index: 0 }]), [A, C]],
  ["one id and one index", "claude", claudeStream([A, one, { index: 0 }], [A, one, { index: 0 }]), [A, A]],
  ["no marks", "claude", claudeStream([A, {}, {}], [A, {}, {}]), [A, A]],

  ["one id, one event", "gemini", events(candidate(part(A, one), part(C, one))), [A, C]],
  ["one id, two events", "gemini", events(candidate(part(A, one)), candidate(part(C, one))), [A, C]],
  ["no ids", "gemini", events(candidate(part(A, {}), part(A, {}))), [A, A]],
  ["one id, non-streamed", "gemini", JSON.stringify(candidate(part(A, one), part(A, one))), [A, A]],
];

test.each(CASES)(
  "%s, at %s: each call is delivered, and answered by its own answer",
  async (_how, client, body, due) => {
    const reply = await recorder.replied(client, "m", body);
    expect(reply.finishReason).toBe("toolCalls");
    expect(reply.toolCalls.map((call) => [call.name, call.arguments])).toEqual(
      due.map(({ name, args }) => [name, JSON.parse(args)]),
    );
    const ids = reply.toolCalls.map(({ id }) => id);
    expect(ids.every((id) => id !== "")).toBe(true);
    expect(new Set(ids).size).toBe(due.length);
    if (client !== "gemini")
      expect(await sentIds(client, reply)).toEqual({ calls: due.length, answers: due.length, matching: true });
  },
);

/** How the calls and their answers are named when they go back to their writer. */
async function sentIds(client: ClientName, reply: AssistantMessage) {
  const answers = reply.toolCalls.map(({ id }) => ({ role: "tool", toolCallId: id, content: id }) as const);
  const { body } = await recorder.sent(client, "m", [{ role: "user", content: "?" }, reply, ...answers]);
  const calls = new Set<unknown>();
  const answered = new Set<unknown>();
  JSON.stringify(body, (_key, value: unknown) => {
    const { type, id, call_id, tool_use_id, tool_call_id } = (value ?? {}) as Readonly<Record<string, unknown>>;
    if (type === "function_call" || type === "tool_use" || type === "function") calls.add(call_id ?? id);
    const answer = tool_use_id ?? tool_call_id ?? (type === "function_call_output" ? call_id : undefined);
    if (answer !== undefined) answered.add(answer);
    return value;
  });
  return { calls: calls.size, answers: answered.size, matching: [...calls].every((id) => answered.has(id)) };
}

describe("what is not two calls", () => {
  test.each<[string, string]>([
    [
      "repeated in full under its id",
      chatStream([chatCall(A, { index: 0, ...one })], [chatCall(A, { index: 0, ...one })]),
    ],
    [
      "with id and name on every piece",
      chatStream(
        [chatCall({ ...A, args: '{"at"' }, { index: 0, ...one })],
        [chatCall({ ...A, args: ":1}" }, { index: 0, ...one })],
      ),
    ],
    [
      "with an id of its own on every piece",
      chatStream(
        [chatCall({ ...A, args: '{"at"' }, { index: 0, id: "p1" })],
        [{ index: 0, id: "p2", function: { arguments: ":1}" } }],
      ),
    ],
  ])("a call %s", async (_how, body) => {
    const { toolCalls } = await recorder.replied("compatible", "m", body);
    expect(toolCalls).toMatchObject([{ name: "look", arguments: { at: 1 } }]);
    expect(toolCalls).toHaveLength(1);
  });

  test("an item of Responses whose id changes from event to event", async () => {
    const body = events(
      added(A, { id: "i1", call_id: "c" }, { output_index: 0 }),
      piece(A, { output_index: 0, item_id: "i2" }),
      done(A, { id: "i3", call_id: "c" }, { output_index: 0 }),
      done(A, { id: "i3", call_id: "c" }, { output_index: 0 }),
      completed(item(A, { id: "i4", call_id: "c" })),
    );
    const { toolCalls } = await recorder.replied("openai", "m", body);
    expect(toolCalls).toEqual([{ id: "c", name: "look", arguments: { at: 1 } }]);
  });
});

test("two texts of Responses at one place are both reported", async () => {
  const text = (id: string, said: string) => [
    { type: "response.output_item.added", output_index: 0, item: { type: "message", id, content: [] } },
    { type: "response.output_text.delta", output_index: 0, content_index: 0, item_id: id, delta: said },
    {
      type: "response.output_item.done",
      output_index: 0,
      item: { type: "message", id, content: [{ type: "output_text", text: said }] },
    },
  ];
  const { content } = await recorder.replied(
    "openai",
    "m",
    events(...text("a", "One, "), ...text("b", "two."), completed()),
  );
  expect(content).toBe("One, two.");
});

test("two calls of Claude's own tools under one id are both reported", async () => {
  const used = (query: string) => ({ type: "server_tool_use", id: "s", name: "web_search", input: { query } });
  const found = (url: string) => ({ type: "web_search_tool_result", tool_use_id: "s", content: [{ url }] });
  const body = JSON.stringify({
    id: "m",
    type: "message",
    content: [used("a"), used("b"), found("u:a"), found("u:b"), { type: "text", text: "ok" }],
    stop_reason: "end_turn",
  });
  const { providerToolCalls } = await recorder.replied("claude", "m", body);
  expect(providerToolCalls?.map((call) => [call.arguments, call.result])).toEqual([
    [{ query: "a" }, [{ url: "u:a" }]],
    [{ query: "b" }, [{ url: "u:b" }]],
  ]);
});
