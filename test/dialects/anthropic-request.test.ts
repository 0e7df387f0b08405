/** Requests of Anthropic Messages, as programs send them: what matters reaches the model, or is refused in a sentence. */

import { describe, expect, test } from "vitest";
import { anthropicMessages } from "../../src/dialects/anthropic/dialect.ts";
import { Refusal } from "../../src/dialects/refusal.ts";

const HELLO = [{ role: "user", content: "Hello" }];

function decoded(body: object) {
  return anthropicMessages.decode({ model: "m", messages: HELLO, ...body }, new Headers());
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
  const schema = { type: "object", properties: {} };
  test.each<[what: string, body: object, options: object]>([
    ["nothing", {}, {}],
    ["a limit", { max_tokens: 5 }, { maxOutputTokens: 5 }],
    ["sampling", { temperature: 0.5, top_p: 0.9, top_k: 3 }, { temperature: 0.5, topP: 0.9 }],
    ["stops", { stop_sequences: ["END"] }, { stop: ["END"] }],
    ["no stops", { stop_sequences: [] }, {}],
    [
      "a budget of thinking",
      { thinking: { type: "enabled", budget_tokens: 4_000 } },
      { reasoning: { maxTokens: 4_000 } },
    ],
    ["no thinking", { thinking: { type: "disabled" } }, { reasoning: "none" }],
    ["thinking as the model likes", { thinking: { type: "adaptive" } }, {}],
    ["an effort beside it", { thinking: { type: "adaptive" }, output_config: { effort: "max" } }, { reasoning: "max" }],
    ["an effort alone", { output_config: { effort: "low" } }, { reasoning: "low" }],
    ["a schema", { output_config: { format: { type: "json_schema", schema } } }, { output: schema }],
    ["a schema of the older form", { output_format: { type: "json_schema", schema } }, { output: schema }],
    ["a user", { metadata: { user_id: "u" } }, { metadata: { user_id: "u" } }],
    ["a cache of the whole", { cache_control: { type: "ephemeral" } }, { promptCache: true }],
    [
      "parameters of coding agents",
      { context_management: { edits: [] }, service_tier: "auto", betas: ["x"], container: "c", speed: "fast" },
      {},
    ],
  ])("%s", (_what, body, options) => {
    expect(decoded(body).options).toEqual(options);
  });

  test.each<[where: string, body: object]>([
    ["the system", { system: [{ type: "text", text: "Be brief.", cache_control: { type: "ephemeral", ttl: "1h" } }] }],
    ["a tool", { tools: [{ name: "now", input_schema: {}, cache_control: { type: "ephemeral", ttl: "1h" } }] }],
    [
      "a message",
      {
        messages: [
          { role: "user", content: [{ type: "text", text: "Hi", cache_control: { type: "ephemeral", ttl: "1h" } }] },
        ],
      },
    ],
    [
      "a result",
      {
        messages: [
          ...HELLO,
          {
            role: "user",
            content: [
              {
                type: "tool_result",
                tool_use_id: "a",
                content: [{ type: "text", text: "Rain", cache_control: { type: "ephemeral", ttl: "1h" } }],
              },
            ],
          },
        ],
      },
    ],
  ])("a mark for the cache in %s is one for the client", (_where, body) => {
    expect(decoded(body).options.promptCache).toEqual({ ttl: "1h" });
  });

  test.each<[what: string, body: object, sentence: string]>([
    ["a temperature that is too high", { temperature: 1.5 }, "`temperature` must be a number from 0 to 1."],
    ["no tokens", { max_tokens: 0 }, "`max_tokens` must be an integer above 0."],
    ["servers of tools", { mcp_servers: [{ url: "https://a.example" }] }, "`mcp_servers` is not supported"],
    ["another form of output", { output_config: { format: { type: "xml" } } }, "must be json_schema"],
    ["an unknown effort", { output_config: { effort: "huge" } }, "`output_config.effort` must be one of"],
  ])("%s is refused in a sentence", (_what, body, sentence) => {
    expect(refusalOf(body)).toContain(sentence);
  });
});

describe("tools", () => {
  const tools = [{ name: "weather", description: "Now", input_schema: { type: "object" } }];
  const known = [{ name: "weather", description: "Now", parameters: { type: "object" } }];

  test.each<[choice: unknown, toolChoice: unknown]>([
    [undefined, undefined],
    [{ type: "auto", disable_parallel_tool_use: true }, "auto"],
    [{ type: "none" }, "none"],
    [{ type: "any" }, "required"],
    [{ type: "tool", name: "weather" }, { name: "weather" }],
  ])("with the choice %j", (tool_choice, toolChoice) => {
    expect(decoded({ tools, tool_choice }).options).toEqual({
      tools: known,
      ...(toolChoice !== undefined && { toolChoice }),
    });
  });

  test("a tool of one's own may say so, and web search is the model's", () => {
    const search = {
      type: "web_search_20250305",
      name: "web_search",
      max_uses: 3,
      allowed_domains: ["example.org"],
      user_location: { type: "approximate", country: "NO" },
    };
    expect(decoded({ tools: [{ type: "custom", ...tools[0] }, search] }).options).toEqual({
      tools: known,
      search: { allowedDomains: ["example.org"], country: "NO" },
    });
  });

  test.each<[what: string, tool: object, sentence: string]>([
    [
      "a tool that only Claude knows",
      { type: "bash_20250124", name: "bash" },
      '`tools.0` has the type "bash_20250124"',
    ],
    ["a tool without a name", { input_schema: {} }, "`tools.0.name`"],
    ["a schema that is text", { name: "a", input_schema: "{}" }, "`tools.0.input_schema` must be an object."],
  ])("%s is refused in a sentence", (_what, tool, sentence) => {
    expect(refusalOf({ tools: [tool] })).toContain(sentence);
  });
});

