/** Every recorded Chat Completions reply. */

import { CompatibleClient } from "cloudllm";
import { testRecordedReplies } from "../support/recorded-replies.ts";

testRecordedReplies({
  protocol: "openai-chat",
  client: (options) => new CompatibleClient(options),
  usageOf({ usage }) {
    if (!usage?.raw) return undefined;
    const { input, output, total } = usage;
    return {
      ...(input !== null && { inputTokens: input }),
      ...(total !== null && { totalTokens: total }),
      // Thinking that the server leaves out of its completion count is in its total, and billed.
      outputTokens: Math.max(output ?? 0, (total ?? 0) - (input ?? 0)),
    };
  },
});
