/** Every recorded reply of Anthropic Messages. */

import { ClaudeClient } from "cloudllm";
import { expect } from "vitest";
import { testRecordedReplies } from "../support/recorded-replies.ts";
import { sha256 } from "../support/recordings.ts";

/** The parts of the recorded usage that make up ours. */
interface RawUsage {
  readonly input_tokens: number;
  readonly cache_creation_input_tokens?: number;
  readonly cache_read_input_tokens?: number;
  readonly output_tokens: number;
  readonly iterations?: readonly (RawUsage & { readonly type: string })[];
}

testRecordedReplies({
  protocol: "anthropic-messages",
  client: (options) => new ClaudeClient(options),
  usageOf({ usage }) {
    if (!usage?.raw) return undefined;
    const raw = usage.raw as RawUsage;
    const compacted = raw.iterations?.some(({ type }) => type === "compaction") ? raw.iterations : [raw];
    const input = compacted.map(
      (part) => part.input_tokens + (part.cache_creation_input_tokens ?? 0) + (part.cache_read_input_tokens ?? 0),
    );
    const sum = (counts: readonly number[]) => counts.reduce((total, count) => total + count, 0);
    return { inputTokens: sum(input), outputTokens: sum(compacted.map((part) => part.output_tokens)) };
  },
  compare(message, { signatures = [] }) {
    const data = JSON.stringify(message?.replay?.data ?? null);
    const strings = [...data.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([quoted]) => sha256(JSON.parse(quoted) as string));
    for (const signature of signatures) expect(strings).toContain(signature);
  },
});
