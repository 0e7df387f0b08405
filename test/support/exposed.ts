/** A complete reply with every field, secrets among them, for tests of what leaves the server. */

import type { AssistantMessage } from "../../src/contract/message.ts";

/** A plain reply with the given fields in the place of its own. */
export function message(fields: Partial<AssistantMessage> = {}): AssistantMessage {
  return {
    role: "assistant",
    content: "Hello",
    reasoning: "",
    toolCalls: [],
    citations: [],
    finishReason: "stop",
    metrics: { durationMs: 1, chunks: 1, longestGapMs: 0, attempts: [] },
    provider: "scripted",
    model: "toy",
    ...fields,
  };
}
