/** Anthropic Messages. */

import { ClaudeClient } from "cloudllm";
import {
  type Counts,
  cut,
  firstHalf,
  inOrder,
  type PlannedCall,
  type Reason,
  type Speaker,
  type Speech,
  sse,
} from "./speaker.ts";

const REASONS = { stop: "end_turn", length: "max_tokens", toolCalls: "tool_use" } as const;

/** One event, padded with blanks before its last brace as the provider pads it. */
function event(type: string, fields: object = {}): string {
  const json = JSON.stringify({ type, ...fields });
  return sse(`${json.slice(0, -1)}${" ".repeat(json.length % 5)}}`, type);
}

const MESSAGE = { id: "msg_1", type: "message", role: "assistant", model: "m-2", stop_sequence: null } as const;

class AnthropicSpeech implements Speech {
  readonly events: string[];
  #next = 0;
  #open: { readonly index: number; readonly type: string } | undefined;

  constructor() {
    const message = { ...MESSAGE, content: [], stop_reason: null };
    this.events = [event("message_start", { message }), event("ping")];
  }

  raw(...events: readonly string[]): this {
    for (const event of events) this.events.push(event);
    return this;
  }

  text(...deltas: readonly string[]): this {
    const index = this.#in("text", { type: "text", text: "" });
    return this.raw(...deltas.map((text) => delta(index, { type: "text_delta", text })));
  }

  reasoning(...deltas: readonly string[]): this {
    const index = this.#in("thinking", { type: "thinking", thinking: "", signature: "" });
    return this.raw(...deltas.map((thinking) => delta(index, { type: "thinking_delta", thinking })));
  }

  calls(calls: readonly PlannedCall[], { interleaved = false, cut: isCut = false } = {}): this {
    this.#close();
    const pieces = calls.map(({ id, name, arguments: args }, call) => {
      const index = this.#next++;
      const all = cut(JSON.stringify(args), 6).map((partial_json) =>
        delta(index, { type: "input_json_delta", partial_json }),
      );
      return [
        event("content_block_start", { index, content_block: { type: "tool_use", id, name, input: {} } }),
        ...(isCut && call === calls.length - 1 ? firstHalf(all) : all),
        event("content_block_stop", { index }),
      ];
    });
    return this.raw(...inOrder(pieces, interleaved).map(({ piece }) => piece));
  }

  counts({ input, output }: Counts): this {
    return this.raw(event("message_delta", { delta: {}, usage: { input_tokens: input, output_tokens: output } }));
  }

  failure(message: string): this {
    return this.raw(event("error", { error: { type: "api_error", message } }));
  }

  finish(reason: Reason = "stop", counts?: Counts): this {
    this.#close();
    const usage = counts && { input_tokens: counts.input, output_tokens: counts.output };
    return this.raw(
      event("message_delta", { delta: { stop_reason: REASONS[reason], stop_sequence: null }, ...(usage && { usage }) }),
      event("message_stop"),
    );
  }

  #in(type: string, content_block: object): number {
    if (this.#open?.type === type) return this.#open.index;
    this.#close();
    const index = this.#next++;
    this.#open = { index, type };
    this.raw(event("content_block_start", { index, content_block }));
    return index;
  }

  #close(): void {
    if (this.#open) this.raw(event("content_block_stop", { index: this.#open.index }));
    this.#open = undefined;
  }
}

function delta(index: number, delta: object): string {
  return event("content_block_delta", { index, delta });
}

export const anthropic: Speaker = {
  protocol: "Anthropic Messages",
  provider: "anthropic",
  hasTerminalEvent: true,
  speech: () => new AnthropicSpeech(),
  unknownEvents: [
    event("news_flash", { payload: { deep: [1, 2] } }),
    event("content_block_delta", { index: 0, delta: { type: "mood_delta", mood: "sunny" } }),
    event("ping", { weather: { wind: 3 } }),
  ],
  whole: (text, { input, output }) =>
    JSON.stringify({
      ...MESSAGE,
      content: [{ type: "text", text }],
      stop_reason: "end_turn",
      usage: { input_tokens: input, output_tokens: output },
    }),
  refusal: (status, message) => JSON.stringify({ type: "error", error: { type: `refused_${status}`, message } }),
  client: (origin, options) => new ClaudeClient({ ...options, baseUrl: origin, model: "m-1" }),
};
