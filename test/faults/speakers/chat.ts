/** Chat Completions. */

import { CompatibleClient } from "cloudllm";
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

const HEAD = { id: "chatcmpl-1", object: "chat.completion.chunk", created: 1_760_000_000, model: "m-2" };
const REASONS = { stop: "stop", length: "length", toolCalls: "tool_calls" } as const;

/** One chunk with one choice. */
export function chatChunk(delta: object, finish_reason: string | null = null, more: object = {}): string {
  return sse({ ...HEAD, choices: [{ index: 0, delta, finish_reason }], ...more });
}

export const CHAT_DONE = "data: [DONE]\n\n";

class ChatSpeech implements Speech {
  readonly events: string[] = [chatChunk({ role: "assistant", content: "" })];

  raw(...events: readonly string[]): this {
    for (const event of events) this.events.push(event);
    return this;
  }

  text(...deltas: readonly string[]): this {
    return this.raw(...deltas.map((content) => chatChunk({ content })));
  }

  reasoning(...deltas: readonly string[]): this {
    return this.raw(...deltas.map((reasoning_content) => chatChunk({ reasoning_content })));
  }

  calls(calls: readonly PlannedCall[], { interleaved = false, cut: isCut = false } = {}): this {
    const begin = ({ id, name }: PlannedCall, index: number) =>
      chatChunk({ tool_calls: [{ index, id, type: "function", function: { name, arguments: "" } }] });
    const pieces = calls.map((call, index) => {
      const all = cut(JSON.stringify(call.arguments), 6).map((piece) =>
        chatChunk({ tool_calls: [{ index, function: { arguments: piece } }] }),
      );
      return [begin(call, index), ...(isCut && index === calls.length - 1 ? firstHalf(all) : all)];
    });
    return this.raw(...inOrder(pieces, interleaved).map(({ piece }) => piece));
  }

  counts(counts: Counts): this {
    return this.raw(sse({ ...HEAD, choices: [], usage: usageOf(counts) }));
  }

  failure(message: string): this {
    return this.raw(sse({ error: { message, type: "server_error", code: null } }));
  }

  finish(reason: Reason = "stop", counts?: Counts): this {
    this.raw(chatChunk({}, REASONS[reason]));
    if (counts) this.counts(counts);
    return this.raw(CHAT_DONE);
  }
}

function usageOf({ input, output }: Counts): object {
  return { prompt_tokens: input, completion_tokens: output, total_tokens: input + output };
}

export const chat: Speaker = {
  protocol: "Chat Completions",
  provider: "compatible",
  hasTerminalEvent: true,
  speech: () => new ChatSpeech(),
  unknownEvents: [
    sse({ type: "news.flash", payload: { deep: [1, 2] } }, "news"),
    chatChunk({ mood: "sunny" }, null, { weather: { wind: 3 } }),
    sse({ object: "chat.completion.whatever" }),
  ],
  whole: (content, counts) =>
    JSON.stringify({
      ...HEAD,
      object: "chat.completion",
      choices: [{ index: 0, message: { role: "assistant", content }, finish_reason: "stop" }],
      usage: usageOf(counts),
    }),
  refusal: (_status, message) => JSON.stringify({ error: { message, type: "refused", param: null, code: null } }),
  client: (origin, options) => new CompatibleClient({ ...options, baseUrl: `${origin}/v1`, model: "m-1" }),
};
