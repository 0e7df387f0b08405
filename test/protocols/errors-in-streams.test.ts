/**
 * Errors that come after 200, in each protocol's way: thrown with their kind, with what had arrived, with the provider's own
 * words and code. Nothing of it looks like an end.
 */

import { SendError, type SendErrorKind } from "cloudllm";
import { describe, expect, test } from "vitest";
import { type ClientName, events, useRequestRecorder } from "../support/sent-requests.ts";

const recorder = useRequestRecorder();

const BEGUN: Partial<Record<ClientName, readonly object[]>> = {
  claude: [
    { type: "message_start", message: { id: "m", content: [], usage: { input_tokens: 5, output_tokens: 1 } } },
    { type: "content_block_start", index: 0, content_block: { type: "text", text: "Half" } },
  ],
  openai: [
    { type: "response.created", response: { id: "r", status: "in_progress" } },
    { type: "response.output_text.delta", output_index: 0, content_index: 0, delta: "Half" },
  ],
  grok: [{ type: "response.output_text.delta", output_index: 0, content_index: 0, delta: "Half" }],
  gemini: [{ candidates: [{ content: { parts: [{ text: "Half" }] } }] }],
  openrouter: [{ id: "c", choices: [{ index: 0, delta: { content: "Half" } }] }],
  groq: [{ id: "c", choices: [{ index: 0, delta: { content: "Half" } }] }],
};

interface Due {
  readonly kind: SendErrorKind;
  readonly retryable: boolean;
  readonly code?: string;
  readonly requestId?: string;
  readonly retryAfterMs?: number;
}

const CASES: readonly (readonly [string, ClientName, readonly object[], Due])[] = [
  [
    "Anthropic is overloaded",
    "claude",
    [{ type: "error", error: { type: "overloaded_error", message: "Overloaded" }, request_id: "req_9" }],
    { kind: "overloaded", retryable: true, code: "overloaded_error", requestId: "req_9" },
  ],
  [
    "Anthropic fails",
    "claude",
    [{ type: "error", error: { type: "api_error", message: "Internal server error" } }],
    { kind: "server", retryable: true, code: "api_error" },
  ],
  [
    "OpenAI's quota is spent: the error is nested, then told again",
    "openai",
    [
      {
        type: "error",
        sequence_number: 9,
        error: { type: "insufficient_quota", code: "insufficient_quota", message: "Quota." },
      },
      {
        type: "response.failed",
        response: { status: "failed", error: { code: "insufficient_quota", message: "Quota." } },
      },
    ],
    { kind: "rateLimit", retryable: false, code: "insufficient_quota" },
  ],
  [
    "OpenAI fails, flat",
    "openai",
    [{ type: "error", code: "server_error", message: "Try again.", param: null }],
    { kind: "server", retryable: true, code: "server_error" },
  ],
  [
    "OpenAI's response failed",
    "openai",
    [
      {
        type: "response.failed",
        response: { status: "failed", error: { code: "rate_limit_exceeded", message: "Please try again in 1.5s." } },
      },
    ],
    { kind: "rateLimit", retryable: true, code: "rate_limit_exceeded", retryAfterMs: 1_500 },
  ],
  [
    "OpenAI's prompt is refused",
    "openai",
    [
      {
        type: "response.failed",
        response: { status: "failed", error: { code: "invalid_prompt", message: "It was flagged." } },
      },
    ],
    { kind: "contentFilter", retryable: false, code: "invalid_prompt" },
  ],
  [
    "xAI is exhausted",
    "grok",
    [{ type: "error", code: "Some resource has been exhausted", message: "Slow down." }],
    { kind: "rateLimit", retryable: true, code: "Some resource has been exhausted" },
  ],
  [
    "Gemini is overloaded",
    "gemini",
    [{ error: { code: 503, message: "The model is overloaded.", status: "UNAVAILABLE" } }],
    { kind: "overloaded", retryable: true, code: "UNAVAILABLE" },
  ],
  [
    "Gemini's limit, with the wait",
    "gemini",
    [{ error: { code: 429, message: "Slow.", status: "RESOURCE_EXHAUSTED", details: [{ retryDelay: "2s" }] } }],
    { kind: "rateLimit", retryable: true, code: "RESOURCE_EXHAUSTED", retryAfterMs: 2_000 },
  ],
  [
    "Gemini's model wrote a call that is none",
    "gemini",
    [{ candidates: [{ finishReason: "MALFORMED_FUNCTION_CALL", finishMessage: "print(default_api.look())" }] }],
    { kind: "server", retryable: true, code: "MALFORMED_FUNCTION_CALL" },
  ],
  [
    "OpenRouter's provider fails, after a finish reason",
    "openrouter",
    [
      { id: "c", choices: [{ index: 0, delta: {}, finish_reason: "length" }] },
      {
        id: "c",
        choices: [{ index: 0, delta: { content: "" }, finish_reason: "error" }],
        error: { code: 502, message: "Gone." },
      },
    ],
    { kind: "server", retryable: true, code: "502" },
  ],
  [
    "Groq's model wrote a call that is none",
    "groq",
    [
      {
        error: {
          message: "Failed to call a function.",
          type: "invalid_request_error",
          code: "tool_use_failed",
          status_code: 400,
        },
      },
    ],
    { kind: "invalidRequest", retryable: false, code: "tool_use_failed" },
  ],
];

