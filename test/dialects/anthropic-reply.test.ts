/** Replies in the form of Anthropic Messages: every row that its libraries need, and no half reply as a whole. */

import { describe, expect, test } from "vitest";
import type { AssistantMessage } from "../../src/contract/message.ts";
import { anthropicMessages } from "../../src/dialects/anthropic/dialect.ts";
import { anthropicWire as WIRE } from "../../src/dialects/anthropic/reply.ts";
import {
  call,
  chunks,
  complete,
  encoded,
  message,
  OPENED,
  piece,
  REPLY,
  rewind,
  text,
  thinking,
} from "../support/encoding.ts";

const USAGE = { inputTokens: 40, outputTokens: 20, totalTokens: 60, cachedInputTokens: 30, cacheWriteTokens: 4 };
const COUNTED = { input_tokens: 6, cache_read_input_tokens: 30, cache_creation_input_tokens: 4, output_tokens: 20 };

test("every event has its name, and the words are in a block that begins and ends", () => {
  const events = encoded(WIRE, OPENED, chunks(text("Hel"), text("lo")), complete({ usage: USAGE }));
  for (const { event, data } of events) expect(data).toHaveProperty("type", event);
  expect(events.map(({ data }) => data)).toEqual([
    {
      type: "message_start",
      message: {
        id: "msg_r1",
        type: "message",
        role: "assistant",
        model: "script",
        content: [],
        stop_reason: null,
        stop_sequence: null,
        usage: { input_tokens: 12, cache_creation_input_tokens: 0, cache_read_input_tokens: 0, output_tokens: 0 },
      },
    },
    { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
    { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "Hel" } },
    { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "lo" } },
    { type: "content_block_stop", index: 0 },
    { type: "message_delta", delta: { stop_reason: "end_turn", stop_sequence: null }, usage: COUNTED },
    { type: "message_stop" },
  ]);
});

test("the size of the request is in the last usage again, estimated where the provider says nothing", () => {
  const events = encoded(WIRE, OPENED, complete());
  expect(events.at(-2)?.data).toMatchObject({ usage: { input_tokens: 12, output_tokens: 0 } });
});

test("thinking has a block of its own, closed by a signature: programs throw thinking without one away", () => {
  const events = encoded(WIRE, OPENED, chunks(thinking("Hm"), text("Yes"), thinking("Well"), text("!")), complete());
  expect(events.slice(1, -2).map(({ data }) => data)).toEqual([
    { type: "content_block_start", index: 0, content_block: { type: "thinking", thinking: "", signature: "" } },
    { type: "content_block_delta", index: 0, delta: { type: "thinking_delta", thinking: "Hm" } },
    { type: "content_block_delta", index: 0, delta: { type: "signature_delta", signature: "cloudllm-r1" } },
    { type: "content_block_stop", index: 0 },
    { type: "content_block_start", index: 1, content_block: { type: "text", text: "" } },
    { type: "content_block_delta", index: 1, delta: { type: "text_delta", text: "Yes" } },
    { type: "content_block_stop", index: 1 },
    { type: "content_block_start", index: 2, content_block: { type: "thinking", thinking: "", signature: "" } },
    { type: "content_block_delta", index: 2, delta: { type: "thinking_delta", thinking: "Well" } },
    { type: "content_block_delta", index: 2, delta: { type: "signature_delta", signature: "cloudllm-r1" } },
    { type: "content_block_stop", index: 2 },
    { type: "content_block_start", index: 3, content_block: { type: "text", text: "" } },
    { type: "content_block_delta", index: 3, delta: { type: "text_delta", text: "!" } },
    { type: "content_block_stop", index: 3 },
  ]);
});

