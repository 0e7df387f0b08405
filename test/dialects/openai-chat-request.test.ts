/** Requests of Chat Completions, as programs send them: what matters reaches the model, or is refused in a sentence. */

import { describe, expect, test } from "vitest";
import { openAiChat } from "../../src/dialects/openai-chat/dialect.ts";
import { Refusal } from "../../src/dialects/refusal.ts";

const HELLO = [{ role: "user", content: "Hello" }];
const WEATHER = { name: "weather", parameters: { type: "object" } };

function decoded(body: object) {
  return openAiChat.decode({ model: "m", messages: HELLO, ...body }, new Headers());
}

function refusalOf(body: object): string {
  try {
    decoded(body);
  } catch (error) {
    if (error instanceof Refusal && error.status === 400) return error.message;
    throw error;
  }
  return "taken";
}

describe("options", () => {
  test.each<[what: string, body: object, options: object]>([
    ["nothing", {}, {}],
    ["null everywhere", { temperature: null, stop: null, tools: null, response_format: null, seed: null }, {}],
    ["the newer limit on tokens", { max_completion_tokens: 9, max_tokens: 5 }, { maxOutputTokens: 9 }],
    ["the older limit on tokens", { max_tokens: 5 }, { maxOutputTokens: 5 }],
    ["sampling", { temperature: 0.5, top_p: 0.9, seed: 7 }, { temperature: 0.5, topP: 0.9, seed: 7 }],
    ["one stop", { stop: "END" }, { stop: ["END"] }],
    ["several stops, one of them empty", { stop: ["END", "", "."] }, { stop: ["END", "."] }],
    ["no stop in the end", { stop: [""] }, {}],
    ["an effort", { reasoning_effort: "high" }, { reasoning: "high" }],
    ["the least effort", { reasoning_effort: "minimal" }, { reasoning: "low" }],
    ["OpenRouter's effort", { reasoning: { effort: "low" } }, { reasoning: "low" }],
    ["OpenRouter's budget", { reasoning: { max_tokens: 500 } }, { reasoning: { maxTokens: 500 } }],
    ["thinking that is off", { thinking: { type: "disabled" } }, { reasoning: "none" }],
    ["web search", { web_search_options: {} }, { search: {} }],
    ["text as the format", { response_format: { type: "text" } }, {}],
    ["any JSON", { response_format: { type: "json_object" } }, { output: { type: "object" } }],
    [
      "a schema",
      {
        response_format: {
          type: "json_schema",
          json_schema: { name: "n", schema: { type: "object", properties: {} } },
        },
      },
      { output: { type: "object", properties: {} } },
    ],
    [
      "parameters that LibreChat and others always send",
      {
        user: "u",
        frequency_penalty: 0.1,
        presence_penalty: 0.1,
        logit_bias: {},
        logprobs: false,
        n: 1,
        store: false,
        parallel_tool_calls: true,
        service_tier: "auto",
        metadata: { a: "b" },
        prompt_cache_key: "k",
        top_k: 3,
        verbosity: "low",
      },
      {},
    ],
  ])("%s", (_what, body, options) => {
    expect(decoded(body).options).toEqual(options);
  });

  test.each<[what: string, body: object, sentence: string]>([
    ["a temperature that is none", { temperature: "hot" }, "`temperature` must be a number from 0 to 2."],
    ["a temperature that is too high", { temperature: 3 }, "`temperature` must be a number from 0 to 2."],
    ["no tokens", { max_tokens: 0 }, "`max_tokens` must be an integer above 0."],
    ["several answers", { n: 2 }, "`n` must be 1"],
    ["sound", { modalities: ["text", "audio"] }, "`modalities`"],
    ["functions of 2023", { functions: [WEATHER] }, "Send `tools`"],
    ["an unknown format", { response_format: { type: "xml" } }, "`response_format.type`"],
    ["an unknown effort", { reasoning_effort: "huge" }, "`reasoning_effort` must be one of"],
    ["stream as a word", { stream: "yes" }, "`stream` must be true or false."],
    ["stops that are not text", { stop: [1] }, "`stop` must hold strings."],
  ])("%s is refused in a sentence", (_what, body, sentence) => {
    expect(refusalOf(body)).toContain(sentence);
  });

  test.each([
    [{}, false],
    [{ stream: true }, true],
  ])("whether the reply is streamed: %j", (body, isStreamed) => {
    expect(decoded(body).isStreamed).toBe(isStreamed);
  });
});