describe("an error in the middle of a reply", () => {
  test.each(CASES)("%s", async (_name, client, error, due) => {
    const failure = await failureOf(client, [...(BEGUN[client] ?? []), ...error]);
    expect(failure).toMatchObject({ ...due, model: "m", partial: { content: "Half", finishReason: "interrupted" } });
    expect(failure.message).toMatch(new RegExp(`^${failure.provider} reports|^The model ended`));
  });
});

describe("an error instead of a reply", () => {
  test.each(CASES)("%s", async (_name, client, error, due) => {
    expect(await failureOf(client, error)).toMatchObject({ ...due, partial: { content: "", toolCalls: [] } });
  });
});

test("Gemini blocks a prompt at 200, and bills it", async () => {
  const failure = await failureOf("gemini", [
    {
      promptFeedback: { blockReason: "PROHIBITED_CONTENT" },
      usageMetadata: { promptTokenCount: 9, totalTokenCount: 9 },
    },
  ]);
  expect(failure).toMatchObject({
    kind: "contentFilter",
    code: "PROHIBITED_CONTENT",
    retryable: false,
    partial: { usage: { inputTokens: 9, outputTokens: 0 } },
  });
});

const ENDS: Readonly<Record<string, readonly object[]>> = {
  claude: [{ type: "message_delta", delta: { stop_reason: "end_turn" } }, { type: "message_stop" }],
  openai: [{ type: "response.completed", response: { id: "r", status: "completed" } }],
  gemini: [{ candidates: [{ finishReason: "STOP" }] }],
  groq: [{ id: "c", choices: [{ index: 0, delta: {}, finish_reason: "stop" }] }],
};

describe.each(Object.entries(ENDS))("an event of %s that is no object", (name, end) => {
  const client = name as ClientName;
  const begun = BEGUN[client] ?? [];

  test("is read when it is a list of events", async () => {
    const message = await recorder.replied(client, "m", events(...begun, [], end));
    expect(message).toMatchObject({ content: "Half", finishReason: "stop" });
  });

  test("is an error when it is a list with one, as Google's servers send it", async () => {
    const failure = await failureOf(client, [...begun, [{ error: { code: 503, message: "Gone away." } }], ...end]);
    expect(failure).toMatchObject({ kind: "overloaded", partial: { content: "Half" } });
    expect(failure.message).toContain("Gone away.");
  });

  test("says what went wrong when the complete answer is a list with an error", async () => {
    const failure = await failureOf(client, JSON.stringify([{ error: { code: 503, message: "Gone away." } }]));
    expect(failure.message).toContain("Gone away.");
  });
});

const WORDS: Readonly<Record<string, (word: unknown) => readonly object[]>> = {
  claude: (word) => [{ type: "message_delta", delta: { stop_reason: word } }, { type: "message_stop" }],
  openai: (word) => [{ type: "response.incomplete", response: { incomplete_details: { reason: word } } }],
  gemini: (word) => [{ candidates: [{ finishReason: word }] }],
  groq: (word) => [{ id: "c", choices: [{ index: 0, delta: {}, finish_reason: word }] }],
};

describe.each(Object.entries(WORDS))("a finish reason of %s", (name, end) => {
  const client = name as ClientName;

  test.each(["constructor", "toString", "__proto__", "no_such_reason"])(
    "an unknown finish reason stays unknown: %s",
    async (word) => {
      const message = await recorder.replied(client, "m", events(...(BEGUN[client] ?? []), ...end(word)));
      expect(message).toMatchObject({ content: "Half", finishReason: "unknown", rawFinishReason: word });
    },
  );

  test.each([[5], [{}], [["stop"]]])("that is no word is an error: %j", async (word) => {
    const failure = await failureOf(client, [...(BEGUN[client] ?? []), ...end(word)]);
    expect(failure).toMatchObject({ kind: "protocol", partial: { content: "Half" } });
  });
});

