/** Requests for responses: what programs send arrives at the model, and what this server cannot do is refused by name. */

import type { Message, SendOptions } from "cloudllm";
import { scriptedClient } from "cloudllm/testing";
import { describe, expect, test } from "vitest";
import { ask, testGateway } from "../support/gateway.ts";

interface Refused {
  readonly error: { readonly message: string };
}

async function sent(body: object): Promise<{ readonly messages: readonly Message[]; readonly options: SendOptions }> {
  const gateway = testGateway([{ text: '{"city":"Oslo"}' }]);
  const response = await gateway.handle(ask("responses", { model: "script", ...body }));
  expect(response.status, await response.clone().text()).toBe(200);
  const { messages, options } = gateway.model.calls[0] ?? {};
  return { messages: messages ?? [], options: options ?? {} };
}

async function refusal(body: unknown): Promise<string> {
  const gateway = testGateway([{ text: "Hi" }]);
  const response = await gateway.handle(ask("responses", body));
  expect(response.status).toBe(400);
  expect(gateway.model.calls).toHaveLength(0);
  return ((await response.json()) as Refused).error.message;
}

const CALL = { type: "function_call", call_id: "call_1", name: "weather", arguments: '{"city":"Oslo"}' };
const OUTPUT = { type: "function_call_output", call_id: "call_1", output: "Rain" };
const TOOL_CALL = { id: "call_1", name: "weather", arguments: { city: "Oslo" } };

describe("the conversation", () => {
  const cases: readonly (readonly [string, unknown, readonly Message[]])[] = [
    ["a string", "Hello", [{ role: "user", content: "Hello" }]],
    ["a message without a type", [{ role: "user", content: "Hello" }], [{ role: "user", content: "Hello" }]],
    [
      "parts",
      [{ type: "message", role: "user", content: [{ type: "input_text", text: "Hello" }] }],
      [{ role: "user", content: [{ type: "text", text: "Hello" }] }],
    ],
    [
      "system and developer turns, which are legitimate from a program",
      [
        { role: "system", content: "Be kind." },
        { role: "developer", content: [{ type: "input_text", text: "Be brief." }] },
        { role: "user", content: "Hello" },
      ],
      [
        { role: "system", content: "Be kind." },
        { role: "system", content: "Be brief." },
        { role: "user", content: "Hello" },
      ],
    ],
    [
      "an image and a file",
      [
        {
          role: "user",
          content: [
            { type: "input_image", image_url: "data:image/png;base64,aGk=", detail: "auto" },
            { type: "input_image", image_url: "https://example.com/a.png" },
            { type: "input_file", filename: "a.pdf", file_data: "data:application/pdf;base64,aGk=" },
            { type: "input_file", file_id: "file-1" },
          ],
        },
      ],
      [
        {
          role: "user",
          content: [
            { type: "image", data: "aGk=", mediaType: "image/png" },
            { type: "image", url: "https://example.com/a.png" },
            { type: "file", filename: "a.pdf", data: "aGk=", mediaType: "application/pdf" },
            { type: "file", fileId: "file-1" },
          ],
        },
      ],
    ],
    [
      "thinking, text and a call of one reply, and its result",
      [
        { role: "user", content: "Weather?" },
        { type: "reasoning", id: "rs_1", summary: [], encrypted_content: "…" },
        {
          type: "message",
          role: "assistant",
          content: [{ type: "output_text", text: "Let me " }],
          phase: "commentary",
        },
        { type: "message", role: "assistant", content: "see." },
        CALL,
        { ...CALL, call_id: "call_2" },
        OUTPUT,
        { ...OUTPUT, call_id: "call_2" },
      ],
      [
        { role: "user", content: "Weather?" },
        { role: "assistant", content: "Let me see.", toolCalls: [TOOL_CALL, { ...TOOL_CALL, id: "call_2" }] },
        { role: "tool", toolCallId: "call_1", content: "Rain" },
        { role: "tool", toolCallId: "call_2", content: "Rain" },
      ],
    ],
    [
      "a call of a tool that takes plain text",
      [
        { role: "user", content: "Patch it." },
        { type: "custom_tool_call", call_id: "call_1", name: "patch", input: "*** Begin" },
        { type: "custom_tool_call_output", call_id: "call_1", output: "Done" },
      ],
      [
        { role: "user", content: "Patch it." },
        {
          role: "assistant",
          content: "",
          toolCalls: [{ id: "call_1", name: "patch", arguments: { input: "*** Begin" } }],
        },
        { role: "tool", toolCallId: "call_1", content: "Done" },
      ],
    ],
    [
      "a result with a picture, which follows as a turn of the user",
      [
        { role: "user", content: "Look." },
        CALL,
        {
          ...OUTPUT,
          output: [
            { type: "input_text", text: "Here:" },
            { type: "input_image", image_url: "data:image/png;base64,aGk=" },
          ],
        },
      ],
      [
        { role: "user", content: "Look." },
        { role: "assistant", content: "", toolCalls: [TOOL_CALL] },
        { role: "tool", toolCallId: "call_1", content: "Here:" },
        {
          role: "user",
          content: [
            { type: "text", text: "[Attachments of the result of call_1:]" },
            { type: "image", data: "aGk=", mediaType: "image/png" },
          ],
        },
      ],
    ],
    [
      "searches of the server, which the model has answered",
      [
        { role: "user", content: "News?" },
        { type: "web_search_call", id: "ws_1", status: "completed" },
        { role: "user", content: "Well?" },
      ],
      [
        { role: "user", content: "News?" },
        { role: "user", content: "Well?" },
      ],
    ],
  ];
  test.each(cases)("%s arrives at the model", async (_what, input, messages) => {
    expect((await sent({ input })).messages).toEqual(messages);
  });

  test("instructions precede it", async () => {
    const { messages } = await sent({ input: "Hello", instructions: "Be kind." });
    expect(messages).toEqual([
      { role: "system", content: "Be kind." },
      { role: "user", content: "Hello" },
    ]);
  });

  test("numbers that JavaScript would round keep their digits", async () => {
    const call = { ...CALL, arguments: '{"id":2512292042121000001}' };
    const { messages } = await sent({ input: [{ role: "user", content: "Hi" }, call, OUTPUT] });
    expect(messages[1]).toMatchObject({ toolCalls: [{ rawArguments: call.arguments }] });
  });
});

