/** Answers to calls that wait for a person or the page: as they are sent, and as they are shown. */

import type { ChatReply, ChatToolCall } from "../dialects/native/chat-message.ts";
import type { StartRequest } from "../dialects/native/wire.ts";

/** A call that was answered. */
export interface AnsweredCall {
  /** The fields of the start that answers it. */
  readonly fields: Partial<StartRequest>;
  /** The call as it is shown when the reply continues. */
  readonly shown: ChatToolCall;
}

/** Returns a call with its answer. A result may be `false`, and approval is `true` and nothing else. */
export function answered(call: ChatToolCall, answer: unknown): AnsweredCall {
  const { id: toolCallId, state } = call;
  const isApproval = state === "needsApproval";
  const reason = (answer as { readonly deny?: string } | null | undefined)?.deny;
  const isDenied = reason !== undefined || (isApproval && answer !== true);
  if (isDenied || isApproval) {
    return {
      fields: { answers: [{ toolCallId, approved: !isDenied, reason }] },
      shown: { ...call, state: isDenied ? "denied" : "running", result: reason },
    };
  }
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
