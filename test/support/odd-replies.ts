/** Whole and streamed replies of the four protocols with something of everything in them, to be made odd. */

import { ClaudeClient, type ClientOptions, GeminiClient, OpenAIClient, type ProviderClient } from "cloudllm";

type Event = Readonly<Record<string, unknown>>;

/** One protocol: its client, a streamed reply, the same as one document, and a reply that nothing is wrong with. */
export interface ReplyKind {
  readonly name: string;
  client(options: Partial<ClientOptions>): ProviderClient;
  readonly events: readonly Event[];
  readonly document: Event;
  readonly good: Event;
}

const KEY = { apiKey: "k-123456789", model: "m", retries: { max: 0, maxRetryAfterMs: 100 } };
const CITATION = { type: "url_citation", start_index: 0, end_index: 2, url: "https://a.example", title: "A" };

const chatDelta = (delta: object, finish_reason: string | null = null): Event => ({
  id: "c1",
  object: "chat.completion.chunk",
  model: "m",
  choices: [{ index: 0, delta, finish_reason }],
});
const chatCall = { index: 0, id: "k1", type: "function", function: { name: "look", arguments: '{"a":1}' } };
const chatUsage = {
  prompt_tokens: 5,
  completion_tokens: 2,
  total_tokens: 7,
  prompt_tokens_details: { cached_tokens: 1 },
  completion_tokens_details: { reasoning_tokens: 1 },
};

const CHAT: ReplyKind = {
  name: "Chat Completions",
  client: (options) => new OpenAIClient({ api: "chat", ...KEY, ...options }),
  events: [
    chatDelta({
      role: "assistant",
      content: "",
      reasoning: "hm",
      reasoning_details: [{ type: "reasoning.text", text: "hm" }],
    }),
    chatDelta({ content: "hello", annotations: [{ type: "url_citation", url_citation: CITATION }] }),
    chatDelta({ tool_calls: [chatCall] }),
    chatDelta({}, "tool_calls"),
    { id: "c1", choices: [], usage: chatUsage },
  ],
  document: {
    id: "c1",
    model: "m",
    choices: [
      {
        index: 0,
        message: { role: "assistant", content: "hello", reasoning_content: "hm", tool_calls: [chatCall] },
        finish_reason: "tool_calls",
      },
    ],
    usage: chatUsage,
  },
  good: {
    id: "c2",
    model: "m",
    choices: [{ index: 0, message: { role: "assistant", content: "hello" }, finish_reason: "stop" }],
  },
};

const responsesUsage = {
  input_tokens: 5,
  output_tokens: 2,
  total_tokens: 7,
  input_tokens_details: { cached_tokens: 1 },
  output_tokens_details: { reasoning_tokens: 1 },
};
const reasoningItem = {
  type: "reasoning",
  id: "rs1",
  summary: [{ type: "summary_text", text: "hm" }],
  encrypted_content: "e",
};
const searchItem = { type: "web_search_call", id: "ws1", status: "completed", action: { type: "search", query: "q" } };
const messageItem = {
  type: "message",
  id: "m1",
  role: "assistant",
  status: "completed",
  content: [{ type: "output_text", text: "hello", annotations: [CITATION] }],
};
const callItem = {
  type: "function_call",
  id: "f1",
  call_id: "k1",
  name: "look",
  arguments: '{"a":1}',
  status: "completed",
};
const items: readonly Event[] = [reasoningItem, searchItem, messageItem, callItem];
const response = (status: string, output: readonly unknown[]) => ({
  id: "resp_1",
  model: "m",
  status,
  output,
  usage: responsesUsage,
});

const RESPONSES: ReplyKind = {
  name: "Responses",
  client: (options) => new OpenAIClient({ ...KEY, ...options }),
  events: [
    { type: "response.created", response: response("in_progress", []) },
    ...items.flatMap((item, output_index) => [
      { type: "response.output_item.added", output_index, item },
      ...(item === messageItem
        ? [{ type: "response.output_text.delta", output_index, content_index: 0, delta: "hello" }]
        : []),
      ...(item === reasoningItem
        ? [{ type: "response.reasoning_summary_text.delta", output_index, summary_index: 0, delta: "hm" }]
        : []),
      ...(item === callItem
        ? [{ type: "response.function_call_arguments.delta", output_index, delta: '{"a":1}' }]
        : []),
      { type: "response.output_item.done", output_index, item },
    ]),
    { type: "response.completed", response: response("completed", items) },
  ].map((event, sequence_number) => ({ ...event, sequence_number })),
  document: response("completed", items),
  good: response("completed", [messageItem]),
};

