/** Integers that a double cannot hold: ids of databases and chat services, that a tool must get, and a model see again, digit by digit. */

import { type JsonSchema, LLMSession, MemoryStore, type Message, PartialJson, type Tool } from "cloudllm";
import { describe, expect, test } from "vitest";
import { type ClientName, events, useRequestRecorder } from "../support/sent-requests.ts";

const recorder = useRequestRecorder();

const ID = "2512292042121000001";
/** As the model writes them, in places of every kind; the text beside them says the digits, too. */
const WRITTEN = `{"id":${ID},"list":[1,-${ID}],"deep":{"at":[{"n":${ID}0}]},"text":"row, ${ID}","half":0.1,"small":7,"far":1e400}`;
const DELIVERED = {
  id: ID,
  list: [1, `-${ID}`],
  deep: { at: [{ n: `${ID}0` }] },
  text: `row, ${ID}`,
  half: 0.1,
  small: 7,
  far: "1e400",
};

const json = (value: object) => JSON.stringify(value);
/** What the model wrote, in the place of a mark: as an object, and as text. */
const filled = (body: string) =>
  body.replaceAll('"ARGS"', WRITTEN).replaceAll("TEXT", json(WRITTEN as never).slice(1, -1));
const chat = (...choices: readonly object[]) =>
  `${events(...choices.map((choice) => ({ id: "c", choices: [{ index: 0, ...choice }] })))}data: [DONE]\n\n`;
const chatCall = (args: string) => [
  { index: 0, id: "a", type: "function", function: { name: "row", arguments: args } },
];
const item = (args: string) => ({
  type: "function_call",
  call_id: "a",
  name: "row",
  arguments: args,
  status: "completed",
});
const response = (args: string) => ({ id: "r", status: "completed", output: [item(args)] });
const claude = (start: unknown, partial_json: string) =>
  events(
    { type: "message_start", message: { id: "m", content: [] } },
    { type: "content_block_start", index: 0, content_block: { type: "tool_use", id: "a", name: "row", input: start } },
    ...(partial_json
      ? [{ type: "content_block_delta", index: 0, delta: { type: "input_json_delta", partial_json } }]
      : []),
    { type: "content_block_stop", index: 0 },
    { type: "message_delta", delta: { stop_reason: "tool_use" } },
    { type: "message_stop" },
  );
const candidate = (functionCall: object) => ({
  responseId: "g",
  candidates: [{ content: { role: "model", parts: [{ functionCall }] }, finishReason: "STOP" }],
});

const REPLIES: readonly (readonly [string, ClientName, string])[] = [
  [
    "Chat Completions",
    "compatible",
    chat({ delta: { tool_calls: chatCall("TEXT") } }, { delta: {}, finish_reason: "tool_calls" }),
  ],
  [
    "Chat Completions, an object",
    "compatible",
    chat({ delta: { tool_calls: chatCall("ARGS") } }, { delta: {}, finish_reason: "tool_calls" }),
  ],
  [
    "Chat Completions, whole",
    "compatible",
    json({ choices: [{ message: { tool_calls: chatCall("TEXT") }, finish_reason: "tool_calls" }] }),
  ],
  ["Responses", "openai", events({ type: "response.completed", response: response("TEXT") })],
  ["Responses, an object", "openai", events({ type: "response.completed", response: response("ARGS") })],
  ["Responses, whole", "openai", json(response("TEXT"))],
  ["Anthropic", "claude", claude({}, "TEXT")],
  ["Anthropic, begun with its input", "claude", claude("ARGS", "")],
  [
    "Anthropic, whole",
    "claude",
    json({
      id: "m",
      type: "message",
      content: [{ type: "tool_use", id: "a", name: "row", input: "ARGS" }],
      stop_reason: "tool_use",
    }),
  ],
  ["Gemini", "gemini", events(candidate({ name: "row", args: "ARGS" }))],
  ["Gemini, whole", "gemini", json(candidate({ name: "row", args: "ARGS" }))],
];

