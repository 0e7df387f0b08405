/** Gemini's `streamGenerateContent`. */

import { GeminiClient } from "cloudllm";
import { type Counts, cut, inOrder, type PlannedCall, type Reason, type Speaker, type Speech, sse } from "./speaker.ts";

/** The provider ends its lines with CR LF. */
function event(data: object): string {
  return sse(data).replaceAll("\n", "\r\n");
}

const HEAD = { modelVersion: "m-2", responseId: "resp-1" } as const;

function candidate(parts: readonly object[], more: object = {}): object {
  return { candidates: [{ content: { role: "model", parts }, index: 0, ...more }], ...HEAD };
}

class GeminiSpeech implements Speech {
  readonly events: string[] = [];

  raw(...events: readonly string[]): this {
    for (const event of events) this.events.push(event);
    return this;
  }

  text(...deltas: readonly string[]): this {
    return this.raw(...deltas.map((text) => event(candidate([{ text }]))));
  }

  reasoning(...deltas: readonly string[]): this {
    return this.raw(...deltas.map((text) => event(candidate([{ text, thought: true }]))));
  }

  /** Pieces have no name of their call: one call after the other is all that can be said. Cut is within a value. */
  calls(calls: readonly PlannedCall[], { cut: isCut = false } = {}): this {
    const pieces = calls.map(({ id, name, arguments: args }, call) => {
      const all = Object.entries(args).flatMap(([key, value]) => {
        const texts = cut(value, 3);
        return texts.map((stringValue, at) => ({
          partialArgs: [{ jsonPath: `$['${key}']`, stringValue, willContinue: at < texts.length - 1 }],
          willContinue: true,
        }));
      });
      const isLast = isCut && call === calls.length - 1;
      return [{ id, name, willContinue: true }, ...(isLast ? all.slice(0, 2) : [...all, {}])];
    });
    return this.raw(...inOrder(pieces, false).map(({ piece }) => event(candidate([{ functionCall: piece }]))));
  }

  counts(counts: Counts): this {
    return this.raw(event({ usageMetadata: usageOf(counts), ...HEAD }));
  }

  failure(message: string): this {
    return this.raw(event({ error: { code: 500, message, status: "INTERNAL" } }));
  }

  finish(reason: Reason = "stop", counts?: Counts): this {
    const more = { finishReason: reason === "length" ? "MAX_TOKENS" : "STOP" };
    const usage = counts && { usageMetadata: usageOf(counts) };
    return this.raw(event({ ...candidate([{ text: "" }], more), ...usage }));
  }
}

function usageOf({ input, output }: Counts): object {
  return { promptTokenCount: input, candidatesTokenCount: output, totalTokenCount: input + output };
}

export const gemini: Speaker = {
  protocol: "Gemini",
  provider: "gemini",
  hasTerminalEvent: false,
  speech: () => new GeminiSpeech(),
  unknownEvents: [
    event({ newsFlash: { deep: [1, 2] }, ...HEAD }),
    event(candidate([{ mood: "sunny" }], { weather: { wind: 3 } })),
    event({ candidates: [], ...HEAD }),
  ],
  whole: (text, counts) =>
    JSON.stringify({ ...candidate([{ text }], { finishReason: "STOP" }), usageMetadata: usageOf(counts) }),
  refusal: (code, message) => JSON.stringify({ error: { code, message, status: "REFUSED" } }),
  client: (origin, options) => new GeminiClient({ ...options, baseUrl: origin, model: "m-1" }),
};
