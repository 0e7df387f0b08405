/** What one account at one address has encrypted or signed is not sent to another, which would refuse every further request. */

import { type AssistantMessage, ClaudeClient, type ClientOptions, type Message } from "cloudllm";
import { describe, expect, test } from "vitest";
import { type ClientName, events, type RequestRecorder, useRequestRecorder } from "../support/sent-requests.ts";

const writer = useRequestRecorder();
const elsewhere = useRequestRecorder();

const HI: Message = { role: "user", content: "hi" };
const answer = (toolCallId: string): Message => ({ role: "tool", toolCallId, content: "seen" });

const chat = (...deltas: readonly object[]) =>
  `${events(...deltas.map((delta) => ({ id: "c", choices: [{ index: 0, delta, finish_reason: null }] })), {
    id: "c",
    choices: [{ index: 0, delta: {}, finish_reason: "tool_calls" }],
  })}data: [DONE]\n\n`;
const CALL = { index: 0, id: "c1", type: "function", function: { name: "w", arguments: "{}" } };
const responses = (...output: readonly object[]) =>
  events({ type: "response.completed", response: { id: "r", status: "completed", output } });
const google = (...parts: readonly object[]) =>
  events({ candidates: [{ content: { role: "model", parts }, finishReason: "STOP" }], responseId: "r" });

const reasoning = { type: "reasoning", id: "rs_1", summary: [], encrypted_content: "SECRET" };
const call = { type: "function_call", id: "fc_1", call_id: "c1", name: "w", arguments: "{}", status: "completed" };
const search = { type: "web_search_call", id: "ws_1", status: "completed", action: { type: "search", query: "q" } };

/** An id in which LiteLLM keeps Gemini's signature. */
const SIGNED_ID = `call_1__thought__${"+/".repeat(30)}SECRET==`;

/** Each with what only its writer can read marked as SECRET. */
const REPLIES: readonly (readonly [string, ClientName, string, string])[] = [
  ["OpenAI's encrypted thinking", "openai", "gpt-5.4", responses(reasoning, search, reasoning, call)],
  ["xAI's encrypted thinking", "grok", "grok-4.6", responses(reasoning, call)],
  [
    "Gemini's signatures",
    "gemini",
    "gemini-3.5-flash",
    google(
      { text: "hm", thought: true, thoughtSignature: "SECRET" },
      { toolCall: { id: "t", toolType: "GOOGLE_SEARCH" }, thoughtSignature: "SECRET" },
      { toolResponse: { id: "t" }, thoughtSignature: "SECRET" },
      { functionCall: { id: "c1", name: "w", args: {} }, thoughtSignature: "SECRET" },
      { text: "", thoughtSignature: "SECRET" },
    ),
  ],
  [
    "Gemini's signatures over Chat Completions",
    "gemini chat",
    "gemini-3.5-flash",
    chat({ tool_calls: [{ ...CALL, extra_content: { google: { thought_signature: "SECRET" } } }] }),
  ],
  [
    "OpenRouter's details",
    "openrouter",
    "anthropic/claude-opus-5",
    chat({ reasoning_details: [{ type: "reasoning.encrypted", index: 0, data: "SECRET" }] }, { tool_calls: [CALL] }),
  ],
  [
    "Claude's signed thinking behind LiteLLM",
    "compatible",
    "claude-sonnet-4-5",
    chat(
      { reasoning_content: "h", thinking_blocks: [{ type: "thinking", thinking: "h", signature: null }] },
      { reasoning_content: "m", thinking_blocks: [{ type: "thinking", thinking: "m" }] },
      { reasoning_content: "", thinking_blocks: [{ type: "thinking", thinking: "", signature: "SECRET" }] },
      { tool_calls: [CALL] },
    ),
  ],
  ...[
    { provider_specific_fields: { thought_signature: "SECRET" } },
    { function: { ...CALL.function, provider_specific_fields: { thought_signature: "SECRET" } } },
    { thought_signature: "SECRET" },
    { id: SIGNED_ID },
  ].map(
    (fields) =>
      [
        `Gemini's signatures behind a gateway, in ${Object.keys(fields)}`,
        "compatible",
        "gemini-3.5-flash",
        chat({ tool_calls: [{ ...CALL, ...fields }] }),
      ] as const,
  ),
  [
    "Gemini's signatures behind LiteLLM's Responses",
    "openai",
    "gemini-3.5-flash",
    responses({ ...call, call_id: SIGNED_ID }),
  ],
  [
    "Gemini's signatures behind LiteLLM's Messages",
    "claude",
    "gemini-3.5-flash",
    events(
      { type: "message_start", message: { id: "m" } },
      { type: "content_block_start", index: 0, content_block: { type: "tool_use", id: SIGNED_ID, name: "w" } },
      { type: "content_block_stop", index: 0 },
      { type: "message_delta", delta: { stop_reason: "tool_use" } },
      { type: "message_stop" },
    ),
  ],
];

