/** Replies that a gateway reshaped: a cut reply is not complete, a call is not run under half a name, no text is lost. */

import { type AssistantMessage, LLMSession, SendError, type SendErrorKind } from "cloudllm";
import { describe, expect, test } from "vitest";
import { type ClientName, events, useRequestRecorder } from "../support/sent-requests.ts";

const recorder = useRequestRecorder();

const DONE = "data: [DONE]\n\n";
const chunk = (delta: object, finish_reason: string | null = null, more: object = {}) => ({
  id: "c",
  choices: [{ index: 0, delta, finish_reason, ...more }],
});
const stop = chunk({}, "stop");
const calls = (...tool_calls: readonly object[]) => chunk({ tool_calls });
const called = (name: string | undefined, args: unknown) => ({
  function: { ...(name !== undefined && { name }), arguments: args },
});
const chat = (...list: readonly object[]) => events(...list) + DONE;

const begin = (message: object = {}) => ({ type: "message_start", message: { id: "m", content: [], ...message } });
const over = (stop_reason: string | null, usage?: object) => ({ type: "message_delta", delta: { stop_reason }, usage });
const block = (content_block: object, ...deltas: readonly object[]) => [
  { type: "content_block_start", index: 0, content_block },
  ...deltas.map((delta) => ({ type: "content_block_delta", index: 0, delta })),
  { type: "content_block_stop", index: 0 },
];
const claude = (...list: readonly object[]) => events(...list, { type: "message_stop" });
const hi = block({ type: "text", text: "Hi" });

const gemini = (text: string, finishReason?: string, more: object = {}) => ({
  candidates: [{ content: { parts: [{ text }] }, finishReason }],
  ...more,
});

const said = (text: string, more: object = {}) => ({
  type: "message",
  content: [{ type: "output_text", text }],
  ...more,
});
const item = (wire: object) => ({ type: "response.output_item.done", output_index: 0, item: wire });
const ended = (type: string, response: object) => ({ type, response: { id: "r", ...response } });

async function failureOf(client: ClientName, body: string): Promise<SendError> {
  const failure: unknown = await recorder.replied(client, "m", body).then(
    ({ content, finishReason }) => `a reply: ${content} (${finishReason})`,
    (error: unknown) => error,
  );
  if (failure instanceof SendError) return failure;
  throw new Error(String(failure));
}

describe("a `stop` that a gateway adds does not complete a reply", () => {
  test.each<readonly [string, ClientName, string, Partial<AssistantMessage>]>([
    [
      "Chat, a limit",
      "compatible",
      chat(chunk({ content: "Hi" }), chunk({}, "length"), stop),
      { finishReason: "length" },
    ],
    [
      "Chat, a filter",
      "compatible",
      chat(chunk({ content: "Hi" }, "content_filter"), stop),
      { finishReason: "contentFilter" },
    ],
    [
      "Anthropic, a limit",
      "claude",
      claude(begin(), ...hi, over("max_tokens"), over("end_turn")),
      { finishReason: "length" },
    ],
    [
      "Anthropic, a refusal",
      "claude",
      claude(begin(), ...hi, over("refusal"), over("end_turn")),
      { finishReason: "refusal" },
    ],
    [
      "Gemini, a filter",
      "gemini",
      events(gemini("Hi", "SAFETY"), gemini("", "STOP")),
      { finishReason: "contentFilter" },
    ],
    [
      "Gemini, a filter of pictures",
      "gemini",
      events(gemini("Hi", "IMAGE_SAFETY"), gemini("", "STOP")),
      { finishReason: "contentFilter" },
    ],
    ["Gemini, a limit", "gemini", events(gemini("Hi", "MAX_TOKENS"), gemini("!", "STOP")), { finishReason: "length" }],
    [
      "Responses, an event that says otherwise",
      "openai",
      events(ended("response.incomplete", { status: "completed", output: [said("Hi")] })),
      { finishReason: "unknown" },
    ],
    [
      "Responses, a message that is not complete",
      "openai",
      events(
        item(said("Hi", { status: "incomplete" })),
        ended("response.completed", { status: "completed", output: [] }),
      ),
      { finishReason: "unknown" },
    ],
  ])("%s", async (_name, client, body, expected) => {
    expect(await recorder.replied(client, "m", body)).toMatchObject({
      content: expect.stringMatching(/^Hi!?$/),
      ...expected,
    });
  });

  test.each<readonly [string, ClientName, string]>([
    ["Chat", "compatible", chat(chunk({ content: "Hi" }), chunk({}, "error"), stop)],
    ["Anthropic", "claude", claude(begin(), ...hi, over("network_error"), over("end_turn"))],
    ["Gemini", "gemini", events(gemini("Hi", "MALFORMED_RESPONSE"), gemini("", "STOP"))],
    ["Gemini, a language", "gemini", events(gemini("Hi", "LANGUAGE"), gemini("", "STOP"))],
  ])("%s, a broken reply", async (_name, client, body) => {
    const failure = await failureOf(client, body);
    expect([failure.kind, failure.partial?.content]).toEqual(["server", "Hi"]);
  });
});