test.each([undefined, null, {}, { id: "r", status: null }, { status: "in_progress" }])(
  "a failed response is a failure, for any status: %j",
  async (response) => {
    const failure = await failureOf("openai", [...(BEGUN.openai ?? []), { type: "response.failed", response }]);
    expect(failure).toMatchObject({ kind: "server", partial: { content: "Half" } });
  },
);

test.each([
  ["response.completed", "stop"],
  ["response.incomplete", "unknown"],
])("a response without a status ended as its event says: %s", async (type, finishReason) => {
  const body = events(...(BEGUN.openai ?? []), { type, response: { id: "r" } });
  expect(await recorder.replied("openai", "m", body)).toMatchObject({ content: "Half", finishReason });
});

test.each<readonly [ClientName, (index: number, text: string, reason?: string) => object]>([
  ["gemini", (index, text, finishReason) => ({ index, content: { parts: [{ text }] }, finishReason })],
  ["groq", (index, content, finish_reason) => ({ index, delta: { content }, finish_reason })],
])("of several answers of %s, the first is the reply", async (client, answer) => {
  const [stop, limit] = client === "gemini" ? ["STOP", "MAX_TOKENS"] : ["stop", "length"];
  const together = (...answers: readonly object[]) => ({ candidates: answers, choices: answers });
  const body = events(
    together(answer(0, "one "), answer(1, "another ")),
    together(answer(1, "more of it")),
    together(answer(0, "reply", stop)),
    together(answer(1, "", limit)),
  );
  expect(await recorder.replied(client, "m", body)).toMatchObject({ content: "one reply", finishReason: "stop" });
});

test.each([
  ["text", { content: { text: "half" } }],
  ["text in parts", { content: [{ type: "text", text: { value: "half" } }] }],
  ["a part", { content: ["half"] }],
  ["a refusal", { refusal: { text: "no" } }],
  ["thinking", { reasoning_details: [{ text: ["half"] }] }],
  ["a list of thoughts", { reasoning_details: 5 }],
  ["a list of calls", { tool_calls: { index: 0 } }],
  ["the name of a tool", { tool_calls: [{ index: 0, id: "c", function: { name: { first: "look" } } }] }],
  ["the id of a call", { tool_calls: [{ index: 0, id: { n: 1 }, function: { name: "look" } }] }],
])("%s of Chat Completions in no known form is an error, not a loss", async (_what, delta) => {
  const failure = await failureOf("groq", [{ choices: [{ delta }] }, ...(ENDS.groq ?? [])]);
  expect(failure).toMatchObject({ kind: "protocol", partial: { content: "", toolCalls: [] } });
  expect(failure.message).toMatch(/^Invalid event: expected/);
});

const BARE = { type: "function_call", call_id: "c", name: "look", arguments: "" };

/** A call without arguments, and the reply's end: cut at a limit, or whole. */
const CALLS: readonly (readonly [string, ClientName, (isCut: boolean) => readonly object[]])[] = [
  [
    "Anthropic, its block ended",
    "claude",
    (isCut) => [
      { type: "message_start", message: { id: "m", content: [] } },
      { type: "content_block_start", index: 0, content_block: { type: "tool_use", id: "c", name: "look", input: {} } },
      { type: "content_block_stop", index: 0 },
      { type: "message_delta", delta: { stop_reason: isCut ? "max_tokens" : "tool_use" } },
      { type: "message_stop" },
    ],
  ],
  [
    "Responses, its item ended",
    "openai",
    (isCut) => [{ type: "response.output_item.done", output_index: 0, item: BARE }, responsesEnd(isCut)],
  ],
  ["Responses, only in the whole response", "openai", (isCut) => [responsesEnd(isCut, [BARE])]],
];

function responsesEnd(isCut: boolean, output: readonly object[] = []): object {
  if (!isCut) return { type: "response.completed", response: { status: "completed", output } };
  const incomplete_details = { reason: "max_output_tokens" };
  return { type: "response.incomplete", response: { status: "incomplete", incomplete_details, output } };
}

describe.each(CALLS)("a call without arguments: %s", (_what, client, reply) => {
  test("may lack them where the reply was cut, and is not delivered", async () => {
    const failure = await failureOf(client, reply(true));
    expect(failure).toMatchObject({ kind: "truncated", retryable: false, partial: { toolCalls: [] } });
  });

  test("has none where the reply is complete", async () => {
    const message = await recorder.replied(client, "m", events(...reply(false)));
    expect(message).toMatchObject({ finishReason: "toolCalls", toolCalls: [{ id: "c", name: "look", arguments: {} }] });
  });
});

