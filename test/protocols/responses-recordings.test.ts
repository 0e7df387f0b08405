/** Every recorded reply of Responses. */

import { GrokClient, OpenAIClient } from "cloudllm";
import { expect } from "vitest";
import { testRecordedReplies } from "../support/recorded-replies.ts";
import { sha256 } from "../support/recordings.ts";

testRecordedReplies({
  protocol: "openai-responses",
  client: (options, { file }) => (file.includes("/xai__") ? new GrokClient(options) : new OpenAIClient(options)),
  usageOf({ usage }) {
    if (!usage?.raw) return undefined;
    const { input, output, total } = usage;
    return {
      ...(input !== null && { inputTokens: input }),
      ...(output !== null && { outputTokens: output }),
      ...(total !== null && { totalTokens: total }),
    };
  },
  compare(message, { signatures = [] }) {
    const data = JSON.stringify(message?.replay?.data ?? null);
    const strings = [...data.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([quoted]) => sha256(JSON.parse(quoted) as string));
    for (const signature of signatures) expect(strings).toContain(signature);
  },
});