describe("messages", () => {
  test("the system comes first, in one turn", () => {
    const blocks = [
      { type: "text", text: "Be brief." },
      { type: "text", text: "Be kind." },
    ];
    expect(decoded({ system: "Be brief." }).messages[0]).toEqual({ role: "system", content: "Be brief." });
    expect(decoded({ system: blocks }).messages[0]).toEqual({ role: "system", content: "Be brief.\n\nBe kind." });
    expect(decoded({ system: [] }).messages).toEqual(HELLO);
  });

  test("the system may speak in between, and say nothing", () => {
    const between = [...HELLO, { role: "system", content: "Be brief." }, { role: "system", content: [] }];
    expect(decoded({ messages: between }).messages).toEqual([...HELLO, { role: "system", content: "Be brief." }]);
  });

  test("thinking that comes back, and records of Anthropic's own tools, are accepted", () => {
    const content = [
      { type: "thinking", thinking: "Hm.", signature: "cloudllm-1" },
      { type: "redacted_thinking", data: "x" },
      { type: "server_tool_use", id: "s", name: "web_search", input: {} },
      { type: "web_search_tool_result", tool_use_id: "s", content: [] },
      { type: "text", text: "It " },
      { type: "text", text: "rains." },
      { type: "tool_use", id: "a", name: "now", input: { at: 1 } },
    ];
    const results = [{ type: "tool_result", tool_use_id: "a" }];
    const messages = [...HELLO, { role: "assistant", content }, { role: "user", content: results }];
    expect(decoded({ messages }).messages.slice(1)).toEqual([
      { role: "assistant", content: "It rains.", toolCalls: [{ id: "a", name: "now", arguments: { at: 1 } }] },
      { role: "tool", toolCallId: "a", content: "" },
    ]);
  });

  test("results answer first, whatever the order in which they came, and errors stay errors", () => {
    const content = [
      { type: "text", text: "Here:" },
      { type: "tool_result", tool_use_id: "a", content: "Rain" },
      {
        type: "tool_result",
        tool_use_id: "b",
        is_error: true,
        content: [
          { type: "text", text: "No" },
          { type: "text", text: "city" },
          { type: "tool_reference", tool_name: "x" },
        ],
      },
    ];
    expect(decoded({ messages: [...HELLO, { role: "user", content }] }).messages.slice(1)).toEqual([
      { role: "tool", toolCallId: "a", content: "Rain" },
      { role: "tool", toolCallId: "b", content: "No\ncity\nThese tools can be called now: x", isError: true },
      { role: "user", content: "Here:" },
    ]);
  });

  test("a beginning of the answer asks for the rest of it", () => {
    const messages = [...HELLO, { role: "assistant", content: "The answer is" }];
    expect(decoded({ messages }).messages[1]).toEqual({
      role: "assistant",
      content: "The answer is",
      interrupted: true,
    });
  });

  const png = "iVBORw0KGgo=";
  test.each<[what: string, block: object, parts: unknown]>([
    ["text", { type: "text", text: "Hi" }, "Hi"],
    [
      "a picture",
      image({ type: "base64", media_type: "image/png", data: png }),
      [{ type: "image", data: png, mediaType: "image/png" }],
    ],
    [
      "a picture at an address",
      image({ type: "url", url: "https://e.org/a.png" }),
      [{ type: "image", url: "https://e.org/a.png" }],
    ],
    ["a picture that is kept there", image({ type: "file", file_id: "f" }), [{ type: "image", fileId: "f" }]],
    [
      "a PDF",
      { type: "document", title: "a.pdf", source: { type: "base64", media_type: "application/pdf", data: png } },
      [{ type: "file", data: png, mediaType: "application/pdf", filename: "a.pdf" }],
    ],
    [
      "a document of text",
      { type: "document", title: "Notes", source: { type: "text", media_type: "text/plain", data: "Rain" } },
      "Notes\n\nRain",
    ],
    ["a document of blocks", { type: "document", source: { type: "content", content: "Rain" } }, "Rain"],
    [
      "a result of a search",
      { type: "search_result", title: "Oslo", source: "https://e.org", content: [{ type: "text", text: "Rain" }] },
      "Oslo\nhttps://e.org\nRain",
    ],
  ])("%s reaches the model", (_what, block, parts) => {
    expect(decoded({ messages: [{ role: "user", content: [block] }] }).messages[0]?.content).toEqual(parts);
  });

  test.each<[what: string, messages: unknown, sentence: string]>([
    ["none", [], "`messages` must be an array that is not empty."],
    ["an unknown role", [{ role: "robot", content: "" }], "`messages.0.role` must be user or assistant."],
    ["an unknown block", [{ role: "user", content: [{ type: "video" }] }], '`messages.0.content.0.type` is "video"'],
    ["a result of nothing", [{ role: "user", content: [{ type: "tool_result" }] }], "tool_use_id"],
    ["a call without an id", [{ role: "assistant", content: [{ type: "tool_use", name: "a" }] }], ".id"],
    ["a file of this machine", [{ role: "user", content: [image({ type: "url", url: "file:///a" })] }], "http, https"],
  ])("%s is refused in a sentence", (_what, messages, sentence) => {
    expect(refusalOf({ messages })).toContain(sentence);
  });
});

function image(source: object): object {
  return { type: "image", source };
}