describe("tool calls", () => {
  const begun = (index: number, id: string, name: string) => ({
    type: "content_block_start",
    index,
    content_block: { type: "tool_use", id, name, input: {} },
  });
  const json = (index: number, partial_json: string) => ({
    type: "content_block_delta",
    index,
    delta: { type: "input_json_delta", partial_json },
  });
  const closed = (index: number) => ({ type: "content_block_stop", index });

  test("each has a block that is closed before the next one begins", () => {
    const events = encoded(
      WIRE,
      OPENED,
      chunks(text("See."), piece(0, "weather", '{"city":'), piece(0, "weather", '"Oslo"}'), piece(1, "now", "{}")),
      chunks(call({ id: "call_0", name: "weather", arguments: { city: "Oslo" } })),
      chunks(call({ id: "call_1", name: "now", arguments: {} })),
      complete({ finishReason: "toolCalls" }),
    );
    expect(events.slice(4, -2).map(({ data }) => data)).toEqual([
      begun(1, "call_0", "weather"),
      json(1, '{"city":'),
      json(1, '"Oslo"}'),
      closed(1),
      begun(2, "call_1", "now"),
      json(2, "{}"),
      closed(2),
    ]);
    expect(events.at(-2)?.data).toMatchObject({ delta: { stop_reason: "tool_use" } });
  });

  test("pieces of two that come by turns stay in their own blocks", () => {
    const events = encoded(
      WIRE,
      chunks(piece(0, "a", '{"x":'), piece(1, "b", '{"y":'), piece(0, "a", "1}"), piece(1, "b", "2}")),
      chunks(
        call({ id: "call_0", name: "a", arguments: { x: 1 } }),
        call({ id: "call_1", name: "b", arguments: { y: 2 } }),
      ),
    );
    expect(events.map(({ data }) => data)).toEqual([
      begun(0, "call_0", "a"),
      json(0, '{"x":'),
      begun(1, "call_1", "b"),
      json(1, '{"y":'),
      json(0, "1}"),
      json(1, "2}"),
      closed(0),
      closed(1),
    ]);
  });

  test("one that comes as a whole has its input, and one without input an object", () => {
    const events = encoded(
      WIRE,
      chunks(call({ id: "a", name: "weather", arguments: { city: "Oslo" } }), piece(1, "now", "", "b")),
      chunks(call({ id: "b", name: "now", arguments: {} })),
    );
    expect(events.map(({ data }) => data)).toEqual([
      begun(0, "a", "weather"),
      json(0, '{"city":"Oslo"}'),
      closed(0),
      begun(1, "b", "now"),
      json(1, "{}"),
      closed(1),
    ]);
  });

  test("digits that a number loses are kept in both forms", () => {
    const rawArguments = '{"id":9007199254740993}';
    const exact = { id: "a", name: "f", arguments: { id: "9007199254740993" }, rawArguments };
    expect(JSON.stringify(encoded(WIRE, chunks(call(exact))))).toContain('\\"id\\":9007199254740993');
    expect(WIRE.complete(message({ toolCalls: [exact] }), REPLY).text).toContain('"input":{"id":9007199254740993}');
  });
});

test.each([
  ["stop", "end_turn"],
  ["length", "max_tokens"],
  ["toolCalls", "tool_use"],
  ["contentFilter", "refusal"],
  ["refusal", "refusal"],
] as const)("the finish reason %s is %s in both forms", (finishReason, word) => {
  expect(encoded(WIRE, OPENED, complete({ finishReason })).at(-2)?.data).toMatchObject({
    delta: { stop_reason: word },
  });
  expect(body({ finishReason }).stop_reason).toBe(word);
});

test.each(["stopped", "interrupted", "unknown"] as const)(
  "a reply that ended as %s is an error in both forms, never a short answer",
  (finishReason) => {
    const events = encoded(WIRE, OPENED, chunks(text("Half")), complete({ finishReason }));
    expect(events.at(-1)).toMatchObject({ event: "error", data: { type: "error", error: { type: "api_error" } } });
    expect(events.map(({ event }) => event)).not.toContain("message_stop");
    expect(() => WIRE.complete(message({ finishReason }), REPLY)).toThrow();
  },
);

test.each([
  ["overloaded", "overloaded_error"],
  ["rateLimit", "rate_limit_error"],
  ["timeout", "timeout_error"],
  ["contextLength", "invalid_request_error"],
  ["authentication", "api_error"],
  ["server", "api_error"],
] as const)("a failure of the kind %s inside a reply is the last event, of the type %s", (kind, type) => {
  const error = { kind, message: "It failed." };
  const events = encoded(WIRE, OPENED, chunks(text("Half")), { type: "failed", error });
  expect(events.at(-1)).toMatchObject({
    event: "error",
    data: { type: "error", error: { type, message: expect.stringContaining("It failed.") }, request_id: "r1" },
  });
});

