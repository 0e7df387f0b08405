/** Replies that their provider breaks off with a word instead of an error. Half a reply is never a whole one. */

import { describe, expect, test } from "vitest";
import { type ClientName, events, useRequestRecorder } from "../support/sent-requests.ts";

const recorder = useRequestRecorder();

const TEXT = "It was a dark and";
const chat = (...choices: readonly object[]) =>
  `${events(...choices.map((choice) => ({ id: "c", choices: [{ index: 0, ...choice }] })))}data: [DONE]\n\n`;

/** A reply that ends with a word, streamed and not, in each protocol. */
const ENDED: Readonly<Record<string, readonly [ClientName, (word: string) => string]>> = {
  "Chat Completions": [
    "compatible",
    (finish_reason) => chat({ delta: { content: TEXT } }, { delta: {}, finish_reason }),
  ],
  "Chat Completions, whole": [
    "compatible",
    (finish_reason) => JSON.stringify({ choices: [{ message: { role: "assistant", content: TEXT }, finish_reason }] }),
  ],
  Anthropic: [
    "claude",
    (stop_reason) =>
      events(
        { type: "message_start", message: { id: "m", content: [] } },
        { type: "content_block_start", index: 0, content_block: { type: "text", text: TEXT } },
        { type: "content_block_stop", index: 0 },
        { type: "message_delta", delta: { stop_reason } },
        { type: "message_stop" },
      ),
  ],
  "Anthropic, whole": [
    "claude",
    (stop_reason) => JSON.stringify({ id: "m", type: "message", content: [{ type: "text", text: TEXT }], stop_reason }),
  ],
  Gemini: [
    "gemini",
    (finishReason) => events({ candidates: [{ content: { parts: [{ text: TEXT }] }, finishReason }] }),
  ],
  "Gemini, whole": [
    "gemini",
    (finishReason) => JSON.stringify({ candidates: [{ content: { parts: [{ text: TEXT }] }, finishReason }] }),
  ],
  Responses: [
    "openai",
    (reason) =>
      events(
        { type: "response.output_text.delta", output_index: 0, content_index: 0, delta: TEXT },
        {
          type: "response.incomplete",
          response: { id: "r", status: "incomplete", incomplete_details: { reason }, output: [] },
        },
      ),
  ],
  "Responses, whole": [
    "openai",
    (status) =>
      JSON.stringify({
        id: "r",
        status,
        output: [{ type: "message", content: [{ type: "output_text", text: TEXT, annotations: [] }] }],
      }),
  ],
};

const BROKEN: readonly (readonly [string, string])[] = [
  ["abort", "server"],
  ["aborted", "server"],
  ["terminated", "server"],
  ["preempted", "server"],
  ["resource_exhausted", "server"],
  ["exception", "server"],
  ["connection_lost", "server"],
  ["deadline_exceeded", "server"],
  ["error", "server"],
  ["network_error", "server"],
  ["timeout", "server"],
  ["cancelled", "server"],
  ["USER_CANCEL", "server"],
  ["insufficient_system_resource", "overloaded"],
  ["engine_overloaded", "overloaded"],
  ["MALFORMED_RESPONSE", "server"],
  ["malformed_function_call", "server"],
  ["function_call_filter: MALFORMED_FUNCTION_CALL", "server"],
  ["UNEXPECTED_TOOL_CALL", "server"],
  ["TOO_MANY_TOOL_CALLS", "server"],
  ["malformed_model_output", "server"],
];

describe.each(Object.entries(ENDED))("%s", (_name, [client, body]) => {
  test.each(BROKEN)("`%s` is an error with what came", async (word, kind) => {
    await expect(recorder.replied(client, "m", body(word))).rejects.toMatchObject({
      // Of Responses, a cancelled reply says so as an error of its own.
      kind,
      retryable: true,
      partial: { content: TEXT },
    });
  });

  test("a word that is unknown stays unknown", async () => {
    const { finishReason, rawFinishReason, content } = await recorder.replied(client, "m", body("odd_word"));
    expect({ finishReason, rawFinishReason, content }).toEqual({
      finishReason: "unknown",
      rawFinishReason: "odd_word",
      content: TEXT,
    });
  });
});

test.each<[event: string, status?: string]>([
  ["response.cancelled", "cancelled"],
  ["response.cancelled"],
  ["response.done", "cancelled"],
])("a Responses reply that is cancelled (`%s`, status %s) keeps what was paid", async (type, status) => {
  const response = { id: "r", status, output: [], usage: { input_tokens: 3, output_tokens: 4, total_tokens: 7 } };
  const delta = { type: "response.output_text.delta", output_index: 0, content_index: 0, delta: TEXT };
  await expect(recorder.replied("openai", "m", events(delta, { type, response }))).rejects.toMatchObject({
    message: expect.stringContaining("The response was cancelled."),
    partial: { content: TEXT, usage: { inputTokens: 3, outputTokens: 4 } },
  });
});

test("a request that Gemini refuses for a signature it lacks is not sent again", async () => {
  const body = events({ candidates: [{ content: {}, finishReason: "MISSING_THOUGHT_SIGNATURE" }] });
  await expect(recorder.replied("gemini", "m", body)).rejects.toMatchObject({
    kind: "invalidRequest",
    retryable: false,
  });
});

