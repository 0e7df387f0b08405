/** A strict loopback server refuses what the provider would. */

import { startProviderServer } from "cloudllm/testing";
import { describe, expect, test } from "vitest";
import { HI, MESSAGES, model, reasoning } from "./strict-requests.ts";

const CHAT = "/v1/chat/completions";

const RESPONSES = "/v1/responses";

const GEMINI = "/v1beta/models/m:generateContent";

const chatCall = { id: "c", type: "function", function: { name: "f", arguments: "{}" } };

const chatTurnOf = (fields: object) => ({ role: "assistant", content: null, tool_calls: [{ ...chatCall, ...fields }] });

const chatTurn = { role: "assistant", content: null, tool_calls: [chatCall] };

const call = { type: "function_call", call_id: "c", name: "f", arguments: "{}" };

const use = { role: "assistant", content: [{ type: "tool_use", id: "c", name: "f", input: {} }] };

const result = { type: "tool_result", tool_use_id: "c", content: "r" };

const user = (...parts: unknown[]) => ({ role: "user", parts });

const ask = user({ text: "hi" });

const wanted = { functionCall: { name: "f", args: {} } };

const given = { functionResponse: { name: "f", response: {} } };

const search = { type: "server_tool_use", id: "srvtoolu_1", name: "web_search", input: {} };

const found = { type: "web_search_tool_result", tool_use_id: "srvtoolu_1", content: [] };

/** What each family of Claude models takes, by its documents of November 2026. */
function optionRows(): readonly (readonly [string, string, object, RegExp?])[] {
  const disabled = { thinking: { type: "disabled" } };
  const between = { thinking: { type: "between_tools" } };
  const budget = { max_tokens: 4_096, thinking: { type: "enabled", budget_tokens: 2_048 } };
  const adaptive = { thinking: { type: "adaptive", display: "summarized" } };
  const forced = { tools: [{ name: "f", input_schema: { type: "object" } }], tool_choice: { type: "any" } };
  const prefill = { messages: [HI, { role: "assistant", content: "{" }] };
  const xhigh = { output_config: { effort: "xhigh" } };
  const rows: readonly (readonly [string, object, RegExp?])[] = [
    ["claude-sonnet-4-5", budget],
    ["claude-sonnet-4-5", adaptive, /"thinking.type.adaptive" is not supported/],
    ["claude-sonnet-4-5", prefill],
    ["claude-sonnet-4-5", { ...prefill, ...budget }, /prefill/],
    ["claude-sonnet-4-5", { ...forced, ...budget }, /forces tool use/],
    ["claude-sonnet-4-5", { temperature: 0.5, top_p: 0.5 }, /cannot both/],
    ["claude-sonnet-4-6", { ...adaptive, ...forced }],
    ["claude-sonnet-4-6", { temperature: 0.5 }],
    ["claude-sonnet-4-6", { temperature: 0.5, ...adaptive }, /`temperature`/],
    ["claude-sonnet-4-6", xhigh, /effort/],
    ["claude-sonnet-4-6", prefill, /prefill/],
    ["claude-opus-4-7", budget, /"thinking.type.enabled" is not supported/],
    ["claude-opus-4-7", xhigh],
    ["claude-opus-4-7", { temperature: 0.5 }, /`temperature`/],
    ["claude-opus-4-7", { temperature: 1 }],
    ["claude-opus-4-7", { top_k: 5 }, /`top_k`/],
    ["claude-opus-5", disabled],
    ["claude-opus-5", { ...disabled, ...xhigh }, /effort/],
    ["claude-opus-5", forced],
    ["claude-opus-5-5", disabled, /"thinking.type.disabled" is not supported/],
    ["claude-opus-5-5", between, /not supported/],
    ["claude-opus-5-5", forced, /tool_choice: type "tool" and "any" are not supported/],
    ["claude-opus-5-5", adaptive],
    ["claude-fable-5-1", forced, /tool_choice/],
    ["claude-sonnet-5-5", between],
    ["claude-sonnet-5-5", { thinking: { type: "between_tools", display: "summarized" } }, /Extra inputs/],
    ["claude-sonnet-5-5", { ...between, ...xhigh }, /effort/],
    ["claude-sonnet-5-5", disabled, /between_tools/],
    ["claude-haiku-5-5", { ...disabled, ...forced }],
    ["claude-haiku-5-5", { top_p: 0.99 }],
    ["claude-haiku-5-5", { top_p: 1 }, /`top_p`/],
    ["claude-of-tomorrow", disabled, /not supported/],
  ];
  return rows.map(([name, options, words]) => {
    const what = `${Object.keys(options).join(" and ")} at ${name} (${JSON.stringify(options)})`;
    const body = { max_tokens: 99, messages: [HI], model: name, ...options };
    return words ? [what, MESSAGES, body, words] : [what, MESSAGES, body];
  });
}