async function body(
  recorder: RequestRecorder,
  client: ClientName,
  model: string,
  turns: readonly Message[],
  options: Partial<ClientOptions> = {},
): Promise<string> {
  const before = recorder.requests.length;
  await recorder.client(client, model, options).sendMessage([HI, ...turns]);
  return JSON.stringify(recorder.requests[before]?.body);
}

describe.each(REPLIES)("%s", (_what, client, model, reply) => {
  const loop = (message: AssistantMessage) => [message, answer(message.toolCalls[0]?.id ?? "")];

  test("go back to who wrote them, after JSON", async () => {
    const message = await writer.replied(client, model, reply);
    expect(await body(writer, client, model, loop(message))).toContain("SECRET");
  });

  test("go neither to another address nor to another account; the call and its answer do", async () => {
    const message = await writer.replied(client, model, reply);
    const other = await body(elsewhere, client, model, loop(message));
    const account = await body(writer, client, model, loop(message), { apiKey: "another-key-9" });
    for (const sent of [other, account]) {
      expect(sent).not.toContain("SECRET");
      for (const gone of ["rs_1", "ws_1", "toolCall", "toolResponse", "reasoning_details", "thinking_blocks"])
        expect(sent).not.toContain(gone);
      expect(sent).toMatch(/"name":"w"/);
      expect(sent).toContain("seen");
      if (client.startsWith("gemini")) expect(sent).toContain("skip_thought_signature_validator");
    }
  });

  test("of a history from before addresses were noted go back", async () => {
    const message = await writer.replied(client, model, reply);
    const { origin: _origin, account: _account, ...replay } = message.replay ?? expect.fail("no replay");
    expect(await body(elsewhere, client, model, loop({ ...message, replay }))).toContain("SECRET");
  });

  test.each<[string, Partial<ClientOptions>, Partial<ClientOptions>]>([
    [
      "the account has a name",
      { apiKey: "key-one", headers: { "OpenAI-Organization": "org-1" } },
      { apiKey: "key-two", headers: { "openai-organization": "org-1" } },
    ],
    [
      "keys are tokens that live an hour",
      { headers: { authorization: "Bearer eyJhbGciOi.eyJhdWQi.c2ln" } },
      { headers: { Authorization: "Bearer eyJhbGciOi.eyJhdWQj.c2lo" } },
    ],
  ])("go on after a rotation where %s", async (_where, before, after) => {
    const message = await writer.replied(client, model, reply, before);
    expect(await body(writer, client, model, loop(message), after)).toContain("SECRET");
  });
});

test("Claude's thinking behind LiteLLM goes back as the blocks that Claude signed, and only those", async () => {
  const pieces = [
    { type: "redacted_thinking", data: "R" },
    { type: "thinking", thinking: "a" },
    { type: "thinking", thinking: "b" },
    { type: "thinking", thinking: "", signature: "1" },
    { type: "thinking", thinking: "c", signature: "" },
    { type: "thinking", thinking: "c", signature: "2" },
    { type: "thinking", thinking: "never signed" },
  ];
  const wire = chat(...pieces.map((piece) => ({ thinking_blocks: [piece] })), { tool_calls: [CALL] });
  const message = await writer.replied("compatible", "claude-sonnet-4-5", wire);
  expect(message.reasoning).toContain("abc");
  const sent = await body(writer, "compatible", "claude-sonnet-4-5", [message, answer("c1")]);
  expect(JSON.parse(sent).messages[1].thinking_blocks).toEqual([
    { type: "redacted_thinking", data: "R" },
    { type: "thinking", thinking: "ab", signature: "1" },
    { type: "thinking", thinking: "c", signature: "2" },
  ]);
  expect(await body(writer, "compatible", "claude-opus-5", [message, answer("c1")])).not.toContain("thinking_blocks");
});