test("a reply that goes on elsewhere is an error: this wire has no way to come back", () => {
  expect(encoded(WIRE, OPENED, { type: "reconnect", afterMs: 1 }).at(-1)?.event).toBe("error");
});

describe("a reply that the model begins again", () => {
  test("is an error once words were shown, and nothing follows", () => {
    const encoder = WIRE.encoder(REPLY);
    encoder.encode(OPENED);
    encoder.encode(chunks(text("Half")));
    expect(encoder.encode(chunks(rewind(4), text("Another")))).toMatch(/^event: error\ndata: [^\n]*\n\n$/);
    expect([encoder.isOver, encoder.encode(chunks(text("answer"))), encoder.encode(complete())]).toEqual([
      true,
      "",
      "",
    ]);
  });

  test("goes on when only thinking was shown", () => {
    const events = encoded(WIRE, OPENED, chunks(thinking("Hm"), rewind(0, 2), text("Yes")), complete());
    expect(events.at(-1)?.event).toBe("message_stop");
  });
});

test("sources are in the block of words that they support", () => {
  const citation = { url: "https://example.org/a", title: "A", citedText: "Rain." };
  const location = {
    type: "web_search_result_location",
    url: citation.url,
    title: "A",
    cited_text: "Rain.",
    encrypted_index: "",
  };
  const cited = chunks(text("Rain."), { type: "citation", content: "", isFinal: false, ...citation });
  expect(encoded(WIRE, cited).at(-1)?.data).toEqual({
    type: "content_block_delta",
    index: 0,
    delta: { type: "citations_delta", citation: location },
  });
  expect(body({ content: "Rain.", citations: [citation] }).content).toEqual([
    { type: "text", text: "Rain.", citations: [location] },
  ]);
});

test("a complete reply has blocks for thinking, words and calls, and its usage", () => {
  const toolCalls = [
    { id: "a", name: "weather", arguments: { city: "Oslo" } },
    { id: "", name: "broken", arguments: "{" },
  ];
  expect(body({ content: "See.", reasoning: "Hm", toolCalls, finishReason: "toolCalls", usage: USAGE })).toEqual({
    id: "msg_r1",
    type: "message",
    role: "assistant",
    model: "script",
    content: [
      { type: "thinking", thinking: "Hm", signature: "cloudllm-r1" },
      { type: "text", text: "See." },
      { type: "tool_use", id: "a", name: "weather", input: { city: "Oslo" } },
      { type: "tool_use", id: expect.stringMatching(/^toolu_/), name: "broken", input: { input: "{" } },
    ],
    stop_reason: "tool_use",
    stop_sequence: null,
    usage: COUNTED,
  });
});

test.each([
  [400, "invalidRequest", 400, "invalid_request_error"],
  [401, "authentication", 401, "authentication_error"],
  [403, "permission", 403, "permission_error"],
  [404, "notFound", 404, "not_found_error"],
  [413, "invalidRequest", 413, "request_too_large"],
  [429, "rateLimit", 429, "rate_limit_error"],
  [502, "server", 502, "api_error"],
  [502, "authentication", 502, "api_error"],
  [503, "overloaded", 529, "overloaded_error"],
] as const)("a refusal with %i (%s) is answered with %i and %s", (given, kind, status, type) => {
  const answer = anthropicMessages.error({ kind, message: "No.", requestId: "q" }, given);
  expect(answer.status).toBe(status);
  expect(JSON.parse(answer.text)).toEqual({ type: "error", error: { type, message: "No." }, request_id: "q" });
});

test("a conversation that is too long is refused in the words by which agents shorten it", () => {
  const { text: json } = anthropicMessages.error({ kind: "contextLength", message: "It is too long." }, 400);
  expect(JSON.parse(json).error.message).toMatch(/^prompt is too long/);
});

test("a connection is kept by pings, which every library of Anthropic's skips", () => {
  expect(anthropicMessages.keepAlive).toBe('event: ping\ndata: {"type":"ping"}\n\n');
});

function body(fields: Partial<AssistantMessage>): { readonly stop_reason: string; readonly content: unknown } {
  return JSON.parse(WIRE.complete(message(fields), REPLY).text);
}
