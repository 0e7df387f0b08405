/** Ends a turn that was cut by the end of its process. */

import type { Message } from "../contract/message.ts";
import type { TokenUsage } from "../contract/usage.ts";
import { estimateInputTokens, estimateTokens } from "../tokens/estimate.ts";
import type { Conversation } from "./conversation.ts";
import { pendingCalls } from "./history.ts";
import type { OpenTurn } from "./record.ts";
import { endRecordOf, resumedCalls } from "./reducer.ts";
import { errorResult } from "./tool-result.ts";
import { isTurnUsage } from "./usage.ts";

/** Ends the turn that is under way in a conversation which no process continues; does nothing where there is none. */
export function endLeft(conversation: Conversation): void {
  const { turn } = conversation.state;
  if (!turn) return;
  const { asked, reply } = turn;
  const estimated = reply && { ...asked, estimatedUsage: estimateOf(conversation, turn, reply) };
  const usage = isTurnUsage(estimated) ? estimated : undefined; // another program may have written no `asked`
  for (const call of resumedCalls(turn)) {
    // The turn was stored before its first tool ran, and no tool runs twice.
    const message = errorResult(call, "The program ended while this call ran, or before.");
    conversation.record({ type: "result", message });
  }
  const pending = pendingCalls(turn.messages);
  const begun = pending.filter(({ needsApproval }) => !needsApproval); // a person may still allow the others
  for (const call of begun) {
    const message = errorResult(call, "The program ended before this call had a result.");
    conversation.record({ type: "result", message });
  }
  const { text = "", media } = reply ?? {};
  const message = text || media ? ({ role: "assistant", content: text, ...(media && { media }) } as const) : undefined;
  const discards = conversation.onInterrupt === "discard";
  const interrupted = pending.length === 0 || begun.length > 0;
  conversation.record(endRecordOf(conversation.state.turn ?? turn, message, { interrupted, discards, usage }));
}

/** Estimates the request and the recorded part of a reply that the end of its process cut. */
function estimateOf(
  conversation: Conversation,
  turn: OpenTurn,
  { text, unseenTokens }: NonNullable<OpenTurn["reply"]>,
): TokenUsage {
  const inputTokens = estimateInputTokens(sentWith(conversation, turn.messages));
  const outputTokens = estimateTokens(text) + unseenTokens;
  return { inputTokens, outputTokens, totalTokens: inputTokens + outputTokens };
}

/** Returns the request of a turn by this session's budget; the session that sent it may have had another. */
function sentWith(conversation: Conversation, messages: readonly Message[]): readonly Message[] {
  const { systemPrompt, history } = conversation.state;
  try {
    return conversation.requestOf(systemPrompt, messages, {}).messages;
  } catch {
    return [...history, ...messages];
  }
}