test("a gateway that writes out the reason of a prompt that is not blocked does not lose the reply", async () => {
  const body = events(gemini("Hi", "STOP", { promptFeedback: { blockReason: "BLOCK_REASON_UNSPECIFIED" } }));
  expect(await recorder.replied("gemini", "m", body)).toMatchObject({ content: "Hi", finishReason: "stop" });
});

describe("an empty error next to an answer is none", () => {
  const error = { message: "", type: "", param: "", code: null, details: {} };
  const stopped = ended("response.completed", { status: "completed", output: [said("Hi")], error });
  const whole = { finish_reason: "stop", message: { content: "Hi" } };
  test.each<readonly [string, ClientName, string]>([
    ["Chat, each event", "compatible", chat({ ...chunk({ content: "Hi" }), error }, { ...stop, error: {} })],
    ["Chat, each choice", "compatible", chat(chunk({ content: "Hi", error }, "stop", { error }))],
    ["Chat, non-streamed", "compatible", JSON.stringify({ error, choices: [whole] })],
    [
      "Anthropic",
      "claude",
      claude({ ...begin({ error }), error }, ...hi.map((event) => ({ ...event, error })), over("end_turn")),
    ],
    ["Gemini", "gemini", events(gemini("Hi", "STOP", { error }))],
    ["Responses", "openai", events({ ...item(said("Hi")), error }, { ...stopped, error })],
  ])("%s", async (_name, client, body) => {
    expect(await recorder.replied(client, "m", body)).toMatchObject({ content: "Hi", finishReason: "stop" });
  });
});

describe("an error next to choices is not the end of a reply", () => {
  const nested = { error: { error: { type: "overloaded_error", message: "busy" } } };
  test.each<readonly [string, object, SendErrorKind, string | undefined]>([
    [
      "MiniMax, no choices",
      { choices: [], base_resp: { status_code: 1008, status_msg: "insufficient balance" } },
      "permission",
      "1008",
    ],
    [
      "MiniMax, next to a choice",
      { ...chunk({ content: "" }), base_resp: { status_code: 1002, status_msg: "slow" } },
      "server",
      "1002",
    ],
    ["a code and no choices", { choices: [], code: 20_015, message: "bad" }, "server", "20015"],
    ["a code next to a choice", { ...chunk({ content: "" }), code: 10_013, message: "risk" }, "server", "10013"],
    ["a list of errors", { choices: [], errors: [{ message: "no", code: "x" }] }, "server", "x"],
    ["an error in the delta", chunk({ error: { message: "no", code: 502 } }), "server", "502"],
    ["an error in the message", chunk({}, null, { message: { error: "no" } }), "server", undefined],
    ["an error in an error", nested, "overloaded", "overloaded_error"],
    ["an error in an array", { error: [{ message: "no", type: "rate_limit_error" }] }, "rateLimit", "rate_limit_error"],
    ["an error as JSON", { error: JSON.stringify(nested) }, "overloaded", "overloaded_error"],
    ["a wait without a code", { error: "Too many tokens, please wait before trying again." }, "rateLimit", undefined],
    ["a text without a code", { error: "Input is too long for requested model." }, "contextLength", undefined],
  ])("%s", async (_name, event, kind, code) => {
    const failure = await failureOf("compatible", chat(chunk({ content: "Hi" }), event, stop));
    expect([failure.kind, failure.code, failure.partial?.content]).toEqual([kind, code, "Hi"]);
  });

  test("the wait in Google's words", async () => {
    const error = { message: "Quota exceeded. Please retry in 30.5s.", code: 429 };
    expect(await failureOf("compatible", chat({ error }))).toMatchObject({ kind: "rateLimit", retryAfterMs: 30_500 });
  });

  test.each([
    { code: 0, message: "Success", base_resp: { status_code: 0, status_msg: "" } },
    { code: "000000", message: "Success" },
    { code: "SUCCESS", message: "ok" },
  ])("%j is not an error", async (fine) => {
    const body = chat({ ...chunk({ content: "Hi" }), ...fine }, { ...stop, ...fine });
    expect(await recorder.replied("compatible", "m", body)).toMatchObject({ content: "Hi", finishReason: "stop" });
  });
});

