/** Minimal replies of every wire format, event by event, for servers that break them. */

import {
  ClaudeClient,
  type ClientOptions,
  type ClientWrapper,
  CompatibleClient,
  GeminiClient,
  OpenAIClient,
} from "cloudllm";

/** What a test adds to a client. */
export type Options = Partial<Omit<ClientOptions, "baseUrl" | "model">>;

/** One wire format. `number` counts the events of a reply; only some formats say it. */
export interface TestWire {
  readonly name: string;
  readonly model: string;
  client(port: number, options?: Options & { readonly model?: string }): ClientWrapper;
  /** What comes before the first chunk; usage of the input where the format tells it early. */
  begin(): string;
  text(content: string, number: number): string;
  /** Everything from the last text to the end. */
  end(number: number): string;
  error(message: string, number: number): string;
  /** A call that was begun and is not closed. */
  openCall(number: number): string;
  /** A whole call. */
  call(number: number): string;
}

const KEY = { apiKey: "sk-test" };

function sse(data: unknown): string {
  return `data: ${JSON.stringify(data)}\n\n`;
}

const chatDelta = (delta: object, finish: string | null = null) =>
  sse({ id: "c1", model: "m", choices: [{ index: 0, delta, finish_reason: finish }] });
const chatCall = (args: string) =>
  chatDelta({ tool_calls: [{ index: 0, id: "k1", function: { name: "look", arguments: args } }] });

export const CHAT: TestWire = {
  name: "Chat Completions",
  model: "m",
  client: (port, options) =>
    new CompatibleClient({ baseUrl: `http://127.0.0.1:${port}/v1`, model: "m", ...KEY, ...options }),
  begin: () => chatDelta({ role: "assistant", content: "" }),
  text: (content) => chatDelta({ content }),
  end: () =>
    `${chatDelta({}, "stop")}${sse({ id: "c1", choices: [], usage: { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7 } })}data: [DONE]\n\n`,
  error: (message) => sse({ error: { message, type: "server_error", code: 503 } }),
  openCall: () => chatCall('{"a":'),
  call: () =>
    chatCall('{"a":1}') + chatCall("").replace('"id":"k1"', '"id":"k2"').replace('"index":0,"id"', '"index":1,"id"'),
};

const anthropic = (data: { readonly type: string }) => `event: ${data.type}\n${sse(data)}`;

export const ANTHROPIC: TestWire = {
  name: "Anthropic Messages",
  model: "claude-sonnet-4-5",
  client: (port, options) =>
    new ClaudeClient({ baseUrl: `http://127.0.0.1:${port}`, model: "claude-sonnet-4-5", ...KEY, ...options }),
  begin: () =>
    anthropic({
      type: "message_start",
      message: { id: "m1", model: "claude", usage: { input_tokens: 5, output_tokens: 1 } },
    } as never) +
    anthropic({ type: "content_block_start", index: 0, content_block: { type: "text", text: "" } } as never),
  text: (text) => anthropic({ type: "content_block_delta", index: 0, delta: { type: "text_delta", text } } as never),
  end: () =>
    anthropic({ type: "content_block_stop", index: 0 } as never) +
    anthropic({ type: "message_delta", delta: { stop_reason: "end_turn" }, usage: { output_tokens: 2 } } as never) +
    anthropic({ type: "message_stop" }),
  error: (message) => anthropic({ type: "error", error: { type: "overloaded_error", message } } as never),
  openCall: () =>
    anthropic({
      type: "content_block_start",
      index: 1,
      content_block: { type: "tool_use", id: "k1", name: "look" },
    } as never) +
    anthropic({
      type: "content_block_delta",
      index: 1,
      delta: { type: "input_json_delta", partial_json: '{"a":' },
    } as never),
  call: () =>
    anthropic({
      type: "content_block_start",
      index: 1,
      content_block: { type: "tool_use", id: "k1", name: "look", input: {} },
    } as never) +
    anthropic({
      type: "content_block_delta",
      index: 1,
      delta: { type: "input_json_delta", partial_json: '{"a":1}' },
    } as never) +
    anthropic({ type: "content_block_stop", index: 1 } as never),
};

const numbered = (type: string, number: number, data: object) =>
  `event: ${type}\n${sse({ type, sequence_number: number, ...data })}`;

export const RESPONSES: TestWire = {
  name: "Responses",
  model: "gpt-4.1",
  client: (port, options) =>
    new OpenAIClient({ baseUrl: `http://127.0.0.1:${port}/v1`, model: "gpt-4.1", ...KEY, ...options }),
  begin: () =>
    numbered("response.created", 0, { response: { id: "resp_1", model: "gpt-4.1", status: "in_progress" } }) +
    numbered("response.in_progress", 1, { response: { id: "resp_1", model: "gpt-4.1", status: "in_progress" } }),
  text: (delta, number) =>
    numbered("response.output_text.delta", number + 2, { output_index: 0, content_index: 0, delta }),
  end: (number) =>
    numbered("response.completed", number + 2, {
      response: {
        id: "resp_1",
        status: "completed",
        output: [],
        usage: { input_tokens: 5, output_tokens: 2, total_tokens: 7 },
      },
    }),
  error: (message, number) =>
    numbered("error", number + 2, { error: { type: "server_error", code: "server_error", message } }),
  openCall: (number) =>
    numbered("response.output_item.added", number + 2, {
      output_index: 1,
      item: { type: "function_call", id: "fc1", call_id: "k1", name: "look", arguments: "" },
    }),
  call: (number) =>
    numbered("response.output_item.done", number + 2, {
      output_index: 1,
      item: { type: "function_call", id: "fc1", call_id: "k1", name: "look", arguments: "{}", status: "completed" },
    }),
};

const gemini = (parts: readonly object[], more: object = {}) =>
  sse({
    candidates: [{ content: { parts, role: "model" }, index: 0, ...more }],
    responseId: "g1",
    modelVersion: "gemini",
  });

export const GEMINI: TestWire = {
  name: "Gemini",
  model: "gemini-2.5-flash",
  client: (port, options) =>
    new GeminiClient({ baseUrl: `http://127.0.0.1:${port}`, model: "gemini-2.5-flash", ...KEY, ...options }),
  begin: () => "",
  text: (text) => gemini([{ text }]),
  end: () =>
    gemini([{ text: "" }], { finishReason: "STOP" }) +
    sse({ usageMetadata: { promptTokenCount: 5, candidatesTokenCount: 2, totalTokenCount: 7 } }),
  error: (message) => sse({ error: { code: 503, status: "UNAVAILABLE", message } }),
  openCall: () => gemini([{ functionCall: { name: "look", willContinue: true } }]),
  call: () => gemini([{ functionCall: { name: "look", args: {} } }]),
};

export const WIRES: readonly TestWire[] = [CHAT, ANTHROPIC, RESPONSES, GEMINI];
