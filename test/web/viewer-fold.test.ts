/** A page's message of a reply is the message that its server has of it. */

import fc from "fast-check";
import { expect, test } from "vitest";
import type { MessageChunk } from "../../src/contract/chunk.ts";
import type { AssistantMessage } from "../../src/contract/message.ts";
import { ViewerFold } from "../../src/dialects/native/viewer-fold.ts";
import type { Ending } from "../../src/stream/ending.ts";
import { Fold } from "../../src/stream/fold.ts";
import type { ReplyFacts } from "../../src/stream/reply-facts.ts";

const METRICS = { durationMs: 1, chunks: 1, longestGapMs: 0, attempts: [] };
const USAGE = { inputTokens: 3, outputTokens: 400, totalTokens: 403 };

const word = fc.constantFrom("a", "bc", " ", "🌍", '{"d":');
const id = fc.constantFrom("one", "two", "three");
const common = { content: "", isFinal: false } as const;

const chunk: fc.Arbitrary<MessageChunk> = fc.oneof(
  word.map((content) => ({ type: "text", content, isFinal: false }) as const),
  word.map((reasoning) => ({ type: "reasoning", reasoning, ...common }) as const),
  fc
    .record({ index: fc.nat(2), id, argumentsDelta: word })
    .map((delta) => ({ type: "toolCallDelta", name: "now", ...delta, ...common }) as const),
  id.map((called) => ({ type: "toolCall", toolCall: { id: called, name: "now", arguments: {} }, ...common }) as const),
  id.map(
    (toolCallId) => ({ type: "toolResult", toolCallId, name: "now", result: "", isError: false, ...common }) as const,
  ),
  fc.nat(9).map((endIndex) => ({ type: "citation", url: "https://example.com", endIndex, ...common }) as const),
  word.map((name) => ({ type: "providerToolCall", providerToolCall: { name }, ...common }) as const),
  fc
    .record({ length: fc.nat(5), reasoningLength: fc.nat(5) })
    .map((rewind) => ({ type: "rewind", ...rewind, ...common }) as const),
);

/** Returns a message without its estimates, which a page makes from the length of the text alone. */
function messageIn(
  fold: Fold | ViewerFold,
  ending: Ending,
): Omit<AssistantMessage, "estimatedUsage"> & { isEstimated: boolean } {
  const { estimatedUsage, ...message } = fold.message(ending, () => METRICS);
  return { ...message, isEstimated: estimatedUsage !== undefined };
}

test("a reply shows on the page as its server has it, however it ends", () => {
  const endings = fc.constantFrom<Ending>("complete", "stopped", "drained", "interrupted", "running");
  const usages = fc.constantFrom({}, { usage: USAGE });
  fc.assert(
    fc.property(fc.array(chunk, { maxLength: 12 }), endings, usages, (chunks, ending, usage) => {
      const facts: ReplyFacts = { provider: "relay", model: "m", attempts: [], ...usage };
      const folds = [new ViewerFold(facts), new Fold(facts)] as const;
      for (const fold of folds) for (const each of chunks) fold.add(each);
      const [viewed, exact] = folds.map((fold) => messageIn(fold, ending));
      expect(viewed).toEqual(exact);
    }),
    { numRuns: 500 },
  );
});
