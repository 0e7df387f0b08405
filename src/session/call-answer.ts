/** The answers to calls that wait: what a caller gives, what a record keeps, and what the model reads. */

import { SendError } from "../contract/errors.ts";
import type { ToolCall, ToolMessage } from "../contract/message.ts";
import { deniedResult } from "./tool-result.ts";
import { toolResultText } from "./tool-result-text.ts";

/**
 * The answer to a call that waits:
 * - `true`: the tool may run. Only for a call that is marked `needsApproval`.
 * - `false`, or `deny` with a reason for the model: the tool does not run.
 * - `result`: the result of the call, for a tool that the caller runs. A value that is not a string is sent as JSON.
 */
export type CallAnswer =
  | boolean
  | { readonly deny: string }
  | { readonly result: unknown; readonly isError?: boolean | undefined };

/** An answer as plain data. */
export type StoredAnswer =
  | { readonly type: "allow" }
  | { readonly type: "deny"; readonly reason?: string }
  | { readonly type: "result"; readonly content: string; readonly isError?: true };

/** An answer that a call has got, before the turn continues. */
export interface AnsweredCall {
  readonly toolCallId: string;
  readonly answer: StoredAnswer;
}

/** @throws {SendError} kind `invalidRequest` for a value that is not an answer */
export function storedAnswerOf(answer: unknown): StoredAnswer {
  if (answer === true) return { type: "allow" };
  if (answer === false) return { type: "deny" };
  const { deny, result, isError } = fieldsOf(answer);
  if (typeof deny === "string") return deny.trim() === "" ? { type: "deny" } : { type: "deny", reason: deny };
  if (deny !== undefined || typeof answer !== "object" || answer === null || !("result" in answer)) {
    throw new SendError("invalidRequest", "An answer must be true, false, { deny: reason } or { result: value }.");
  }
  try {
    return { type: "result", content: toolResultText(result), ...(isError === true && { isError }) };
  } catch (cause) {
    throw new SendError("invalidRequest", "The result of the call cannot be written as JSON.", { cause });
  }
}

/** @throws {SendError} kind `invalidRequest` when the call does not wait, or not for this answer */
export function checkAnswer(callId: string, answer: StoredAnswer, waiting: readonly ToolCall[]): void {
  const call = waiting.find(({ id }) => id === callId);
  if (!call) throw new SendError("invalidRequest", `The call ${callId} does not wait for an answer.`);
  if (answer.type !== "allow" || call.needsApproval) return;
  const message = `The call ${callId} of ${call.name} waits for a result, not for approval. Give { result: value }.`;
  throw new SendError("invalidRequest", message);
}

/** Returns what is wrong with a stored answer, as the end of a sentence that names it. */
function answerFault(value: unknown): string | undefined {
  const { type, reason, content, isError } = fieldsOf(value);
  switch (type) {
    case "allow":
      return undefined;
    case "deny":
      return reason === undefined || typeof reason === "string" ? undefined : "has a reason that is not a string";
    case "result":
      if (typeof content !== "string") return "has a result that is not a string";
      return isError === undefined || isError === true ? undefined : "has an `isError` that is not `true`";
    default:
      return "has no answer";
  }
}

/** Returns what is wrong with a list of answered calls, as the end of a sentence that names it. */
export function answersFault(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  if (!Array.isArray(value)) return "is not an array";
  for (const item of value as readonly unknown[]) {
    const { toolCallId, answer } = fieldsOf(item);
    if (typeof toolCallId !== "string" || toolCallId === "") return "has an answer without a `toolCallId`";
    const fault = answerFault(answer);
    if (fault) return `has an item that ${fault}`;
  }
  return undefined;
}

/** Returns the result that an answer is; `undefined` when the tool is to run. */
export function resultOf(call: ToolCall, answer: StoredAnswer): ToolMessage | undefined {
  switch (answer.type) {
    case "allow":
      return undefined;
    case "deny":
      return deniedResult(call, "The user did not allow this call", answer.reason);
    case "result": {
      const { content, isError } = answer;
      return { role: "tool", toolCallId: call.id, content, ...(isError && { isError }) };
    }
  }
}

/** Returns whether two answers are the same. */
export function isSameAnswer(one: StoredAnswer, other: StoredAnswer): boolean {
  return comparableText(one) === comparableText(other);
}

function comparableText(answer: StoredAnswer): string {
  switch (answer.type) {
    case "allow":
      return "allow";
    case "deny":
      return JSON.stringify(["deny", answer.reason]);
    case "result":
      return JSON.stringify(["result", answer.content, answer.isError]);
  }
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}
