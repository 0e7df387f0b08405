/** Bodies as coding agents send them. */

import { describe, expect, test } from "vitest";
import { ask, eventsOf, testGateway } from "../support/gateway.ts";
import { streamed, textOf } from "../support/responses.ts";

const SHELL = {
  type: "function",
  name: "shell",
  description: "Runs a command.",
  strict: false,
  parameters: { type: "object", properties: { command: { type: "array", items: { type: "string" } } } },
};
const PATCH = {
  type: "custom",
  name: "apply_patch",
  description: "Edits files.",
  format: { type: "grammar", syntax: "lark", definition: 'start: "*** Begin Patch"' },
};

/** As Codex sends it: the whole conversation each time, nothing stored. */
const CODEX = {
  model: "gpt-5.3-codex",
  instructions: "You are a coding agent.",
  input: [
    { type: "message", role: "developer", content: [{ type: "input_text", text: "<permissions/>" }] },
    { type: "message", role: "user", content: [{ type: "input_text", text: "<environment_context/>" }] },
    { type: "message", role: "user", content: [{ type: "input_text", text: "Fix it." }] },
    {
      type: "reasoning",
      summary: [{ type: "summary_text", text: "Look." }],
      content: null,
      encrypted_content: "gAAAA",
    },
    { type: "function_call", name: "shell", arguments: '{"command":["ls"]}', call_id: "call_1" },
    { type: "function_call_output", call_id: "call_1", output: '{"output":"a.ts\\n","metadata":{"exit_code":0}}' },
    { type: "custom_tool_call", status: "completed", call_id: "call_2", name: "apply_patch", input: "*** Begin Patch" },
    { type: "custom_tool_call_output", call_id: "call_2", output: "Done" },
  ],
  tools: [SHELL, PATCH, { type: "web_search", external_web_access: false }],
  tool_choice: "auto",
  parallel_tool_calls: false,
  reasoning: { effort: "medium", summary: "auto" },
  store: false,
  stream: true,
  include: ["reasoning.encrypted_content"],
  prompt_cache_key: "0199a213-81c0-7800-8aa1-bbab2a035a53",
  text: { verbosity: "low" },
};

describe("an agent as Codex", () => {
  test("has its conversation, tools and effort at the model", async () => {
    const gateway = testGateway([{ text: "Done." }]);
    await streamed(gateway, CODEX);
    const { messages, options } = gateway.model.calls[0] ?? {};
    expect(messages?.map(({ role }) => role)).toEqual([
      "system",
      "system",
      "user",
      "user",
      "assistant",
      "tool",
      "assistant",
      "tool",
    ]);
    expect(options).toMatchObject({
      tools: [{ name: "shell" }, { name: "apply_patch" }],
      toolChoice: "auto",
      reasoning: "medium",
      search: { mode: "auto" },
      promptCache: { key: CODEX.prompt_cache_key },
    });
  });

  test("gets calls of both kinds as items that are complete", async () => {
    const steps = [
      { reasoning: "I must look." },
      { toolCall: { id: "call_3", name: "shell", arguments: { command: ["cat", "a.ts"] } } },
      { toolCall: { id: "call_4", name: "apply_patch", arguments: { input: "*** Begin Patch\n*** End Patch" } } },
    ];
    const events = await streamed(testGateway([{ steps }]), CODEX);
    const items = events.flatMap(({ type, item }) => (type === "response.output_item.done" ? [item] : []));
    expect(items).toMatchObject([
      { type: "reasoning" },
      { type: "function_call", call_id: "call_3", name: "shell", arguments: '{"command":["cat","a.ts"]}' },
      { type: "custom_tool_call", call_id: "call_4", name: "apply_patch", input: "*** Begin Patch\n*** End Patch" },
    ]);
    expect(events.at(-1)).toMatchObject({
      type: "response.completed",
      response: { usage: { input_tokens: expect.any(Number) } },
    });
  });
});

/** As Cursor's agent mode sends it: a body of Responses, to the route of Chat Completions. */
const CURSOR = {
  model: "gpt-5",
  input: [
    { role: "system", content: "You are an agent." },
    { role: "user", content: [{ type: "input_text", text: "Fix it." }] },
  ],
  tools: [
    SHELL,
    PATCH,
    { type: "function", function: { name: "read_file", parameters: { type: "object", properties: {} } } },
  ],
  tool_choice: "auto",
  reasoning: { effort: "high", summary: "auto" },
  stream: true,
  stream_options: { include_usage: true },
  store: false,
  include: ["reasoning.encrypted_content"],
  metadata: { cursorConversationId: "c" },
  user: "u",
};

describe("an agent as Cursor's", () => {
  test("sends a body of Responses to Chat Completions, and gets the chunks of that", async () => {
    const toolCall = { id: "call_1", name: "shell", fragments: ['{"command":', '["ls"]}'] };
    const gateway = testGateway([{ steps: [{ text: "Let me see." }, { toolCall }] }]);
    const events = await eventsOf(await gateway.handle(ask("chat/completions", CURSOR)));
    expect(gateway.model.calls[0]?.messages).toEqual([
      { role: "system", content: "You are an agent." },
      { role: "user", content: [{ type: "text", text: "Fix it." }] },
    ]);
    const { options } = gateway.model.calls[0] ?? {};
    expect(options?.tools?.map(({ name }) => name)).toEqual(["shell", "apply_patch", "read_file"]);
    expect(options?.reasoning).toBe("high");
    const chunks = events.flatMap(({ data }) => (data === "[DONE]" ? [] : [data]));
    expect(chunks[0]).toMatchObject({ object: "chat.completion.chunk", choices: [{ delta: { role: "assistant" } }] });
    expect(chunks).toContainEqual(
      expect.objectContaining({ choices: [expect.objectContaining({ finish_reason: "tool_calls" })] }),
    );
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { prompt_tokens: expect.any(Number) } });
    expect(events.at(-1)?.data).toBe("[DONE]");
  });

  test("is refused what only the route of Responses has", async () => {
    const gateway = testGateway([]);
    const body = { ...CURSOR, previous_response_id: "resp_1" };
    const response = await gateway.handle(ask("chat/completions", body));
    expect(response.status).toBe(400);
    expect(await response.text()).toContain("previous_response_id");
  });
});

test("a program that adds no `/v1` to the address is answered as well", async () => {
  const gateway = testGateway([{ text: "Hi" }]);
  const { headers, body } = ask("responses", { input: "Hello" });
  const url = "http://gateway.test/responses";
  const response = await gateway.handle(
    new Request(url, { method: "POST", headers, body, duplex: "half" } as RequestInit),
  );
  expect(textOf(await response.json())).toBe("Hi");
});