test("a call of Anthropic's whose place is taken by another block is not lost in silence", async () => {
  const block = (content_block: object) => ({ type: "content_block_start", index: 0, content_block });
  const failure = await failureOf("claude", [
    block({ type: "tool_use", id: "c", name: "look", input: {} }),
    block({ type: "text", text: "Half" }),
    ...(ENDS.claude ?? []),
  ]);
  expect(failure).toMatchObject({ kind: "protocol", partial: { toolCalls: [] } });
});

test("a place in a list of Gemini's that would fill the memory is refused", async () => {
  const partialArgs = [{ jsonPath: "$.a[4294967294]", numberValue: 1 }];
  const parts = [{ functionCall: { name: "look", partialArgs, willContinue: true } }];
  const failure = await failureOf("gemini", [{ candidates: [{ content: { parts } }] }, ...(ENDS.gemini ?? [])]);
  expect(failure).toMatchObject({ kind: "protocol", partial: { toolCalls: [] } });
});

async function failureOf(client: ClientName, body: string | readonly object[]): Promise<SendError> {
  const outcome: unknown = await recorder
    .replied(client, "m", typeof body === "string" ? body : events(...body))
    .catch((error: unknown) => error);
  if (!(outcome instanceof SendError)) throw new Error("The reply did not fail.");
  return outcome;
}

/** Errors as gateways and servers beside the protocol write them: none has anything of the protocol's own. */
const FOREIGN: readonly (readonly [string, object, Partial<Due>])[] = [
  ["a code and a message", { code: "InvalidParameter", message: "Gone away." }, {}],
  ["a status as its code", { code: 429, message: "Gone away." }, { kind: "rateLimit" }],
  ["a code and a `msg`", { code: 1302, msg: "Gone away." }, {}],
  ["`error_code` and `error_msg`", { error_code: 17, error_msg: "Gone away." }, {}],
  ["a detail", { detail: "Gone away." }, {}],
  ["a list of details", { detail: [{ loc: ["body"], msg: "Gone away.", type: "missing" }] }, {}],
  ["a list of errors", { errors: [{ code: 503, message: "Gone away." }] }, { kind: "overloaded" }],
  ["a failure and a message", { success: false, message: "Gone away." }, {}],
  ["the status `error`", { status: "error", message: "Gone away." }, {}],
  ["MiniMax's `base_resp`", { base_resp: { status_code: 1004, status_msg: "Gone away." } }, {}],
];

describe.each(Object.entries(ENDS))("an error that is none of %s's own", (name) => {
  const client = name as ClientName;

  test.each(FOREIGN)("in the middle: %s", async (_form, error, due) => {
    const failure = await failureOf(client, [...(BEGUN[client] ?? []), error]);
    expect(failure).toMatchObject({ ...due, partial: { content: "Half" } });
    expect(failure.message).toContain("Gone away.");
  });

  test.each(FOREIGN)("in the place of a complete answer: %s", async (_form, error, due) => {
    const failure = await failureOf(client, JSON.stringify(error));
    expect(failure).toMatchObject(due);
    expect(failure.message).toContain("Gone away.");
  });

  test.each([
    ["words", "Gone away."],
    ["a text", '"Gone away."'],
  ])("under the name of the event, as %s", async (_form, data) => {
    const body = `${events(...(BEGUN[client] ?? []))}event: error\ndata: ${data}\n\n`;
    const failure = await failureOf(client, body);
    expect(failure).toMatchObject({ kind: "server", partial: { content: "Half" } });
    expect(failure.message).toContain("Gone away.");
  });

  test.each([["Gone away."], ["gateway: Gone away.\nTry again.\n\n"]])("words are no reply: %j", async (words) => {
    const failure = await failureOf(client, words);
    expect(failure).toMatchObject({ kind: "protocol", retryable: true });
    expect(failure.message).toContain("Gone away.");
  });

  test.each([[": ping\n\n"], ["event: ping\n\n"], ["dat"]])("what may have been one was cut: %j", async (body) => {
    expect((await failureOf(client, body)).kind).toBe("truncated");
  });

  test("what only looks like one is skipped", async () => {
    const news = [{ message: "Searching", status: "in_progress" }, { code: 0, message: "ok" }, { progress: 0.5 }];
    const body = events(...(BEGUN[client] ?? []), ...news, ...(ENDS[client] ?? []));
    expect(await recorder.replied(client, "m", body)).toMatchObject({ content: "Half", finishReason: "stop" });
  });
});

test.each<[string, object]>([
  ["its beginning", { type: "message_start", message: { type: "error", error: { message: "Gone away." } } }],
  ["its last event but one", { type: "message_delta", delta: {}, error: { message: "Gone away." } }],
])("an error inside another event of Anthropic is one: %s", async (_where, event) => {
  expect((await failureOf("claude", [event])).message).toContain("Gone away.");
});