describe.each(REPLIES)("%s", (_name, client, body) => {
  const replied = () => recorder.replied(client, "m", filled(body));

  test("delivers all digits, as a string", async () => {
    const { toolCalls } = await replied();
    expect(toolCalls[0]?.arguments).toEqual(DELIVERED);
    expect(JSON.parse(JSON.stringify(toolCalls))).toEqual(toolCalls);
  });

  test.each<ClientName>(["compatible", "openai", "claude", "gemini"])(
    "goes back to %s as the model wrote it",
    async (to) => {
      const reply = await replied();
      const [call] = reply.toolCalls;
      const history = JSON.parse(
        JSON.stringify([{ role: "user", content: "?" }, reply, { role: "tool", toolCallId: call?.id, content: "ok" }]),
      ) as readonly Message[];
      const sent = await recorder.sent(to, "m", history);
      const text = sent.text.replaceAll("\\", "");
      expect(text).toContain(`"id":${ID},`);
      expect(text).toContain(`"list":[1,-${ID}]`);
      expect(text).toContain(`"n":${ID}0}`);
      expect(text).toContain(`"text":"row, ${ID}"`);
      expect(text).toContain('"far":1e400');
    },
  );

  test("a caller's own arguments go back instead", async () => {
    const reply = await replied();
    const toolCalls = reply.toolCalls.map((call) => ({ ...call, arguments: { id: "mine" } }));
    const { replay: _replay, ...turn } = reply;
    const answer = { role: "tool", toolCallId: toolCalls[0]?.id ?? "", content: "ok" } as const;
    const sent = await recorder.sent(client, "m", [{ role: "user", content: "?" }, { ...turn, toolCalls }, answer]);
    expect(sent.text).not.toContain(ID);
    expect(sent.text).toContain("mine");
  });
});

test("arguments of Gemini that come value by value keep their digits", async () => {
  const pieces = [
    { name: "row", willContinue: true },
    { partialArgs: [{ jsonPath: "$.id", numberValue: "NUMBER" }], willContinue: true },
    {},
  ];
  const body = events(...pieces.map((functionCall) => candidate(functionCall))).replace('"NUMBER"', ID);
  const { toolCalls } = await recorder.replied("gemini", "m", body);
  expect(toolCalls).toMatchObject([{ arguments: { id: ID }, rawArguments: `{"id":${ID}}` }]);
});

test("a number that is printed as it was written stays a number", async () => {
  const written = `{"a":9007199254740992,"b":2512292042121000000,"c":-0.1,"d":123456789012345,"e":1e21}`;
  const { toolCalls } = await recorder.replied("claude", "m", claude({}, written));
  expect(toolCalls[0]).toEqual({ id: "a", name: "row", arguments: JSON.parse(written) });
});

test("a number that a double holds stays a number, and goes back as it was written", async () => {
  const reply = await recorder.replied("claude", "m", claude({}, '{"n":1152921504606846976}'));
  expect(reply.toolCalls[0]?.arguments).toEqual({ n: 2 ** 60 });
  const answer = { role: "tool", toolCallId: "a", content: "ok" } as const;
  expect((await recorder.sent("claude", "m", [{ role: "user", content: "?" }, reply, answer])).text).toContain(
    '"n":1152921504606846976',
  );
});

test("what a tool of the provider's was given keeps its digits", async () => {
  const call = {
    type: "mcp_call",
    id: "i",
    name: "row",
    arguments: `{"id":${ID}}`,
    output: "none",
    status: "completed",
  };
  const { providerToolCalls } = await recorder.replied(
    "openai",
    "m",
    events({ type: "response.completed", response: { id: "r", status: "completed", output: [call] } }),
  );
  expect(providerToolCalls).toMatchObject([{ arguments: { id: ID } }]);
});

describe("JSON Schema judges the integer that the model wrote", () => {
  const SCHEMAS: readonly (readonly [JsonSchema, boolean])[] = [
    [{ type: "integer" }, true],
    [{ type: "number" }, true],
    [{ type: "string" }, false],
    [{ type: ["string", "integer"] }, true],
    [{ type: "integer", minimum: 2512292042121000000 }, true],
    [{ type: "integer", maximum: 2512292042121000000 }, false],
    [{ type: "integer", exclusiveMaximum: 1e20 }, true],
    [{ multipleOf: 3 }, 2512292042121000001n % 3n === 0n],
    [{ multipleOf: 2 }, false],
    [{ multipleOf: 0.5 }, true],
    [{ const: 2512292042121000000 }, false],
    [{ enum: [1, 2] }, false],
    [{ anyOf: [{ type: "string" }, { type: "integer" }] }, true],
  ];
  test.each(SCHEMAS)("%j: %s", async (schema, fits) => {
    const parameters = { type: "object", properties: { id: schema }, required: ["id"] };
    const tools = [{ name: "row", parameters }];
    const client = recorder.client("claude", "m");
    recorder.answer(claude({}, `{"id":${ID}}`));
    const call = client.sendMessage([{ role: "user", content: "?" }], { tools });
    if (fits) expect((await call).toolCalls[0]?.arguments).toEqual({ id: ID });
    else await expect(call).rejects.toMatchObject({ kind: "invalidOutput" });

    const output = { ...parameters, additionalProperties: false };
    recorder.answer(chat({ delta: { content: `{"id":${ID}}` } }, { delta: {}, finish_reason: "stop" }));
    const value = recorder
      .client("compatible", "m")
      .sendMessage([{ role: "user", content: "?" }], { output, unsupported: "ignore" });
    if (fits) expect((await value).output).toEqual({ id: ID });
    else await expect(value).rejects.toMatchObject({ kind: "invalidOutput" });
  });

  test("a Standard Schema sees the string", async () => {
    const seen: unknown[] = [];
    const parameters: Tool["parameters"] = {
      "~standard": {
        version: 1,
        vendor: "own",
        validate: (value: unknown) => {
          seen.push(value);
          return { value };
        },
        jsonSchema: { input: () => ({ type: "object" }) },
      },
    };
    recorder.answer(claude({}, `{"id":${ID}}`));
    await recorder
      .client("claude", "m")
      .sendMessage([{ role: "user", content: "?" }], { tools: [{ name: "row", parameters }] });
    expect(seen).toEqual([{ id: ID }]);
  });
});