describe("the options", () => {
  const schema = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
  const weather = { type: "function", name: "weather", description: "Now", parameters: schema, strict: true };
  const named = { name: "weather", description: "Now", parameters: schema };
  const cases: readonly (readonly [string, object, SendOptions])[] = [
    ["a limit of tokens", { max_output_tokens: 100 }, { maxOutputTokens: 100 }],
    ["sampling", { temperature: 0.5, top_p: 0.9 }, { temperature: 0.5, topP: 0.9 }],
    ["effort", { reasoning: { effort: "high", summary: "auto" } }, { reasoning: "high" }],
    ["the least effort", { reasoning: { effort: "minimal" } }, { reasoning: "low" }],
    ["no thinking", { reasoning: { effort: "none" } }, { reasoning: "none" }],
    ["effort that is null", { reasoning: { effort: null } }, {}],
    ["a schema", { text: { format: { type: "json_schema", name: "a", schema, strict: true } } }, { output: schema }],
    ["any object", { text: { format: { type: "json_object" } } }, { output: { type: "object" } }],
    ["plain text", { text: { format: { type: "text" }, verbosity: "low" } }, {}],
    ["a function", { tools: [weather], tool_choice: "auto" }, { tools: [named], toolChoice: "auto" }],
    [
      "a function in the form of Chat Completions",
      { tools: [{ type: "function", function: weather }] },
      { tools: [named] },
    ],
    [
      "a named function",
      { tools: [weather], tool_choice: { type: "function", name: "weather" } },
      { tools: [named], toolChoice: { name: "weather" } },
    ],
    [
      "the tools that are allowed",
      {
        tools: [weather, { ...weather, name: "now" }],
        tool_choice: { type: "allowed_tools", mode: "required", tools: [{ type: "function", name: "weather" }] },
      },
      { tools: [named], toolChoice: "required" },
    ],
    ["no tools, and a choice all the same", { tools: [], tool_choice: "auto" }, {}],
    [
      "a search",
      {
        tools: [
          {
            type: "web_search",
            filters: { allowed_domains: ["example.com"] },
            user_location: { type: "approximate", country: "DE" },
            search_context_size: "low",
          },
        ],
      },
      { search: { mode: "auto", allowedDomains: ["example.com"], country: "DE" } },
    ],
    [
      "a search that is demanded",
      { tools: [{ type: "web_search_preview_2025_03_11" }], tool_choice: { type: "web_search_preview" } },
      { search: { mode: "on" } },
    ],
    [
      "sampling parameters that nobody here knows",
      { frequency_penalty: 1, stop: ["x"], top_logprobs: 3, service_tier: "auto", truncation: "auto", user: "u" },
      {},
    ],
    ["fields that are null", { temperature: null, tools: null, text: null, metadata: null, instructions: null }, {}],
  ];
  test.each(cases)("%s arrives at the model", async (_what, body, expected) => {
    const { options } = await sent({ input: "Hello", ...body });
    const {
      signal: _signal,
      unsupported: _ignore,
      invalidArguments: _deliver,
      invalidOutput: _cut,
      ...asked
    } = options;
    expect(asked).toEqual(expected);
  });

  test("a tool that takes plain text by a grammar is a function with one argument", async () => {
    const format = { type: "grammar", syntax: "lark", definition: 'start: "*** Begin"' };
    const tool = { type: "custom", name: "apply_patch", description: "Patches.", format };
    const { options } = await sent({ input: "Hello", tools: [tool] });
    expect(options.tools).toEqual([
      {
        name: "apply_patch",
        description: 'Patches.\n\nThe input must match this lark grammar:\nstart: "*** Begin"',
        parameters: expect.objectContaining({ required: ["input"] }),
      },
    ]);
  });
});