describe("tools", () => {
  test("nested and flat ones, and those in Anthropic's form, may be mixed: Cursor does", () => {
    const { options } = decoded({
      tools: [
        { type: "function", function: { ...WEATHER, description: "Now", strict: true } },
        { type: "function", name: "flat", parameters: null },
        { name: "other", input_schema: { type: "object" } },
      ],
    });
    expect(options.tools).toEqual([
      { name: "weather", description: "Now", parameters: { type: "object" } },
      { name: "flat" },
      { name: "other", parameters: { type: "object" } },
    ]);
  });

  const tools = [
    { type: "function", function: WEATHER },
    { type: "function", function: { name: "now" } },
  ];
  test.each<[choice: unknown, toolChoice: unknown, names?: readonly string[]]>([
    ["auto", "auto"],
    ["none", "none"],
    ["required", "required"],
    ["any", "required"],
    [{ type: "function", function: { name: "now" } }, { name: "now" }],
    [{ type: "function", name: "now" }, { name: "now" }],
    [
      {
        type: "allowed_tools",
        allowed_tools: { mode: "required", tools: [{ type: "function", function: { name: "now" } }] },
      },
      "required",
      ["now"],
    ],
    [{ type: "allowed_tools", mode: "auto", tools: [{ type: "function", name: "weather" }] }, "auto", ["weather"]],
  ])("the choice %j", (tool_choice, toolChoice, names = ["weather", "now"]) => {
    const { options } = decoded({ tools, tool_choice });
    expect(options.toolChoice).toEqual(toolChoice);
    expect(options.tools?.map(({ name }) => name)).toEqual(names);
  });

  test("a choice without tools is none: some programs always send one", () => {
    expect(decoded({ tools: [], tool_choice: "auto" }).options).toEqual({});
  });

  test("web search among the tools is the model's own", () => {
    expect(decoded({ tools: [{ type: "web_search" }, tools[0]] }).options).toMatchObject({
      search: {},
      tools: [WEATHER],
    });
  });

  test.each<[what: string, body: object, sentence: string]>([
    ["a grammar", { tools: [{ type: "custom", custom: { name: "patch" } }] }, '`tools[0]` has the type "custom"'],
    ["a tool without a name", { tools: [{ type: "function", function: {} }] }, "The name of `tools[0]`"],
    ["parameters that are text", { tools: [{ function: { name: "a", parameters: "{}" } }] }, "The parameters of"],
    ["a choice of nothing", { tools, tool_choice: { type: "maybe" } }, "`tool_choice` must be"],
  ])("%s is refused in a sentence", (_what, body, sentence) => {
    expect(refusalOf(body)).toContain(sentence);
  });
});

