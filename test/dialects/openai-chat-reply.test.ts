/** Replies in the form of Chat Completions: every row that a library of OpenAI's needs, and no half reply as a whole. */

import { describe, expect, test } from "vitest";
import type { AssistantMessage } from "../../src/contract/message.ts";
import { chatWire } from "../../src/dialects/openai-chat/reply.ts";
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
import type { WireEvent } from "../support/gateway.ts";

const WIRE = chatWire(false);
const USAGE = { inputTokens: 40, outputTokens: 20, totalTokens: 60, cachedInputTokens: 30, reasoningTokens: 5 };

/** The deltas of the events, and the finish reason. */
function deltas(events: readonly WireEvent[]): readonly unknown[] {
  return events.map(({ data }) => {
    const { choices } = (typeof data === "object" ? data : {}) as {
      choices?: [{ delta: object; finish_reason: unknown }];
    };
    const [choice] = choices ?? [];
    return choice ? (choice.finish_reason ?? choice.delta) : data;
  });
}

test("the role comes first and alone, the finish reason last, then the end", () => {
  const events = encoded(WIRE, OPENED, chunks(text("Hel"), text("lo")), complete());
  expect(deltas(events)).toEqual([
    { role: "assistant", content: "" },
    { content: "Hel" },
    { content: "lo" },
    "stop",
    "[DONE]",
  ]);
  expect(events[1]?.data).toEqual({
    id: "chatcmpl-r1",
    object: "chat.completion.chunk",
    created: 1_800_000_000,
    model: "script",
    choices: [{ index: 0, delta: { content: "Hel" }, logprobs: null, finish_reason: null }],
  });
});

test("each event is one line of data and a blank line, whatever the text holds", () => {
  const encoder = WIRE.encoder(REPLY);
  const wire = encoder.encode(chunks(text('a\r\n\n"data: [DONE]"\u2028b')));
  expect(wire).toMatch(/^data: \{[^\n\r]*\}\n\n$/);
});

describe("tool calls", () => {
  test("every fragment has the index of its call, and the first one its id and name", () => {
    const events = encoded(
      WIRE,
      OPENED,
      chunks(piece(0, "weather", '{"city"'), piece(0, "weather", ':"Oslo"}')),
      chunks(call({ id: "call_0", name: "weather", arguments: { city: "Oslo" } }), piece(1, "now", "{}")),
      chunks(call({ id: "call_1", name: "now", arguments: {} })),
      complete({ finishReason: "toolCalls" }),
    );
    expect(deltas(events).slice(1)).toEqual([
      { tool_calls: [{ index: 0, id: "call_0", type: "function", function: { name: "weather", arguments: "" } }] },
      { tool_calls: [{ index: 0, function: { arguments: '{"city"' } }] },
      { tool_calls: [{ index: 0, function: { arguments: ':"Oslo"}' } }] },
      { tool_calls: [{ index: 1, id: "call_1", type: "function", function: { name: "now", arguments: "" } }] },
      { tool_calls: [{ index: 1, function: { arguments: "{}" } }] },
      "tool_calls",
      "[DONE]",
    ]);
  });

  test("a call that comes as a whole has its arguments, and one without arguments has an object", () => {
    const events = encoded(
      WIRE,
      chunks(call({ id: "a", name: "weather", arguments: { city: "Oslo" } }), piece(1, "now", "", "b")),
      chunks(call({ id: "b", name: "now", arguments: {} })),
    );
    const fragments = deltas(events).flatMap((delta) => (delta as { tool_calls: object[] }).tool_calls);
    expect(fragments).toMatchObject([
      { index: 0, id: "a" },
      { index: 0, function: { arguments: '{"city":"Oslo"}' } },
      { index: 1, id: "b" },
      { index: 1, function: { arguments: "{}" } },
    ]);
  });

  test("a call that a model made up without an id gets one, since its result must name it", () => {
    const events = encoded(WIRE, chunks(piece(0, "now", "{", ""), piece(0, "now", "}", "")));
    const begun = events.map(({ data }) => JSON.stringify(data)).filter((json) => json.includes('"id":"call_'));
    expect(begun).toHaveLength(1);
    const whole = body({ toolCalls: [{ id: "", name: "now", arguments: {} }] });
    expect(whole.choices[0].message.tool_calls[0].id).toMatch(/^call_/);
  });

  test("digits that a number loses are kept", () => {
    const rawArguments = '{"id":9007199254740993}';
    const exact = { id: "a", name: "f", arguments: { id: "9007199254740993" }, rawArguments };
    expect(JSON.stringify(encoded(WIRE, chunks(call(exact))))).toContain('\\"id\\":9007199254740993');
    expect(body({ toolCalls: [exact] }).choices[0].message.tool_calls[0].function.arguments).toBe(rawArguments);
  });
});

test.each([
  ["stop", "stop"],
  ["length", "length"],
  ["toolCalls", "tool_calls"],
  ["contentFilter", "content_filter"],
  ["refusal", "content_filter"],
] as const)("the finish reason %s is %s in both forms", (finishReason, word) => {
  expect(deltas(encoded(WIRE, OPENED, complete({ finishReason })))).toEqual([expect.anything(), word, "[DONE]"]);
  expect(body({ finishReason }).choices[0].finish_reason).toBe(word);
});