test.each([
  ["no object", [], "body"],
  ["no input", {}, "input"],
  ["input of a wrong type", { input: 5 }, "input"],
  ["an item of a tool of OpenAI's servers", { input: [{ type: "computer_call" }] }, "computer_call"],
  ["an item without a type", { input: [{}] }, "input[0]"],
  ["a role that does not exist", { input: [{ role: "robot", content: "" }] }, "role"],
  ["a part that does not exist", { input: [{ role: "user", content: [{ type: "smell" }] }] }, "smell"],
  ["an image without a source", { input: [{ role: "user", content: [{ type: "input_image" }] }] }, "neither"],
  [
    "an image of a file here",
    { input: [{ role: "user", content: [{ type: "input_image", image_url: "file:///a" }] }] },
    "http",
  ],
  [
    "an image in a system turn",
    { input: [{ role: "system", content: [{ type: "input_image", image_url: "https://a.b/" }] }] },
    "text",
  ],
  ["a call without an id", { input: [{ type: "function_call", name: "a", arguments: "{}" }] }, "call_id"],
  ["a tool of OpenAI's servers", { input: "a", tools: [{ type: "file_search" }] }, "file_search"],
  ["a tool without a name", { input: "a", tools: [{ type: "function" }] }, "name"],
  [
    "a tool with a schema that is none",
    { input: "a", tools: [{ type: "function", name: "a", parameters: 5 }] },
    "parameters",
  ],
  ["a choice that does not exist", { input: "a", tool_choice: "any" }, "tool_choice"],
  ["a choice of a tool of OpenAI's servers", { input: "a", tool_choice: { type: "mcp" } }, "mcp"],
  ["an effort that does not exist", { input: "a", reasoning: { effort: "extreme" } }, "effort"],
  ["a format that does not exist", { input: "a", text: { format: { type: "xml" } } }, "format"],
  ["a schema that is none", { input: "a", text: { format: { type: "json_schema", name: "a" } } }, "schema"],
  ["a temperature out of range", { input: "a", temperature: 5 }, "temperature"],
  ["a conversation that is kept", { input: "a", conversation: "conv_1" }, "conversation"],
  ["a prompt that is kept", { input: "a", prompt: { id: "pmpt_1" } }, "prompt"],
  ["a background without storage", { input: "a", background: true, store: false }, "background"],
  ["a stream that is neither true nor false", { input: "a", stream: "yes" }, "stream"],
])("a request with %s is refused by name, and costs nothing", async (_what, body, word) => {
  expect(await refusal(body)).toContain(word);
});

test("a model that does not exist is answered as OpenAI's server does", async () => {
  const { handle } = testGateway([], { client: undefined, models: { script: scriptedClient([]) } });
  const response = await handle(ask("responses", { model: "gpt-0", input: "a" }));
  expect(response.status).toBe(404);
  expect(await response.json()).toMatchObject({ error: { code: "model_not_found" } });
});
