/** OpenAI Responses. */

import { OpenAIClient } from "cloudllm";
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

const RESPONSE = { id: "resp_1", object: "response", created_at: 1_760_000_000, model: "m-2", error: null } as const;

interface OpenItem {
  readonly at: number;
  readonly type: "message" | "reasoning";
  text: string;
}

class ResponsesSpeech implements Speech {
  readonly events: string[] = [];
  readonly #output: object[] = [];
  #number = 0;
  #next = 0;
  #open: OpenItem | undefined;

  constructor() {
    const response = { ...RESPONSE, status: "in_progress", output: [], usage: null };
    this.#say("response.created", { response }).#say("response.in_progress", { response }).#say("keepalive", {});
  }

  raw(...events: readonly string[]): this {
    for (const event of events) this.events.push(event);
    return this;
  }

  text(...deltas: readonly string[]): this {
    const item = this.#in("message");
    for (const delta of deltas) {
      item.text += delta;
      this.#say("response.output_text.delta", { output_index: item.at, content_index: 0, delta, logprobs: [] });
    }
    return this;
  }

  reasoning(...deltas: readonly string[]): this {
    const item = this.#in("reasoning");
    for (const delta of deltas) {
      item.text += delta;
      this.#say("response.reasoning_summary_text.delta", { output_index: item.at, summary_index: 0, delta });
    }
    return this;
  }

  calls(calls: readonly PlannedCall[], { interleaved = false, cut: isCut = false } = {}): this {
    this.#close();
    const steps = calls.map(({ id, name, arguments: args }, call) => {
      const output_index = this.#next++;
      const item = { id: `fc_${id}`, type: "function_call", call_id: id, name, arguments: "", status: "in_progress" };
      const all = cut(JSON.stringify(args), 6);
      const pieces = isCut && call === calls.length - 1 ? firstHalf(all) : all;
      const done = { ...item, arguments: pieces.join(""), status: "completed" };
      this.#output.push(done);
      return [
        { type: "response.output_item.added", fields: { output_index, item } },
        ...pieces.map((delta) => ({
          type: "response.function_call_arguments.delta",
          fields: { output_index, item_id: item.id, delta },
        })),
        {
          type: "response.function_call_arguments.done",
          fields: { output_index, item_id: item.id, arguments: done.arguments },
        },
        { type: "response.output_item.done", fields: { output_index, item: done } },
      ];
    });
    for (const { piece } of inOrder(steps, interleaved)) this.#say(piece.type, piece.fields);
    return this;
  }

  counts(counts: Counts): this {
    const response = { ...RESPONSE, status: "in_progress", output: [], usage: usageOf(counts) };
    return this.#say("response.in_progress", { response });
  }

  failure(message: string): this {
    return this.#say("error", { error: { type: "server_error", code: "server_error", message, param: null } });
  }

  finish(reason: Reason = "stop", counts?: Counts): this {
    this.#close();
    const isCut = reason === "length";
    const status = isCut ? "incomplete" : "completed";
    const incomplete_details = isCut ? { reason: "max_output_tokens" } : null;
    const usage = counts ? usageOf(counts) : null;
    const response = { ...RESPONSE, status, incomplete_details, output: this.#output, usage };
    return this.#say(`response.${status}`, { response });
  }

  #say(type: string, fields: object): this {
    return this.raw(sse({ type, sequence_number: this.#number++, ...fields }, type));
  }

  #in(type: OpenItem["type"]): OpenItem {
    if (this.#open?.type === type) return this.#open;
    this.#close();
    const open: OpenItem = { at: this.#next++, type, text: "" };
    this.#open = open;
    const output_index = open.at;
    this.#say("response.output_item.added", { output_index, item: itemOf(open, "in_progress") });
    if (type === "message") {
      const part = { type: "output_text", text: "", annotations: [] };
      this.#say("response.content_part.added", { output_index, content_index: 0, part });
    } else {
      const part = { type: "summary_text", text: "" };
      this.#say("response.reasoning_summary_part.added", { output_index, summary_index: 0, part });
    }
    return open;
  }

  #close(): void {
    const open = this.#open;
    if (!open) return;
    this.#open = undefined;
    const { at: output_index, type, text } = open;
    if (type === "message") this.#say("response.output_text.done", { output_index, content_index: 0, text });
    else this.#say("response.reasoning_summary_text.done", { output_index, summary_index: 0, text });
    const item = itemOf(open, "completed");
    this.#output.push(item);
    this.#say("response.output_item.done", { output_index, item });
  }
}

function itemOf({ at, type, text }: OpenItem, status: "in_progress" | "completed"): object {
  const isDone = status === "completed";
  if (type === "reasoning") return { id: `rs_${at}`, type, summary: isDone ? [{ type: "summary_text", text }] : [] };
  const content = isDone ? [{ type: "output_text", text, annotations: [] }] : [];
  return { id: `msg_${at}`, type, status, role: "assistant", content };
}

function usageOf({ input, output }: Counts): object {
  return { input_tokens: input, output_tokens: output, total_tokens: input + output };
}

export const responses: Speaker = {
  protocol: "OpenAI Responses",
  provider: "openai",
  hasTerminalEvent: true,
  speech: () => new ResponsesSpeech(),
  unknownEvents: [
    sse({ type: "response.news.flash", payload: { deep: [1, 2] } }, "response.news.flash"),
    sse({ type: "response.output_text.mood", output_index: 0, mood: "sunny" }, "response.output_text.mood"),
    sse({ type: "keepalive", weather: { wind: 3 } }, "keepalive"),
  ],
  whole: (text, counts) =>
    JSON.stringify({
      ...RESPONSE,
      status: "completed",
      output: [itemOf({ at: 0, type: "message", text }, "completed")],
      usage: usageOf(counts),
    }),
  refusal: (_status, message) => JSON.stringify({ error: { message, type: "refused", param: null, code: null } }),
  client: (origin, options) => new OpenAIClient({ ...options, baseUrl: `${origin}/v1`, model: "m-1" }),
};