/** Bodies, and a part of what is said of each; without it, the body is fine. */
const BODIES: readonly (readonly [string, string, object, RegExp?])[] = [
  ["a question", CHAT, { messages: [HI] }],
  ["a call with its answer", CHAT, { messages: [HI, chatTurn, { role: "tool", tool_call_id: "c", content: "r" }] }],
  ["no messages", CHAT, { messages: [] }, /empty array/],
  ...["gemma-3-27b", "sonar-pro"].flatMap((name): (readonly [string, string, object, RegExp?])[] => {
    const two = { ...chatTurn, tool_calls: [chatCall, { ...chatCall, id: "d" }] };
    const results = ["c", "d"].map((id) => ({ role: "tool", tool_call_id: id, content: "r" }));
    const done = { role: "assistant", content: "ok" };
    return [
      [`the results of two calls at ${name}`, CHAT, { model: name, messages: [HI, two, ...results, done, HI] }],
      [`two questions at ${name}`, CHAT, { model: name, messages: [HI, HI] }, /alternate/],
      [`a question behind results at ${name}`, CHAT, { model: name, messages: [HI, two, ...results, HI] }, /alternate/],
    ];
  }),
  [
    "a reply without thinking at DeepSeek V4",
    CHAT,
    { model: "deepseek-v4-pro", messages: [HI, { role: "assistant", content: "ok" }, HI] },
    /reasoning_content/,
  ],
  [
    "a reply without thinking at DeepSeek V4 behind a router",
    CHAT,
    { model: "deepseek/deepseek-v4-pro", messages: [HI, { role: "assistant", content: "ok" }, HI] },
  ],
  ["a call without its answer", CHAT, { messages: [HI, chatTurn, HI] }, /must be followed by tool messages.*: c$/],
  ["a call at the end", CHAT, { messages: [HI, chatTurn] }, /must be followed by tool messages/],
  [
    "an answer to no call",
    CHAT,
    { messages: [HI, { role: "tool", tool_call_id: "c", content: "" }] },
    /preceding message/,
  ],
  ["an empty reply", CHAT, { messages: [HI, { role: "assistant", content: "" }, HI] }, /to have content/],
  [
    "arguments that are no text",
    CHAT,
    { messages: [HI, { ...chatTurn, tool_calls: [{ ...chatCall, function: { name: "f", arguments: {} } }] }] },
    /string of JSON/,
  ],
  ["a question", RESPONSES, { input: "hi" }],
  [
    "a call with its answer",
    RESPONSES,
    { input: [HI, call, { type: "function_call_output", call_id: "c", output: "r" }] },
  ],
  ["no input", RESPONSES, { input: [] }, /must be provided/],
  ["a call without its answer", RESPONSES, { input: [HI, call] }, /No tool output found for function call c/],
  [
    "an answer to no call",
    RESPONSES,
    { input: [HI, { type: "function_call_output", call_id: "c", output: "r" }] },
    /No tool call found/,
  ],
  ["thinking that leads to nothing", RESPONSES, { input: [HI, reasoning] }, /without its required following item/],
  [
    "thinking that was changed",
    RESPONSES,
    { input: [HI, reasoning, { role: "assistant", content: "x" }] },
    /could not be verified/,
  ],
  [
    "thinking that was not kept",
    RESPONSES,
    { input: [HI, { ...reasoning, encrypted_content: undefined }, { role: "assistant", content: "x" }] },
    /not persisted/,
  ],
  [
    "a reply under the name of a question",
    RESPONSES,
    { input: [{ role: "assistant", content: [{ type: "input_text", text: "x" }] }] },
    /Invalid value: 'input_text'/,
  ],
  ["a question", MESSAGES, { max_tokens: 9, messages: [HI] }],
  ["a call with its answer", MESSAGES, { max_tokens: 9, messages: [HI, use, { role: "user", content: [result] }] }],
  ["no limit", MESSAGES, { messages: [HI] }, /max_tokens/],
  ["a reply first", MESSAGES, { max_tokens: 9, messages: [use] }, /first message must use the "user" role/],
  ["empty text", MESSAGES, { max_tokens: 9, messages: [{ role: "user", content: "" }] }, /must be non-empty/],
  [
    "blanks at the end",
    MESSAGES,
    { max_tokens: 9, messages: [HI, { role: "assistant", content: "a " }] },
    /whitespace/,
  ],
  ["a call without its answer", MESSAGES, { max_tokens: 9, messages: [HI, use, HI] }, /without `tool_result`.*: c$/],
  ["an answer to no call", MESSAGES, { max_tokens: 9, messages: [{ role: "user", content: [result] }] }, /unexpected/],
  [
    "an answer after words",
    MESSAGES,
    { max_tokens: 9, messages: [HI, use, { role: "user", content: [{ type: "text", text: "x" }, result] }] },
    /must come before/,
  ],
  [
    "thinking that was changed",
    MESSAGES,
    {
      max_tokens: 9,
      messages: [HI, { role: "assistant", content: [{ type: "thinking", thinking: "a", signature: "b" }] }],
    },
    /Invalid `signature`/,
  ],
  ["blank text", MESSAGES, { max_tokens: 9, messages: [{ role: "user", content: " \n" }] }, /non-whitespace/],
  [
    "a blank system",
    MESSAGES,
    { max_tokens: 9, messages: [HI], system: [{ type: "text", text: " " }] },
    /non-whitespace/,
  ],
  [
    "blank text in a result",
    MESSAGES,
    {
      max_tokens: 9,
      messages: [HI, use, { role: "user", content: [{ ...result, content: [{ type: "text", text: "\n" }] }] }],
    },
    /non-whitespace/,
  ],
  ["a search that continues", MESSAGES, { max_tokens: 9, messages: [HI, { role: "assistant", content: [search] }] }],
  [
    "a search without its result",
    MESSAGES,
    { max_tokens: 9, messages: [HI, { role: "assistant", content: [search] }, HI] },
    /`server_tool_use` ids were found without/,
  ],
  [
    "a result without its search",
    MESSAGES,
    { max_tokens: 9, messages: [HI, { role: "assistant", content: [found] }, HI] },
    /unexpected `tool_use_id`/,
  ],
  ...optionRows(),
  ["a question", GEMINI, { contents: [ask] }],
  ["a call with its answer", GEMINI, { contents: [ask, model(wanted), user(given)] }],
  ["no contents", GEMINI, { contents: [] }, /not specified/],
  ["a reply first", GEMINI, { contents: [model({ text: "x" })] }, /begins with a user turn/],
  ["a turn without parts", GEMINI, { contents: [user()] }, /must not be empty/],
  ["a part of two kinds", GEMINI, { contents: [user({ text: "a", functionCall: {} })] }, /one initialized field/],
  [
    "two calls with one answer",
    GEMINI,
    { contents: [ask, model(wanted, wanted), user(given)] },
    /number of function response/,
  ],
  ["an answer to no call", GEMINI, { contents: [user(given)] }, /immediately after/],
  [
    "an answer that is a text",
    GEMINI,
    { contents: [ask, model(wanted), user({ functionResponse: { name: "f", response: "r" } })] },
    /Struct/,
  ],
  ...(
    [
      [CHAT, { messages: [{ role: "user", content: "cut \ud83d" }] }],
      [CHAT, { messages: [HI, chatTurnOf({ function: { name: "f", arguments: '{"a":"\\ud83d"}' } })] }],
      [RESPONSES, { input: [{ ...HI, content: "cut \ud83d" }] }],
      [MESSAGES, { max_tokens: 9, messages: [{ role: "user", content: "cut \ud83d" }] }],
      [GEMINI, { contents: [user({ text: "cut \ude00" })] }],
    ] as const
  ).map(([path, body]) => ["half a surrogate pair", path, body, /lone surrogate/] as const),
  [
    "a name that is not allowed",
    CHAT,
    { messages: [HI, chatTurnOf({ function: { name: "a b", arguments: "{}" } })] },
    /pattern/,
  ],
  [
    "a tool of such a name",
    CHAT,
    { messages: [HI], tools: [{ type: "function", function: { name: "a.b" } }] },
    /pattern/,
  ],
  ["an id that is too long", CHAT, { messages: [HI, chatTurnOf({ id: "x".repeat(41) })] }, /string too long/],
  ["two calls of one id", CHAT, { messages: [HI, { ...chatTurn, tool_calls: [chatCall, chatCall] }] }, /the same id/],
  [
    "a field that OpenAI does not know",
    CHAT,
    { model: "gpt-4.1", messages: [HI, { role: "assistant", content: "x", reasoning_content: "y" }, HI] },
    /Unknown parameter: 'messages\[1\].reasoning_content'/,
  ],
  [
    "Kimi's thinking left out",
    CHAT,
    { model: "kimi-k2.5", messages: [HI, chatTurn, { role: "tool", tool_call_id: "c", content: "r" }] },
    /reasoning_content is missing in assistant tool call message at index 1/,
  ],
  [
    "DeepSeek's thinking left out",
    CHAT,
    { model: "deepseek-v4", messages: [HI, { role: "assistant", content: "x" }, HI] },
    /must be passed back/,
  ],
  [
    "words after a result at Mistral",
    CHAT,
    {
      model: "mistral-large",
      messages: [HI, chatTurnOf({ id: "abcdefghi" }), { role: "tool", tool_call_id: "abcdefghi", content: "r" }, HI],
    },
    /Unexpected role 'user' after role 'tool'/,
  ],
  [
    "an id that Mistral does not take",
    CHAT,
    { model: "mistral-large", messages: [HI, chatTurn, { role: "tool", tool_call_id: "c", content: "r" }] },
    /length of 9/,
  ],
  ["two turns of one role at Perplexity", CHAT, { model: "sonar", messages: [HI, HI] }, /should alternate/],
  [
    "a name that is not allowed",
    RESPONSES,
    { input: [HI, { ...call, name: "a b" }, { type: "function_call_output", call_id: "c", output: "r" }] },
    /pattern/,
  ],
  [
    "a field that only replies have",
    RESPONSES,
    { input: [HI, { type: "web_search_call", id: "ws", status: "completed", action: {}, created_by: "m" }] },
    /Unknown parameter: 'input\[1\].created_by'/,
  ],
  [
    "two calls of one id",
    RESPONSES,
    { input: [HI, call, call, { type: "function_call_output", call_id: "c", output: "r" }] },
    /Duplicate function call/,
  ],
  [
    "a name that is not allowed",
    MESSAGES,
    {
      max_tokens: 9,
      messages: [
        HI,
        { ...use, content: [{ type: "tool_use", id: "c", name: "a b", input: {} }] },
        { role: "user", content: [result] },
      ],
    },
    /tool_use.name/,
  ],
  [
    "two calls of one id",
    MESSAGES,
    {
      max_tokens: 9,
      messages: [HI, use, { role: "user", content: [result] }, use, { role: "user", content: [result] }],
    },
    /must be unique/,
  ],
  [
    "a name that is not allowed",
    GEMINI,
    {
      contents: [
        ask,
        model({ functionCall: { name: "a b", args: {} } }),
        user({ functionResponse: { name: "a b", response: {} } }),
      ],
    },
    /Invalid function name/,
  ],
  [
    "a signature of another's",
    GEMINI,
    { contents: [ask, model({ text: "x", thoughtSignature: "?" })] },
    /Thought signature is not valid/,
  ],
  [
    "a signature that says there was none",
    GEMINI,
    { contents: [ask, model({ text: "x", thoughtSignature: "skip_thought_signature_validator" })] },
  ],
  [
    "a field that only replies have",
    GEMINI,
    { contents: [ask, model({ functionCall: { name: "f", args: {}, willContinue: true } }), user(given)] },
    /Unknown name "willContinue"/,
  ],
];

describe("a strict server", () => {
  for (const [what, path, body, words] of BODIES) {
    test(`on ${what} at ${path}`, async () => {
      await using strict = await startProviderServer(undefined, { strict: true });
      await using lenient = await startProviderServer();
      const post = (origin: string) => fetch(origin + path, { method: "POST", body: JSON.stringify(body) });
      expect((await post(lenient.origin)).status).toBe(200);
      const response = await post(strict.origin);
      const { error } = (await response.json()) as { error?: { message: string } };
      expect(response.status).toBe(words ? 400 : 200);
      if (words) expect(error?.message).toMatch(words);
    });
  }
});