describe("calls", () => {
  const look = { id: "a", name: "get_weather", arguments: { a: 1 } };
  test.each<readonly [string, ClientName, string, object]>([
    ...(["get_weather", "weather"] as const).flatMap((rest): (readonly [string, ClientName, string, object])[] =>
      [{ index: 0 }, { index: 0, id: "a" }, { id: "a" }].map((marks) => [
        `a name in pieces: get_, ${rest}, with ${Object.keys(marks).join(" and ")}`,
        "compatible",
        chat(
          calls({ index: 0, id: "a", ...marks, ...called("get_", "") }),
          calls({ ...marks, ...called(rest, "") }),
          calls({ ...marks, ...called(undefined, '{"a":1}') }),
          chunk({}, "tool_calls"),
        ),
        look,
      ]),
    ),
    [
      "another id and the name with each piece",
      "compatible",
      chat(
        calls({ index: 0, id: "a", ...called("get_weather", '{"a"') }),
        calls({ index: 0, id: "b", ...called("get_weather", ":1}") }),
        chunk({}, "tool_calls"),
      ),
      look,
    ],
    [
      "indices that are strings in some events",
      "compatible",
      chat(
        calls({ index: "0", id: "a", ...called("get_weather", '{"a"') }),
        calls({ index: 0, ...called(undefined, ":1}") }),
        chunk({}, "tool_calls"),
      ),
      look,
    ],
    [
      "both forms of one call",
      "compatible",
      chat(
        chunk(
          {
            tool_calls: [{ index: 0, id: "a", ...called("get_weather", '{"a":1}') }],
            function_call: called("get_weather", '{"a":1}').function,
          },
          "tool_calls",
        ),
      ),
      look,
    ],
    [
      "both forms of one call, non-streamed",
      "compatible",
      JSON.stringify({
        choices: [
          {
            message: {
              function_call: called("get_weather", '{"a":1}').function,
              tool_calls: [{ id: "a", ...called("get_weather", '{"a":1}') }],
            },
            finish_reason: "tool_calls",
          },
        ],
      }),
      look,
    ],
    [
      "Anthropic, indices that are strings in some events",
      "claude",
      claude(
        begin(),
        {
          type: "content_block_start",
          index: "0",
          content_block: { type: "tool_use", id: "a", name: "get_weather", input: {} },
        },
        { type: "content_block_delta", index: 0, delta: { type: "input_json_delta", partial_json: '{"a":1}' } },
        { type: "content_block_stop", index: "0" },
        over("tool_use"),
      ),
      look,
    ],
    [
      "Anthropic, the beginning twice",
      "claude",
      claude(
        begin(),
        {
          type: "content_block_start",
          index: 0,
          content_block: { type: "tool_use", id: "a", name: "get_weather", input: {} },
        },
        ...block(
          { type: "tool_use", id: "a", name: "get_weather", input: {} },
          { type: "input_json_delta", partial_json: '{"a":1}' },
        ),
        over("tool_use"),
      ),
      look,
    ],
  ])("%s", async (_name, client, body, call) => {
    expect(await recorder.replied(client, "m", body)).toMatchObject({ toolCalls: [call], finishReason: "toolCalls" });
  });

  const args = ['"{\\"a\\":1}"', '{}{"a":1}', '{} {"a":1}'];
  const CALLED: Readonly<Record<string, readonly [ClientName, (json: string) => string]>> = {
    Chat: [
      "compatible",
      (json) => chat(calls({ index: 0, id: "a", ...called("look", json) }), chunk({}, "tool_calls")),
    ],
    Anthropic: [
      "claude",
      (json) =>
        claude(
          begin(),
          ...block(
            { type: "tool_use", id: "a", name: "look", input: {} },
            { type: "input_json_delta", partial_json: json },
          ),
          over("tool_use"),
        ),
    ],
    Responses: [
      "openai",
      (json) =>
        events(
          item({ type: "function_call", call_id: "a", name: "look", arguments: json }),
          ended("response.completed", { status: "completed" }),
        ),
    ],
    Gemini: [
      "gemini",
      (json) =>
        events({
          candidates: [
            { content: { parts: [{ functionCall: { id: "a", name: "look", args: json } }] }, finishReason: "STOP" },
          ],
        }),
    ],
    Ollama: [
      "ollama own",
      (json) =>
        `${JSON.stringify({ message: { tool_calls: [{ id: "a", function: { name: "look", arguments: json } }] }, done: true, done_reason: "stop" })}\n`,
    ],
  };
  test.each(
    Object.entries(CALLED).flatMap(([name, [client, body]]) =>
      args.map((json) => [name, json, client, body(json)] as const),
    ),
  )("%s: the arguments %s are an object", async (_name, _json, client, body) => {
    expect((await recorder.replied(client, "m", body)).toolCalls).toMatchObject([
      { id: "a", name: "look", arguments: { a: 1 } },
    ]);
  });
  test.each(['"Oslo"', '"[1]"', "{}x", "{}{", '"{"'])("the arguments %s are an error", async (json) => {
    const [client, body] = CALLED.Chat ?? ["compatible", () => ""];
    expect((await failureOf(client, body(json))).kind).toBe("protocol");
  });

  test.each<readonly [string, ClientName, string]>([
    ["Chat", "compatible", chat(calls({ index: 0, id: 7, ...called("look", "{}") }), chunk({}, "tool_calls"))],
    [
      "Anthropic",
      "claude",
      claude(begin(), ...block({ type: "tool_use", id: 7, name: "look", input: {} }), over("tool_use")),
    ],
    [
      "Responses",
      "openai",
      events(
        item({ type: "function_call", call_id: 7, name: "look", arguments: "{}" }),
        ended("response.completed", {
          status: "completed",
          output: [{ type: "function_call", call_id: 7, name: "look", arguments: "{}" }],
        }),
      ),
    ],
    [
      "Gemini",
      "gemini",
      events({
        candidates: [
          { content: { parts: [{ functionCall: { id: 7, name: "look", args: {} } }] }, finishReason: "STOP" },
        ],
      }),
    ],
    [
      "Ollama",
      "ollama own",
      `${JSON.stringify({ message: { tool_calls: [{ id: 7, function: { name: "look", arguments: {} } }] }, done: true, done_reason: "stop" })}\n`,
    ],
  ])("%s: an id that is a number", async (_name, client, body) => {
    expect((await recorder.replied(client, "m", body)).toolCalls).toEqual([{ id: "7", name: "look", arguments: {} }]);
  });

  test("a session runs the tool of a server that says `end_turn`", async () => {
    recorder.answer(
      claude(begin(), ...block({ type: "tool_use", id: "a", name: "look", input: { a: 1 } }), over("end_turn")),
    );
    const seen: unknown[] = [];
    const tool = {
      name: "look",
      parameters: { type: "object" },
      run: (args: unknown) => void seen.push(args),
    } as const;
    const session = new LLMSession({ client: recorder.client("claude", "m"), tools: [tool] });
    expect((await session.sendMessage("hi")).content).toBe("ok");
    expect(seen).toEqual([{ a: 1 }]);
  });
});

