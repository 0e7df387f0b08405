/** Answers to calls that wait for a person or the page: as they are sent, and as they are shown. */

import type { ChatReply, ChatToolCall } from "../dialects/native/chat-message.ts";
import type { StartRequest } from "../dialects/native/wire.ts";

/** Returns a call with its answer, as it is shown when the reply goes on. */
export function answered(call: ChatToolCall, answer: unknown): ChatToolCall {
  if (isRefused(call, answer)) return { ...call, state: "denied", result: reasonIn(answer) };
  return call.state === "needsApproval"
    ? { ...call, state: "running" }
    : { ...call, state: "done", result: resultText(answer) };
}

/** Returns a reply with these calls in the place of those of the same ids that wait, or are answered. */
export function withCalls(reply: ChatReply, changed: (call: ChatToolCall) => ChatToolCall | undefined): ChatReply {
  return { ...reply, toolCalls: reply.toolCalls.map((call) => changed(call) ?? call) };
}

/** Returns the fields of a start that answers a call. */
export function fieldsOf(call: ChatToolCall, answer: unknown): Partial<StartRequest> {
  const toolCallId = call.id;
  return call.state === "needsApproval" || isRefused(call, answer)
    ? { answers: [{ toolCallId, approved: !isRefused(call, answer), reason: reasonIn(answer) }] }
    : { answers: [], results: [{ role: "tool", toolCallId, content: resultText(answer) }] };
}

/** Returns whether an answer refuses a call. A result may be `false`, and approval is `true` and nothing else. */
function isRefused({ state }: ChatToolCall, answer: unknown): boolean {
  return reasonIn(answer) !== undefined || (state === "needsApproval" && answer !== true);
}

function reasonIn(answer: unknown): string | undefined {
  return typeof answer === "object" && answer !== null && "deny" in answer ? String(answer.deny) : undefined;
}

function resultText(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "");
}
