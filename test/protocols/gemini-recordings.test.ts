/** Every recorded reply of Gemini. */

import { GeminiClient } from "cloudllm";
import { expect } from "vitest";
import { testRecordedReplies } from "../support/recorded-replies.ts";
import { sha256 } from "../support/recordings.ts";

/** The parts of the recorded usage that make up ours. */
interface RawUsage {
  readonly promptTokenCount?: number;
  readonly toolUsePromptTokenCount?: number;
  readonly candidatesTokenCount?: number;
  readonly thoughtsTokenCount?: number;
  readonly totalTokenCount: number;
}

testRecordedReplies({
  protocol: "gemini",
  client: (options) => new GeminiClient(options),
  usageOf({ usage }) {
    if (!usage?.raw) return undefined;
    const raw = usage.raw as RawUsage;
    const inputTokens = (raw.promptTokenCount ?? 0) + (raw.toolUsePromptTokenCount ?? 0);
    // Where the candidates are not counted, what the total has beside the input is output.
    const outputTokens =
      raw.candidatesTokenCount === undefined
        ? raw.totalTokenCount - inputTokens
        : raw.candidatesTokenCount + (raw.thoughtsTokenCount ?? 0);
    return { inputTokens, outputTokens, totalTokens: raw.totalTokenCount };
  },
  compare(message, { signatures = [] }) {
    const data = JSON.stringify(message?.replay?.data ?? null);
    const strings = [...data.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([quoted]) => sha256(JSON.parse(quoted) as string));
    for (const signature of signatures) expect(strings).toContain(signature);
  },
});