describe("a report of zeros does not replace a bill", () => {
  const counts = { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 };
  const zeros = { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 };
  const [input, output] = [
    { promptTokenCount: 3, candidatesTokenCount: 2 },
    { promptTokenCount: 0, candidatesTokenCount: 0 },
  ];
  const billed = { status: "in_progress", usage: { input_tokens: 3, output_tokens: 2 } };
  test.each<readonly [string, ClientName, string]>([
    ["Chat", "compatible", chat({ ...chunk({ content: "Hi" }), usage: counts }, { ...stop, usage: zeros })],
    [
      "Gemini",
      "gemini",
      events(gemini("Hi", undefined, { usageMetadata: input }), gemini("", "STOP", { usageMetadata: output })),
    ],
    [
      "Responses",
      "openai",
      events(
        ended("response.in_progress", billed),
        ended("response.completed", {
          status: "completed",
          output: [said("Hi")],
          usage: { input_tokens: 0, output_tokens: 0 },
        }),
      ),
    ],
    [
      "Anthropic",
      "claude",
      claude(
        begin({ usage: { input_tokens: 3, output_tokens: 0 } }),
        ...hi,
        over("end_turn", { input_tokens: 0, output_tokens: 2 }),
      ),
    ],
    [
      "Anthropic, invalid counts",
      "claude",
      claude(
        begin({ usage: { input_tokens: 3, output_tokens: 2 } }),
        ...hi,
        over("end_turn", { input_tokens: -1, output_tokens: "2" }),
      ),
    ],
  ])("%s", async (_name, client, body) => {
    const { usage } = await recorder.replied(client, "m", body);
    expect(usage).toMatchObject({ inputTokens: 3, outputTokens: 2, totalTokens: 5 });
  });

  test("Anthropic: nothing but zeros is a report", async () => {
    const body = claude(begin({ usage: { input_tokens: 0, output_tokens: 0 } }), ...hi, over("end_turn"));
    expect((await recorder.replied("claude", "m", body)).usage).toMatchObject({ inputTokens: 0, outputTokens: 0 });
  });
});