test.each<[string, boolean]>([
  ["kimi-k2.5", true],
  ["claude-sonnet-4-5", false], // behind a gateway, which may send the next request to Claude
])("%s gets the numbers of its calls back as it wrote them: %s", async (model, isKept) => {
  const id = "functions.w:0";
  const wire = events(
    { type: "message_start", message: { id: "m" } },
    { type: "content_block_start", index: 0, content_block: { type: "tool_use", id, name: "w" } },
    { type: "content_block_stop", index: 0 },
    { type: "message_delta", delta: { stop_reason: "tool_use" } },
    { type: "message_stop" },
  );
  const message = await writer.replied("claude", model, wire);
  const { messages } = JSON.parse(await body(writer, "claude", model, [message, answer(id)]));
  const sent = isKept ? id : "functions_w_0";
  expect(messages[1].content).toEqual([{ type: "tool_use", id: sent, name: "w", input: {} }]);
  expect(messages[2].content).toEqual([{ type: "tool_result", tool_use_id: sent, content: "seen" }]);
  expect(await body(elsewhere, "claude", model, [message, answer(id)])).toContain("functions_w_0");
});

test("who wrote a reply is noted without the key", async () => {
  const key = "sk-proj-0123456789abcdefghijklmnopqrstuvwxyz";
  const made = responses(reasoning, call);
  const { replay } = await writer.replied("openai", "gpt-5.4", made, { apiKey: key });
  expect(replay?.origin).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  expect(replay?.account).toMatch(/^[0-9a-z]{1,7}$/);
  const again = await writer.replied("openai", "gpt-5.4", made, { apiKey: key });
  expect(again.replay?.account).toBe(replay?.account);
  const other = await writer.replied("openai", "gpt-5.4", made, { apiKey: `${key}A` });
  expect(other.replay?.account).not.toBe(replay?.account);
});

describe("Anthropic Messages", () => {
  /** What goes out in the place of a reply that thought, when one address wrote it and another is asked. */
  async function blocksAt(
    written: string,
    asked: string,
    model: string,
    signature: string,
    apiKey = "k",
  ): Promise<unknown[]> {
    const reply = events(
      { type: "message_start", message: { id: "m", content: [], usage: { input_tokens: 1, output_tokens: 1 } } },
      { type: "content_block_start", index: 0, content_block: { type: "thinking", thinking: "hm", signature } },
      { type: "content_block_stop", index: 0 },
      { type: "content_block_start", index: 1, content_block: { type: "tool_use", id: "c1", name: "w", input: {} } },
      { type: "content_block_stop", index: 1 },
      { type: "message_delta", delta: { stop_reason: "tool_use" }, usage: { output_tokens: 1 } },
      { type: "message_stop" },
    );
    const bodies: { messages: { content: unknown[] }[] }[] = [];
    const fetch: typeof globalThis.fetch = async (_url, init) => {
      bodies.push(JSON.parse(String(init?.body)));
      return new Response(reply, { headers: { "content-type": "text/event-stream" } });
    };
    const at = (baseUrl: string, key: string) => new ClaudeClient({ model, baseUrl, fetch, apiKey: key });
    const first = await (await at(written, "k").sendMessageStream([HI])).finalMessage();
    const history: readonly Message[] = [HI, JSON.parse(JSON.stringify(first)), answer("c1")];
    await (await at(asked, apiKey).sendMessageStream(history)).finalMessage();
    return bodies[1]?.messages[1]?.content ?? [];
  }
  const ANTHROPIC = "https://api.anthropic.com";
  const thought = (signature: string) => ({ type: "thinking", thinking: "hm", signature });

  test.each<[string, string, string, string, string, boolean]>([
    ["continues at another of its clouds", ANTHROPIC, "https://us.aws.amazonaws.com", "claude-sonnet-4-5", "s", true],
    ["continues with another key", ANTHROPIC, ANTHROPIC, "claude-sonnet-4-5", "s", true],
    [
      "stays behind at another vendor's",
      ANTHROPIC,
      "https://api.moonshot.ai/anthropic",
      "claude-sonnet-4-5",
      "s",
      false,
    ],
    ["unsigned stays behind", ANTHROPIC, ANTHROPIC, "claude-sonnet-4-5", "", false],
    [
      "unsigned goes back to Kimi",
      "https://api.moonshot.ai/anthropic",
      "https://api.moonshot.ai/anthropic",
      "k",
      "",
      true,
    ],
    [
      "unsigned goes back to DeepSeek",
      "https://api.deepseek.com/anthropic",
      "https://api.deepseek.com/anthropic",
      "deepseek-v4",
      "",
      true,
    ],
    [
      "unsigned goes back to MiniMax behind a proxy",
      "http://proxy.local",
      "http://proxy.local",
      "MiniMax-M2",
      "",
      true,
    ],
    ["unsigned stays behind elsewhere", "https://api.z.ai/api/anthropic", ANTHROPIC, "glm-5.3", "", false],
  ])("thinking %s", async (_what, written, asked, model, signature, goes) => {
    const blocks = await blocksAt(written, asked, model, signature, "another-key");
    if (goes) expect(blocks).toContainEqual(thought(signature));
    else expect(blocks).toMatchObject([{ type: "tool_use" }]);
  });
});

