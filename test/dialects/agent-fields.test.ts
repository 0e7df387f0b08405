/** Fields that agents and front ends always send: none of them keeps a program from its answer. */

import { expect, test } from "vitest";
import { ask, testGateway } from "../support/gateway.ts";

const schema = { $schema: "http://json-schema.org/draft-07/schema#", type: "object", properties: {} };
const marked = { cache_control: { type: "ephemeral", ttl: "1h", scope: "global" } };

const BODIES: readonly (readonly [program: string, route: string, body: object])[] = [
  [
    "Claude Code",
    "messages?beta=true",
    {
      max_tokens: 128_000,
      system: [{ type: "text", text: "Be kind.", ...marked }],
      messages: [
        { role: "user", content: [{ type: "text", text: "Hello", ...marked }] },
        { role: "system", content: [{ type: "text", text: "Dir: /" }], output_config: { effort: "medium" } },
      ],
      tools: [{ name: "Read", input_schema: schema, strict: true, eager_input_streaming: true, ...marked }],
      metadata: { user_id: '{"device_id":"d"}' },
      thinking: { type: "adaptive", display: "updates" },
      context_management: { edits: [{ type: "clear_thinking_20251015", keep: "all" }] },
      output_config: { effort: "medium" },
      service_tier: "auto",
      speed: "standard",
      betas: ["claude-code-20250219"],
    },
  ],
  [
    "Codex",
    "responses",
    {
      input: [{ type: "message", id: "msg_1", role: "user", content: [{ type: "input_text", text: "Hello" }] }],
      tools: [
        { type: "function", name: "exec_command", strict: false, parameters: schema, output_schema: schema },
        { type: "web_search", external_web_access: true, search_content_types: ["text", "image"] },
      ],
      tool_choice: "auto",
      parallel_tool_calls: false,
      reasoning: { effort: "medium", summary: "auto", context: "all_turns" },
      store: false,
      include: ["reasoning.encrypted_content"],
      prompt_cache_key: "k",
      prompt_cache_retention: "24h",
      safety_identifier: "s",
      service_tier: "priority",
      text: { verbosity: "low" },
      client_metadata: { thread_id: "t" },
      stream_options: { include_obfuscation: false },
    },
  ],
  [
    "a front end of Chat Completions",
    "chat/completions",
    {
      messages: [
        { role: "developer", content: "Be kind." },
        { role: "user", name: "ada", content: [{ type: "text", text: "Hello", ...marked }] },
      ],
      tools: [{ type: "function", function: { name: "bash", parameters: schema, strict: false }, ...marked }],
      tool_choice: "auto",
      parallel_tool_calls: true,
      max_completion_tokens: 16_384,
      reasoning_effort: "medium",
      verbosity: "low",
      stream_options: { include_usage: true },
      store: false,
      user: "u",
      metadata: { conversation: "c" },
      frequency_penalty: 0.1,
      presence_penalty: 0.1,
      logit_bias: {},
      logprobs: false,
      prediction: null,
      prompt_cache_key: "k",
      safety_identifier: "s",
      service_tier: "flex",
      enable_thinking: true,
      chat_template_kwargs: { enable_thinking: true },
    },
  ],
];

test.each(BODIES)("%s is answered at %s", async (_program, route, body) => {
  for (const stream of [true, false]) {
    const gateway = testGateway([{ text: "Hi there" }]);
    const response = await gateway.handle(ask(route, { model: "any", ...body, stream }));
    expect([response.status, await response.text()]).toEqual([200, expect.stringContaining("Hi there")]);
    const { options } = gateway.model.calls[0] ?? {};
    expect(options).toMatchObject({ reasoning: "medium", tools: [{ parameters: schema }] });
  }
});