describe("framing", () => {
  const [one, two] = [JSON.stringify(chunk({ content: "Hé😀" })), JSON.stringify(stop)];
  test.each([
    ["no blank lines", `data: ${one}\ndata: ${two}\ndata: [DONE]\n`],
    ["no blank line before the end", `data: ${one}\n\ndata: ${two}\ndata: [DONE]\n\n`],
  ])("%s", async (_name, body) => {
    expect(await recorder.replied("compatible", "m", body)).toMatchObject({ content: "Hé😀", finishReason: "stop" });
  });

  test.each([
    ["the last of several lines", `data: ${one}\ndata: ${two.slice(0, -5)}`],
    ["the first of several lines", `data: ${one.slice(0, -5)}\ndata: ${two}\n\n`],
  ])("%s is cut", async (_name, body) => {
    expect((await failureOf("compatible", body)).kind).toMatch(/truncated|protocol/);
  });

  test("an object that is an array is not an empty one", async () => {
    const body = events({ candidates: [{ content: [{ parts: [{ text: "Hi" }] }], finishReason: "STOP" }] });
    expect((await failureOf("gemini", body)).kind).toBe("protocol");
  });

  test("Anthropic: the name of the event is its type", async () => {
    const wire = [begin(), ...hi, over("end_turn"), { type: "message_stop" }].map(
      ({ type, ...event }) => `event: ${type}\ndata: ${JSON.stringify(event)}\n\n`,
    );
    expect(await recorder.replied("claude", "m", wire.join(""))).toMatchObject({ content: "Hi", finishReason: "stop" });
    // Without blank lines only the last name is left: that of the end.
    const joined = wire.join("").replaceAll("\n\n", "\n");
    expect((await failureOf("claude", joined)).kind).toBe("truncated");
  });
});