describe("words that gateways pass on from another protocol", () => {
  test.each<[string, string]>([
    ["STOP", "stop"],
    ["end_turn", "stop"],
    ["max_tokens", "length"],
    ["MAX_TOKENS", "length"],
    ["content-filter", "contentFilter"],
    ["content_filter: PROHIBITED_CONTENT", "contentFilter"],
    ["sensitive", "contentFilter"],
    ["tool-calls", "toolCalls"],
    ["constructor", "unknown"],
  ])("`%s` is %s", async (finish_reason, finishReason) => {
    const reply = await recorder.replied(
      "compatible",
      "m",
      chat({ delta: { content: TEXT } }, { delta: {}, finish_reason }),
    );
    expect(reply).toMatchObject({ finishReason, rawFinishReason: finish_reason });
  });

  test("the word `null` on every chunk is none", async () => {
    const pieces = ["It ", "was"].map((content) => ({ delta: { content }, finish_reason: "null" }));
    await expect(
      recorder.replied("compatible", "m", events(...pieces.map((choice) => ({ choices: [choice] })))),
    ).rejects.toMatchObject({
      kind: "truncated",
    });
  });
});

describe("an error inside a choice", () => {
  const ERRORS: readonly (readonly [string, unknown, object])[] = [
    [
      "rate limit",
      { code: 429, message: "Upstream is rate limited" },
      { kind: "rateLimit", status: 429, retryable: true },
    ],
    ["gateway timeout", { code: 504, message: "upstream timed out" }, { kind: "server", status: 504, retryable: true }],
    ["overload", { code: 503, message: "no capacity" }, { kind: "overloaded", status: 503 }],
    ["moderation", { code: 403, message: "Input was flagged" }, { kind: "contentFilter", retryable: false }],
    ["no money", { code: 402, message: "Insufficient credits" }, { kind: "permission", retryable: false }],
    ["key", { code: 401, message: "No auth" }, { kind: "authentication", retryable: false }],
    ["words of a code", { code: "context_length_exceeded", message: "too long" }, { kind: "contextLength" }],
    ["a text", "the model died", { kind: "server" }],
  ];
  const PLACES: readonly (readonly [string, (error: unknown) => string])[] = [
    [
      "next to its finish reason",
      (error) => chat({ delta: { content: TEXT } }, { delta: { content: "" }, finish_reason: "error", error }),
    ],
    [
      "before another says `stop`",
      (error) => chat({ delta: { content: TEXT }, error }, { delta: {}, finish_reason: "stop" }),
    ],
    ["after `stop`", (error) => chat({ delta: { content: TEXT }, finish_reason: "stop" }, { delta: {}, error })],
    [
      "of a non-streamed reply",
      (error) => JSON.stringify({ choices: [{ message: { content: TEXT }, finish_reason: "stop", error }] }),
    ],
  ];
  describe.each(PLACES)("%s", (_place, body) => {
    test.each(ERRORS)("%s", async (_what, error, due) => {
      const { message = error } = error as { readonly message?: string };
      await expect(recorder.replied("openrouter", "m", body(error))).rejects.toMatchObject({
        ...due,
        message: expect.stringContaining(String(message)),
        partial: { content: TEXT },
      });
    });
  });

  test("that is null is none", async () => {
    const body = chat({ delta: { content: TEXT }, error: null }, { delta: {}, finish_reason: "stop", error: null });
    expect(await recorder.replied("openrouter", "m", body)).toMatchObject({ content: TEXT, finishReason: "stop" });
  });
});

describe("a router's word, next to that of the provider behind it", () => {
  const routed = (finish_reason: string, native_finish_reason: unknown) =>
    chat({ delta: { content: TEXT } }, { delta: {}, finish_reason, native_finish_reason });
  const whole = (finish_reason: string, native_finish_reason: unknown) =>
    JSON.stringify({ choices: [{ message: { content: TEXT }, finish_reason, native_finish_reason }] });

  test.each<[string, (word: string, native: unknown) => string]>([
    ["streamed", routed],
    ["not streamed", whole],
  ])("the rest of a broken call is not a complete answer, %s", async (_how, body) => {
    for (const [word, native] of [
      ["stop", "MALFORMED_FUNCTION_CALL"],
      ["tool_calls", "UNEXPECTED_TOOL_CALL"],
      ["stop", "abort"],
    ] as const)
      await expect(recorder.replied("openrouter", "m", body(word, native))).rejects.toMatchObject({
        kind: "server",
        code: native,
        partial: { content: TEXT },
      });
  });

  test.each([
    ["stop", "STOP", "stop"],
    ["stop", "end_turn", "stop"],
    ["stop", null, "stop"],
    ["stop", "a_new_word", "stop"],
    ["length", "MAX_TOKENS", "length"],
    ["content_filter", "ERROR_TOXIC", "contentFilter"],
  ])("%s, next to %s, is %s", async (word, native, due) => {
    expect(await recorder.replied("openrouter", "m", routed(word, native))).toMatchObject({ finishReason: due });
  });
});