/** As they arrive: with fields that only replies have, and with those that requests have, too. */
const ITEMS: readonly [object, object][] = [
  [
    {
      type: "message",
      id: "msg_1",
      status: "completed",
      role: "assistant",
      phase: null,
      content: [
        { type: "output_text", text: "So.", annotations: [], logprobs: [], parsed: null },
        { type: "refusal", refusal: "", extra: 1 },
        { type: "reasoning_text", text: "hm" },
      ],
    },
    {
      type: "message",
      role: "assistant",
      content: [
        { type: "output_text", text: "So.", annotations: [] },
        { type: "refusal", refusal: "" },
      ],
    },
  ],
  [
    { ...call, created_by: "m", namespace: null, parsed_arguments: {} },
    { type: "function_call", call_id: "c1", name: "w", arguments: "{}" },
  ],
  [{ ...search, created_by: "m", duration: 1 }, search],
  [
    { type: "shell_call", id: "s", call_id: "x", status: "completed", action: { commands: [] }, created_by: "m" },
    { type: "shell_call", id: "s", call_id: "x", status: "completed", action: { commands: [] } },
  ],
  [
    {
      type: "code_interpreter_call",
      id: "ci",
      status: "completed",
      code: null,
      container_id: "k",
      outputs: null,
      extra: 1,
    },
    { type: "code_interpreter_call", id: "ci", status: "completed", code: null, container_id: "k", outputs: null },
  ],
  [
    { type: "compaction", id: "cmp", encrypted_content: "e", created_by: "m" },
    { type: "compaction", id: "cmp", encrypted_content: "e" },
  ],
  [
    { type: "unheard_of_call", id: "u", anything: 1 },
    { type: "unheard_of_call", id: "u", anything: 1 },
  ],
];

test.each(ITEMS.map(([came, due]) => [String((came as { type: string }).type), came, due] as const))(
  "a %s goes back with the fields that a request may hold",
  async (_type, came, due) => {
    const message = await writer.replied(
      "openai",
      "gpt-5.4",
      responses({ ...reasoning, status: null, content: null }, came),
    );
    const calls = message.toolCalls.map(({ id }) => answer(id));
    const sent = JSON.parse(await body(writer, "openai", "gpt-5.4", [message, ...calls])) as { input: object[] };
    expect(sent.input.slice(1, 3)).toEqual([{ type: "reasoning", summary: [], encrypted_content: "SECRET" }, due]);
  },
);

test("of a call that Gemini streamed in pieces only the call goes back", async () => {
  const made = google(
    { functionCall: { name: "w", willContinue: true }, thoughtSignature: "s" },
    { functionCall: { partialArgs: [{ jsonPath: "$.a", stringValue: "x" }], willContinue: true } },
    { functionCall: {} },
  );
  const message = await writer.replied("gemini", "gemini-3.5-flash", made);
  const sent = await body(writer, "gemini", "gemini-3.5-flash", [message, answer(message.toolCalls[0]?.id ?? "")]);
  expect(sent).not.toMatch(/partialArgs|willContinue/);
  expect(sent).toContain('"functionCall":{"name":"w","args":{"a":"x"}}');
});