test.each(["stopped", "interrupted", "unknown"] as const)(
  "a reply that ended as %s is an error in both forms, never a short answer",
  (finishReason) => {
    const events = encoded(WIRE, OPENED, chunks(text("Half")), complete({ finishReason }));
    expect(events.at(-2)?.data).toMatchObject({
      error: { message: expect.stringMatching(/\.$/), type: "server_error" },
    });
    expect(events.at(-1)?.data).toBe("[DONE]");
    expect(() => WIRE.complete(message({ finishReason }), REPLY)).toThrow();
  },
);

test("a failure inside a reply is an error with its kind, then the end", () => {
  const error = { kind: "overloaded", message: "The model is overloaded at the moment." } as const;
  expect(encoded(WIRE, OPENED, chunks(text("Half")), { type: "failed", error }).slice(-2)).toEqual([
    {
      event: undefined,
      data: { error: { message: error.message, type: "server_error", param: null, code: "overloaded" } },
    },
    { event: undefined, data: "[DONE]" },
  ]);
});

test("a reply that goes on elsewhere is an error: this wire has no way to come back", () => {
  const events = encoded(WIRE, OPENED, chunks(text("Half")), { type: "reconnect", afterMs: 100 });
  expect(events.at(-2)?.data).toHaveProperty("error");
});

describe("a reply that the model begins again", () => {
  test("is an error once words were shown, and nothing follows", () => {
    const encoder = WIRE.encoder(REPLY);
    encoder.encode(OPENED);
    encoder.encode(chunks(text("Half")));
    expect(encoder.isOver).toBe(false);
    expect(encoder.encode(chunks(rewind(4), text("Another")))).toMatch(/^data: \{"error".*\n\ndata: \[DONE\]\n\n$/);
    expect(encoder.isOver).toBe(true);
    expect(encoder.encode(chunks(text(" answer"))) + encoder.encode(complete())).toBe("");
  });

  test("is an error once a call was begun", () => {
    expect(encoded(WIRE, OPENED, chunks(piece(0, "now", "{"), rewind(0))).at(-1)?.data).toBe("[DONE]");
  });

  test("goes on when only thinking was shown", () => {
    const events = encoded(WIRE, OPENED, chunks(thinking("Hm"), rewind(0, 2), text("Yes")), complete());
    expect(deltas(events).slice(1)).toEqual([{ reasoning_content: "Hm" }, { content: "Yes" }, "stop", "[DONE]"]);
  });
});

describe("usage", () => {
  const usage = {
    prompt_tokens: 40,
    completion_tokens: 20,
    total_tokens: 60,
    prompt_tokens_details: { cached_tokens: 30 },
    completion_tokens_details: { reasoning_tokens: 5 },
  };

  test("comes in an event without choices, when it was asked for", () => {
    const asked = encoded(chatWire(true), OPENED, complete({ usage: USAGE }));
    expect(asked.at(-2)?.data).toMatchObject({ id: "chatcmpl-r1", choices: [], usage });
    expect(JSON.stringify(encoded(WIRE, OPENED, complete({ usage: USAGE })))).not.toContain("usage");
  });

  test("is in every complete reply, estimated where the provider says nothing", () => {
    expect(body({ usage: USAGE }).usage).toEqual(usage);
    const estimatedUsage = { inputTokens: 9, outputTokens: 3, totalTokens: 12 };
    expect(body({ estimatedUsage }).usage).toMatchObject({ prompt_tokens: 9, completion_tokens: 3, total_tokens: 12 });
    expect(body({}).usage).toMatchObject({ prompt_tokens: 12, completion_tokens: 0, total_tokens: 12 });
  });
});

test("a complete reply has everything that the streamed one shows", () => {
  const citation = { url: "https://example.org/a", title: "A", startIndex: 0, endIndex: 2 };
  const picture = { mediaType: "image/png", data: "iVBORw0KGgo=" };
  const images = [{ type: "image_url", image_url: { url: "data:image/png;base64,iVBORw0KGgo=" } }];
  const annotations = [
    { type: "url_citation", url_citation: { url: citation.url, title: "A", start_index: 0, end_index: 2 } },
  ];
  const whole = body({ content: "Yes", reasoning: "Hm", citations: [citation], media: [picture] });
  expect(whole).toMatchObject({
    id: "chatcmpl-r1",
    object: "chat.completion",
    created: REPLY.createdAt,
    model: "script",
  });
  expect(whole.choices[0].message).toEqual({
    role: "assistant",
    content: "Yes",
    refusal: null,
    reasoning_content: "Hm",
    images,
    annotations,
  });
  const streamed = encoded(
    WIRE,
    chunks({ type: "citation", content: "", isFinal: false, ...citation }),
    chunks({ type: "media", content: "", isFinal: false, index: 0, ...picture, partial: true }),
    chunks({ type: "media", content: "", isFinal: false, index: 0, ...picture }),
  );
  expect(deltas(streamed)).toMatchObject([{ annotations }, { images }]);
});

test("calls without words have no content, as from OpenAI", () => {
  const toolCalls = [{ id: "a", name: "now", arguments: {} }];
  expect(body({ toolCalls, finishReason: "toolCalls" }).choices[0].message.content).toBeNull();
});

/** The complete reply, as a program parses it. */
interface Whole {
  readonly choices: readonly [
    {
      readonly message: Record<string, unknown> & {
        readonly tool_calls: readonly [{ readonly id: string; readonly function: { readonly arguments: string } }];
      };
      readonly finish_reason: string;
    },
  ];
  readonly usage: object;
}

function body(fields: Partial<AssistantMessage>): Whole {
  return JSON.parse(WIRE.complete(message(fields), REPLY).text);
}