describe("messages", () => {
  test("pictures in results follow all results of the turn, each under the name of its call", () => {
    const picture = { type: "image_url", image_url: { url: "data:image/png;base64,aGk=" } };
    const call = (id: string): object => ({ id, type: "function", function: { name: "see", arguments: "{}" } });
    const messages = [
      { role: "user", content: "Look." },
      { role: "assistant", content: null, tool_calls: [call("a"), call("b")] },
      { role: "tool", tool_call_id: "a", content: [{ type: "text", text: "Here:" }, picture] },
      { role: "tool", tool_call_id: "b", content: [picture] },
      { role: "user", content: "Well?" },
    ];
    const image = { type: "image", data: "aGk=", mediaType: "image/png" };
    const pictures = {
      role: "user",
      content: [
        { type: "text", text: "[Attachments of the result of a:]" },
        image,
        { type: "text", text: "[Attachments of the result of b:]" },
        image,
      ],
    };
    const results = [
      { role: "tool", toolCallId: "a", content: "Here:" },
      { role: "tool", toolCallId: "b", content: "The result is attached below." },
    ];
    expect(decoded({ messages }).messages.slice(2)).toEqual([...results, pictures, { role: "user", content: "Well?" }]);
    expect(decoded({ messages: messages.slice(0, -1) }).messages.slice(2)).toEqual([...results, pictures]);
  });

  test("every role, and both words for the system's", () => {
    const { messages } = decoded({
      messages: [
        { role: "system", content: "Be brief." },
        {
          role: "developer",
          content: [
            { type: "text", text: "Be " },
            { type: "text", text: "kind." },
          ],
        },
        { role: "user", content: "Weather?", name: "ada" },
        {
          role: "assistant",
          reasoning_content: "Hm.",
          tool_calls: [{ id: "c1", type: "function", function: { name: "weather", arguments: '{"city":"Oslo"}' } }],
        },
        { role: "tool", tool_call_id: "c1", content: [{ type: "text", text: "Rain" }] },
        { role: "assistant", content: [{ type: "text", text: "It rains." }] },
        { role: "assistant", content: null, refusal: "No." },
        { role: "user", content: [] },
      ],
    });
    expect(messages).toEqual([
      { role: "system", content: "Be brief." },
      { role: "system", content: "Be kind." },
      { role: "user", content: "Weather?" },
      { role: "assistant", content: "", toolCalls: [{ id: "c1", name: "weather", arguments: { city: "Oslo" } }] },
      { role: "tool", toolCallId: "c1", content: "Rain" },
      { role: "assistant", content: "It rains." },
      { role: "assistant", content: "No." },
      { role: "user", content: "" },
    ]);
  });

  test.each<[what: string, text: string, call: object]>([
    ["no arguments", "", { arguments: {} }],
    ["null", "null", { arguments: {} }],
    ["JSON that a model broke", '{"city":', { arguments: '{"city":' }],
    [
      "an integer of more digits than a number has",
      '{"id":9007199254740993}',
      { arguments: { id: "9007199254740993" }, rawArguments: '{"id":9007199254740993}' },
    ],
  ])("an earlier call with %s comes back", (_what, text, call) => {
    const tool_calls = [{ id: "c1", type: "function", function: { name: "f", arguments: text } }];
    const { messages } = decoded({ messages: [...HELLO, { role: "assistant", content: "", tool_calls }] });
    expect(messages[1]).toEqual({ role: "assistant", content: "", toolCalls: [{ id: "c1", name: "f", ...call }] });
  });

  const png = "iVBORw0KGgo=";
  test.each<[what: string, part: object, expected: object]>([
    [
      "a picture in the request",
      image(`data:image/png;base64,${png}`),
      { type: "image", data: png, mediaType: "image/png" },
    ],
    [
      "a picture at an address",
      image("https://example.org/a.png"),
      { type: "image", url: "https://example.org/a.png" },
    ],
    [
      "a picture as in Responses",
      { type: "input_image", image_url: "https://example.org/a.png" },
      { type: "image", url: "https://example.org/a.png" },
    ],
    [
      "a sound",
      { type: "input_audio", input_audio: { data: png, format: "mp3" } },
      { type: "file", data: png, mediaType: "audio/mpeg" },
    ],
    [
      "a file",
      { type: "file", file: { file_data: `data:application/pdf;base64,${png}`, filename: "a.pdf" } },
      { type: "file", data: png, mediaType: "application/pdf", filename: "a.pdf" },
    ],
    ["a file that is kept there", { type: "file", file: { file_id: "file-1" } }, { type: "file", fileId: "file-1" }],
    ["text as in Responses", { type: "input_text", text: "Hi" }, { type: "text", text: "Hi" }],
  ])("%s reaches the model", (_what, part, expected) => {
    expect(decoded({ messages: [{ role: "user", content: [part] }] }).messages[0]?.content).toEqual([expected]);
  });

  test.each<[what: string, messages: unknown, sentence: string]>([
    ["none", [], "`messages` must be an array that is not empty."],
    ["text", "Hello", "`messages` must be an array."],
    ["an unknown role", [{ role: "robot", content: "" }], "`messages[0].role` must be"],
    ["a result of nothing", [{ role: "tool", content: "Rain" }], "`messages[0].tool_call_id`"],
    [
      "a call without a function",
      [{ role: "assistant", tool_calls: [{ id: "a" }] }],
      "`messages[0].tool_calls[0].function`",
    ],
    ["an unknown part", [{ role: "user", content: [{ type: "video" }] }], "`messages[0].content[0].type`"],
    ["a file of this machine", [{ role: "user", content: [image("file:///etc/passwd")] }], "must be an http, https"],
    ["data that is not base64", [{ role: "user", content: [image("data:image/png;base64,???")] }], "base64"],
    ["a picture for the system", [{ role: "system", content: [image("https://a.example/a.png")] }], "must be text"],
  ])("%s is refused in a sentence", (_what, messages, sentence) => {
    expect(refusalOf({ messages })).toContain(sentence);
  });

  test("a body of Responses is understood: Cursor's agents send it here", () => {
    const { messages, instructions, options } = decoded({
      messages: undefined,
      instructions: "Be brief.",
      input: [{ role: "user", content: "Hello" }],
      reasoning: { effort: "high" },
      tools: [
        { type: "function", name: "weather", parameters: { type: "object" }, strict: false },
        { type: "custom", name: "patch", format: { type: "grammar", syntax: "lark", definition: "start: /x/" } },
      ],
    });
    expect([messages, instructions]).toEqual([HELLO, "Be brief."]);
    expect(options).toMatchObject({ reasoning: "high", tools: [WEATHER, { name: "patch" }] });
    expect(refusalOf({ messages: undefined, input: "Hi", previous_response_id: "resp_1" })).toContain("`responses`");
  });

  test("a body that is not an object is refused", () => {
    expect(() => openAiChat.decode("Hello", new Headers())).toThrow("The body must be an object.");
  });
});

function image(url: string): object {
  return { type: "image_url", image_url: { url, detail: "high" } };
}
