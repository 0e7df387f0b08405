/** The entries of a log → the message so far. */

import type { AssistantMessage } from "../../contract/message.ts";
import { Fold } from "../../stream/fold.ts";
import { mergeFacts, type ReplyFacts } from "../../stream/reply-facts.ts";
import { chunksSoFar } from "../../stream/rest-of-reply.ts";
import { estimateInputTokens } from "../../tokens/estimate.ts";
import type { LogEntry, RunHead } from "./log.ts";

/** Returns the reply of a run as far as its entries say, marked as interrupted. */
export function messageSoFar(head: RunHead, entries: readonly LogEntry[]): AssistantMessage {
  const { provider, model, request } = head;
  const facts: ReplyFacts = { provider, model, attempts: [] };
  let fold = new Fold(facts);
  let [chunks, durationMs] = [0, 0];
  for (const entry of entries) {
    const isSnapshot = entry.type === "snapshot";
    if (isSnapshot) {
      fold = new Fold(facts);
      mergeFacts(facts, entry.message);
      facts.attempts.splice(0, facts.attempts.length, ...entry.message.metrics.attempts);
      durationMs = entry.message.metrics.durationMs;
    }
    for (const chunk of isSnapshot ? chunksSoFar(entry.message) : entry.chunks) {
      if (chunk.type === "final") continue;
      fold.add(chunk);
      chunks++;
    }
  }
  if (request) facts.estimateInput = () => estimateInputTokens(request.messages);
  delete facts.estimatedUsage;
  return fold.message("interrupted", () => ({ durationMs, chunks, longestGapMs: 0, attempts: facts.attempts }));
}