const blocks: readonly Event[] = [
  { type: "thinking", thinking: "hm", signature: "s" },
  { type: "server_tool_use", id: "srv1", name: "web_search", input: { query: "q" } },
  {
    type: "web_search_tool_result",
    tool_use_id: "srv1",
    content: [{ type: "web_search_result", url: "https://a.example", title: "A" }],
  },
  {
    type: "text",
    text: "hello",
    citations: [{ type: "web_search_result_location", url: "https://a.example", cited_text: "he" }],
  },
  { type: "tool_use", id: "k1", name: "look", input: { a: 1 } },
];
const claudeMessage = (content: readonly unknown[], stop_reason: string | null): Event => ({
  id: "msg_1",
  type: "message",
  role: "assistant",
  model: "m",
  content,
  stop_reason,
  usage: { input_tokens: 5, output_tokens: 2, server_tool_use: { web_search_requests: 1 } },
});
const claudeDelta = (block: Event): Event =>
  block.type === "text"
    ? { type: "text_delta", text: block.text }
    : block.type === "thinking"
      ? { type: "thinking_delta", thinking: block.thinking }
      : { type: "input_json_delta", partial_json: JSON.stringify(block.input ?? {}) };

const CLAUDE: ReplyKind = {
  name: "Anthropic",
  client: (options) => new ClaudeClient({ ...KEY, ...options }),
  events: [
    { type: "message_start", message: claudeMessage([], null) },
    ...blocks.flatMap((block, index) => [
      {
        type: "content_block_start",
        index,
        content_block: { ...block, ...("text" in block && { text: "" }), ...("input" in block && { input: {} }) },
      },
      { type: "content_block_delta", index, delta: claudeDelta(block) },
      { type: "content_block_stop", index },
    ]),
    { type: "message_delta", delta: { stop_reason: "tool_use" }, usage: { output_tokens: 9 } },
    { type: "message_stop" },
  ],
  document: claudeMessage(blocks, "tool_use"),
  good: claudeMessage([{ type: "text", text: "hello" }], "end_turn"),
};

const geminiReply = (parts: readonly unknown[], finishReason?: string): Event => ({
  responseId: "g1",
  modelVersion: "m",
  candidates: [
    {
      index: 0,
      content: { role: "model", parts },
      ...(finishReason && {
        finishReason,
        groundingMetadata: {
          webSearchQueries: ["q"],
          groundingChunks: [{ web: { uri: "https://a.example", title: "A" } }],
          groundingSupports: [{ segment: { startIndex: 0, endIndex: 2, text: "he" }, groundingChunkIndices: [0] }],
        },
      }),
    },
  ],
  usageMetadata: { promptTokenCount: 5, candidatesTokenCount: 2, thoughtsTokenCount: 1, totalTokenCount: 8 },
});
const geminiParts: readonly Event[] = [
  { thought: true, text: "hm", thoughtSignature: "c2ln" },
  { text: "hello" },
  { executableCode: { language: "PYTHON", code: "1" } },
  { codeExecutionResult: { outcome: "OUTCOME_OK", output: "1" } },
  { functionCall: { id: "k1", name: "look", args: { a: 1 } }, thoughtSignature: "c2ln" },
];

const GEMINI: ReplyKind = {
  name: "Gemini",
  client: (options) => new GeminiClient({ ...KEY, ...options }),
  events: [...geminiParts.map((part) => geminiReply([part])), geminiReply([], "STOP")],
  document: geminiReply(geminiParts, "STOP"),
  good: geminiReply([{ text: "hello" }], "STOP"),
};

export const REPLY_KINDS: readonly ReplyKind[] = [CHAT, RESPONSES, CLAUDE, GEMINI];

/** Events as a server sends them. */
export function sseOf(kind: ReplyKind, events: readonly unknown[]): string {
  const named = (event: unknown): string => {
    const type = typeof event === "object" && event !== null && "type" in event ? event.type : undefined;
    return typeof type === "string" && kind !== CHAT ? `event: ${type.replace(/\s/g, "")}\n` : "";
  };
  const lines = events.map((event) => `${named(event)}data: ${JSON.stringify(event)}\n\n`);
  return lines.join("") + (kind === CHAT ? "data: [DONE]\n\n" : "");
}