test("a session's tool gets all digits, and a session that was kept sends them back", async () => {
  const got: unknown[] = [];
  const parameters = { type: "object", properties: { id: { type: "integer" } }, required: ["id"] };
  const run = (args: unknown) => {
    got.push(args);
    return "no such row";
  };
  const tools = [{ name: "row", parameters, run }];
  const store = new MemoryStore();
  const client = recorder.client("gemini", "m");
  const ok = events({ candidates: [{ content: { parts: [{ text: "ok" }] }, finishReason: "STOP" }] });
  recorder.answer(filled(events(candidate({ name: "row", args: "ARGS" }))), ok, ok);
  const session = await LLMSession.open({ client, store, id: "s" });
  await session.sendMessage("find it", { tools });
  await session.close();
  expect(got).toMatchObject([{ id: ID }]);
  await using kept = await LLMSession.open({ client, store, id: "s" });
  await kept.sendMessage("again", { tools });
  expect(recorder.requests.slice(-2).every(({ text }) => text.includes(`"id":${ID},`))).toBe(true);
});

test("a view of arguments that are being written shows all digits", () => {
  const partial = new PartialJson({ exact: true });
  for (const piece of ['{"id":25122920', "42121000001,", '"n":']) partial.push(piece);
  expect(partial.value).toEqual({ id: ID });
  partial.push("1}");
  expect(partial.end()).toEqual({ id: ID, n: 1 });
});

/** The same integers as programs print them that count in doubles, decimals or exponents. */
const FORMS: readonly (readonly [written: string, delivered: string | number])[] = [
  ["9007199254740993.0", "9007199254740993"],
  ["9007199254740993.00", "9007199254740993"],
  ["-9007199254740993.0", "-9007199254740993"],
  ["9.007199254740993e15", "9007199254740993"],
  ["9.007199254740993E+15", "9007199254740993"],
  ["900719925474099.3e1", "9007199254740993"],
  ["0.9007199254740993e16", "9007199254740993"],
  ["90071992547409930e-1", "9007199254740993"],
  ["2512292042121000001e0", "2512292042121000001"],
  // What a double holds, or keeps in all its digits, stays a number.
  ["9007199254740992.0", 9007199254740992],
  ["1152921504606846976.0", 2 ** 60],
  ["6.02214076e23", 6.02214076e23],
  ["1e23", 1e23],
  ["1.5e3", 1500],
  ["0.1000000000000000055", 0.1],
  ["9007199254740993.5", 9007199254740994],
  ["1.7976931348623157e308", Number.MAX_VALUE],
  ["1.5e-300", 1.5e-300],
];

describe.each(REPLIES)("%s", (_name, client, body) => {
  test.each(FORMS)(
    "an id that is written as %s reaches the tool and the provider as it was meant",
    async (written, value) => {
      const text = `{"id":${written},"list":[${written}]}`;
      const reply = await recorder.replied(
        client,
        "m",
        body.replaceAll('"ARGS"', text).replaceAll("TEXT", json(text as never).slice(1, -1)),
      );
      const [call] = reply.toolCalls;
      expect(call?.arguments).toEqual({ id: value, list: [value] });
      if (typeof value === "string") expect(call?.rawArguments).toBe(text);
      const answer = { role: "tool", toolCallId: call?.id ?? "", content: "ok" } as const;
      const sent = await recorder.sent(client, "m", [{ role: "user", content: "?" }, reply, answer]);
      if (typeof value === "string") expect(sent.text.replaceAll("\\", "")).toContain(text);
    },
  );
});

