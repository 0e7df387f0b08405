/** Ollama's `/api/chat`: one JSON object a line. */

import { OllamaClient } from "cloudllm";
import type { Counts, PlannedCall, Reason, Speaker, Speech } from "./speaker.ts";

const HEAD = { model: "m-2", created_at: "2026-11-29T19:22:45.499127123Z" } as const;

function line(data: object): string {
  return `${JSON.stringify(data)}\n`;
}

function piece(message: object, more: object = {}): string {
  return line({ ...HEAD, message: { role: "assistant", content: "", ...message }, done: false, ...more });
}

class OllamaSpeech implements Speech {
  readonly events: string[] = [];

  raw(...events: readonly string[]): this {
    for (const event of events) this.events.push(event);
    return this;
  }

  text(...deltas: readonly string[]): this {
    return this.raw(...deltas.map((content) => piece({ content })));
  }

  reasoning(...deltas: readonly string[]): this {
    return this.raw(...deltas.map((thinking) => piece({ thinking })));
  }

  /** Calls come complete: there are no pieces that could take turns or be cut. */
  calls(calls: readonly PlannedCall[]): this {
    return this.raw(
      ...calls.map(({ id, name, arguments: args }, index) =>
        piece({ tool_calls: [{ id, function: { index, name, arguments: args } }] }),
      ),
    );
  }

  counts(): this {
    return this; // only the last line has them
  }

  failure(message: string): this {
    return this.raw(line({ error: message }));
  }

  finish(reason: Reason = "stop", counts?: Counts): this {
    const done_reason = reason === "length" ? "length" : "stop";
    return this.raw(piece({}, { done: true, done_reason, ...(counts && countsOf(counts)) }));
  }
}

function countsOf({ input, output }: Counts): object {
  return { prompt_eval_count: input, eval_count: output };
}

export const ollama: Speaker = {
  protocol: "Ollama",
  provider: "ollama",
  hasTerminalEvent: true,
  speech: () => new OllamaSpeech(),
  unknownEvents: [line({ newsFlash: { deep: [1, 2] }, ...HEAD }), piece({ mood: "sunny" }, { weather: { wind: 3 } })],
  whole: (content, counts) =>
    JSON.stringify({
      ...HEAD,
      message: { role: "assistant", content },
      done: true,
      done_reason: "stop",
      ...countsOf(counts),
    }),
  refusal: (_status, message) => JSON.stringify({ error: message }),
  client: (origin, options) => new OllamaClient({ ...options, baseUrl: origin, model: "m-1" }),
};
