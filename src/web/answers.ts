/** Answers to calls that wait for a person or the page, as they are sent and as they are shown. Pure. */

import type { StartRequest } from "../dialects/native.ts";
import type { ChatReply, ChatToolCall } from "./chat-message.ts";
import { waits } from "./shown.ts";

/** Answers by the id of the call. */
export type Answers = ReadonlyMap<string, unknown>;

/** Returns a reply whose calls have their answers. */
export function answered(reply: ChatReply, answers: Answers): ChatReply {
  const toolCalls = reply.toolCalls.map((call): ChatToolCall => {
    if (!waits(call)) return call;
    const answer = answers.get(call.id);
    if (isRefused(call, answer)) return { ...call, state: "denied", result: reasonIn(answer) };
    return call.state === "needsApproval"
      ? { ...call, state: "running" }
      : { ...call, state: "done", result: resultText(answer) };
  });
  return { ...reply, toolCalls };
}

/** Returns the fields of a start that answers the calls of a reply. */
export function fieldsOf({ toolCalls }: ChatReply, answers: Answers): Partial<StartRequest> {
  const calls = toolCalls.filter(waits).map((call) => ({ toolCallId: call.id, call, answer: answers.get(call.id) }));
  const isDecision = ({ call, answer }: (typeof calls)[number]): boolean =>
    call.state === "needsApproval" || isRefused(call, answer);
  const decisions = calls.filter(isDecision);
  const results = calls.filter((each) => !isDecision(each));
  return {
    answers: decisions.map(({ toolCallId, call, answer }) => ({
      toolCallId,
      approved: !isRefused(call, answer),
      reason: reasonIn(answer),
    })),
    ...(results[0] && {
      results: results.map(({ toolCallId, answer }) => ({ role: "tool", toolCallId, content: resultText(answer) })),
    }),
  };
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
