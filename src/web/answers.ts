/** Answers to calls that wait for a person or the page: as they are sent, and as they are shown. */

import type { ChatReply, ChatToolCall } from "../dialects/native/chat-message.ts";
import type { StartRequest } from "../dialects/native/wire.ts";

/** A call that was answered. */
export interface AnsweredCall {
  /** The fields of the start that answers it. */
  readonly fields: Partial<StartRequest>;
  /** The call as it is shown when the reply goes on. */
  readonly shown: ChatToolCall;
}

/** Returns a call with its answer. A result may be `false`, and approval is `true` and nothing else. */
export function answered(call: ChatToolCall, answer: unknown): AnsweredCall {
  const { id: toolCallId, state } = call;
  const isApproval = state === "needsApproval";
  const deny = typeof answer === "object" && answer !== null && "deny" in answer ? String(answer.deny) : undefined;
  if (deny !== undefined || (isApproval && answer !== true)) {
    return {
      fields: { answers: [{ toolCallId, approved: false, reason: deny }] },
      shown: { ...call, state: "denied", result: deny },
    };
  }
  if (isApproval)
    return { fields: { answers: [{ toolCallId, approved: true }] }, shown: { ...call, state: "running" } };
  const result = typeof answer === "string" ? answer : (JSON.stringify(answer) ?? "");
  return {
    fields: { answers: [], results: [{ role: "tool", toolCallId, content: result }] },
    shown: { ...call, state: "done", result },
  };
}

/** Returns a reply with these calls in the place of those of the same ids that wait, or are answered. */
export function withCalls(reply: ChatReply, changed: (call: ChatToolCall) => ChatToolCall | undefined): ChatReply {
  return { ...reply, toolCalls: reply.toolCalls.map((call) => changed(call) ?? call) };
}
