/** The end of a reply in the words of the conventions. */

import { expect, test } from "vitest";
import { finishReasonOf } from "../../src/otel/conventions.ts";

test.each([
  ["stop", undefined, "stop"],
  ["length", "MAX_TOKENS", "length"],
  ["toolCalls", "tool_calls", "tool_call"],
  ["refusal", undefined, "content_filter"],
  ["stopped", undefined, "error"],
  ["interrupted", undefined, "error"],
  // The last reply of the turn had a reason of its own, which is not the turn's.
  ["budget", "tool_calls", "error"],
  ["unknown", "Tired", "tired"],
  ["unknown", undefined, "error"],
] as const)("%s (%s) is %s", (reason, raw, word) => expect(finishReasonOf(reason, raw)).toBe(word));