test.each(FORMS)("JSON Schema judges %s as the integer it is, and `output` has its digits", async (written, value) => {
  const output: JsonSchema = {
    type: "object",
    properties: { id: { type: "integer", not: { const: 0 } } },
    required: ["id"],
    additionalProperties: false,
  };
  if (!Number.isInteger(Number(value)) || Number(value) === 0) return;
  recorder.answer(chat({ delta: { content: `{"id":${written}}` } }, { delta: {}, finish_reason: "stop" }));
  const asked = recorder.client("compatible", "m");
  const { output: given } = await asked.sendMessage([{ role: "user", content: "?" }], {
    output,
    unsupported: "ignore",
  });
  expect(given).toEqual({ id: value });
});

test.each(FORMS)("a view of arguments that are being written shows %s as it is delivered", (written, value) => {
  const partial = new PartialJson({ exact: true });
  for (const piece of `{"id":${written}}`) partial.push(piece);
  expect(partial.end()).toEqual({ id: value });
});

/** Calls of tools that ran at the provider: what comes back is what the provider wrote, number for number. */
const SERVER_SIDE: readonly (readonly [string, ClientName, string])[] = [
  [
    "Anthropic",
    "claude",
    events(
      { type: "message_start", message: { id: "m", content: [] } },
      {
        type: "content_block_start",
        index: 0,
        content_block: { type: "server_tool_use", id: "s", name: "row", input: {} },
      },
      { type: "content_block_delta", index: 0, delta: { type: "input_json_delta", partial_json: "TEXT" } },
      { type: "content_block_stop", index: 0 },
      {
        type: "content_block_start",
        index: 1,
        content_block: { type: "web_search_tool_result", tool_use_id: "s", content: [{ type: "row", at: "ARGS" }] },
      },
      { type: "content_block_stop", index: 1 },
      { type: "content_block_start", index: 2, content_block: { type: "text", text: "ok" } },
      { type: "content_block_stop", index: 2 },
      { type: "message_delta", delta: { stop_reason: "end_turn" } },
      { type: "message_stop" },
    ),
  ],
  [
    "Anthropic, whole",
    "claude",
    json({
      id: "m",
      type: "message",
      content: [
        { type: "server_tool_use", id: "s", name: "row", input: "ARGS" },
        { type: "web_search_tool_result", tool_use_id: "s", content: [{ type: "row", at: "ARGS" }] },
        { type: "text", text: "ok" },
      ],
      stop_reason: "end_turn",
    }),
  ],
  [
    "Responses",
    "openai",
    events({
      type: "response.completed",
      response: {
        id: "r",
        status: "completed",
        output: [
          { type: "reasoning", id: "rs", summary: [], encrypted_content: "x" },
          { type: "tool_search_call", id: "t", status: "completed", execution: "server", arguments: "ARGS" },
          { type: "message", id: "msg", role: "assistant", content: [{ type: "output_text", text: "ok" }] },
        ],
      },
    }),
  ],
  [
    "Gemini",
    "gemini",
    events({
      responseId: "g",
      candidates: [
        {
          content: {
            role: "model",
            parts: [
              { toolCall: { id: "t", toolType: "row", args: "ARGS" } },
              { toolResponse: { id: "t", toolType: "row", response: {} } },
              { text: "ok" },
            ],
          },
          finishReason: "STOP",
        },
      ],
    }),
  ],
];

describe.each(SERVER_SIDE)("%s", (_name, client, body) => {
  const wanted = [`"id":${ID},`, `"list":[1,-${ID}]`, `"n":${ID}0}`, `"text":"row, ${ID}"`, '"far":1e400'];

  test("a call that ran at the provider goes back with the numbers that the provider wrote, also from a store", async () => {
    const reply = await recorder.replied(client, "m", filled(body)); // through JSON, as a store keeps it
    const again: Message = { role: "user", content: "and?" };
    const sent = await recorder.sent(client, "m", [{ role: "user", content: "?" }, reply, again]);
    for (const part of wanted) expect(sent.text).toContain(part);
    expect(sent.text).not.toContain(`"${ID}"`);
  });

  test("a reply without such numbers carries its data once", async () => {
    const plain = body.replaceAll('"ARGS"', '{"id":7}').replaceAll("TEXT", '{\\"id\\":7}');
    const reply = await recorder.replied(client, "m", plain);
    expect(reply.replay).toBeDefined();
    expect(reply.replay).not.toHaveProperty("rawData");
  });
});
