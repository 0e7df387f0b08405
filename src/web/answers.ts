/** Answers to calls that wait for a person or the page, as they are sent and as they are shown. Pure. */

import type { StartRequest } from "../dialects/native.ts";
import type { ChatToolCall } from "./chat-message.ts";

/** Whether a call waits for an answer. */
export function waits({ state }: ChatToolCall): boolean {
  return state === "needsApproval" || state === "needsResult";
}

/** Returns the call with its answer. */
export function answered(call: ChatToolCall, answer: unknown): ChatToolCall {
  const reason = denialIn(answer);
  if (call.state === "needsApproval") {
    return answer === true ? { ...call, state: "running" } : { ...call, state: "denied", result: reason };
  }
  return { ...call, state: reason === undefined ? "done" : "failed", result: reason ?? textOf(answer) };
}

/** Returns the fields of a start that answers these calls. */
export function fieldsOf(calls: readonly ChatToolCall[], answers: ReadonlyMap<string, unknown>): Partial<StartRequest> {
  const approvals = calls.filter(({ state }) => state === "needsApproval");
  const waiting = calls.filter(({ state }) => state === "needsResult");
  return {
    ...(approvals.length > 0 && {
      answers: approvals.map(({ id }) => ({
        toolCallId: id,
        approved: answers.get(id) === true,
        reason: denialIn(answers.get(id)),
      })),
    }),
    ...(waiting.length > 0 && {
      results: waiting.map(({ id }) => {
        const reason = denialIn(answers.get(id));
        const content = reason ?? textOf(answers.get(id));
        return { role: "tool", toolCallId: id, content, ...(reason !== undefined && { isError: true }) } as const;
      }),
    }),
  };
}

function denialIn(answer: unknown): string | undefined {
  return typeof answer === "object" && answer !== null && "deny" in answer ? String(answer.deny) : undefined;
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "");
}
