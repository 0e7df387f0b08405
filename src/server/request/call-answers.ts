/** Answers of a browser to calls that wait: checked against the calls, and given to the session. */

import type { ClientWrapper } from "../../contract/client.ts";
import type { AssistantMessage, Message, ToolCall } from "../../contract/message.ts";
import type { Tool } from "../../contract/options.ts";
import { badRequest, Refusal } from "../../dialects/refusal.ts";
import type { CallAnswer } from "../../session/call-answer.ts";
import { pendingCalls } from "../../session/history.ts";
import type { LLMSession } from "../../session/session.ts";
import type { CallAnswers } from "../log/turn-request.ts";

/**
 * Returns the answers without those that calls have already: a front end that sends its conversation repeats results,
 * and one whose answer was lost repeats decisions. Answers of calls that the session does not know stay.
 */
export function newAnswers({ results, approvals }: CallAnswers, history: readonly Message[]): CallAnswers {
  const known = new Map(history.flatMap((message) => (message.role === "tool" ? [[message.toolCallId, message]] : [])));
  for (const { id } of pendingCalls(history)) known.delete(id); // an id that was used before
  return {
    results: results.filter(({ toolCallId }) => !known.has(toolCallId)),
    approvals: approvals.filter(({ toolCallId, approved }) => {
      const result = known.get(toolCallId);
      return !result || (result.denied === true) === approved;
    }),
  };
}

/**
 * Checks what a browser may answer: a result for a call of a tool that does not run on the server, a yes or no for a
 * call that waits for one, and a no for any call.
 * @param waiting the calls that have no answer
 * @param tools those of the server
 * @param isAnswered whether a call has an answer that is kept; a repeated one is compared where it is kept
 * @throws {Refusal} 400 that names the first answer that is not allowed
 */
export function checkAnswers(
  { results, approvals }: CallAnswers,
  waiting: readonly ToolCall[],
  tools: readonly Tool[],
  isAnswered: (id: string) => boolean = () => false,
): void {
  const open = new Map(waiting.map((call) => [call.id, call]));
  const seen = new Set<string>();
  const callOf = (id: string): ToolCall | undefined => {
    if (seen.has(id)) throw badRequest(`The tool call ${id} has two answers.`);
    seen.add(id);
    const call = open.get(id);
    if (!call && !isAnswered(id)) throw badRequest(`The tool call ${id} does not wait for an answer.`);
    return call;
  };
  for (const { toolCallId } of results) {
    const call = callOf(toolCallId);
    const runsHere = tools.some(({ name, run }) => run !== undefined && name === call?.name);
    if (call?.needsApproval || runsHere) {
      throw badRequest(`The tool call ${toolCallId} runs on the server, which takes no result of it.`);
    }
  }
  for (const { toolCallId, approved } of approvals) {
    const call = callOf(toolCallId);
    if (call && approved && !call.needsApproval) {
      throw badRequest(`The tool call ${toolCallId} waits for a result, not for approval.`);
    }
  }
}

/**
 * Gives the answers to a session, which keeps them.
 * @throws {Refusal} 409 when a call has got another answer meanwhile
 */
export async function giveAnswers(session: LLMSession, { results, approvals }: CallAnswers): Promise<void> {
  const given: readonly (readonly [id: string, answer: CallAnswer])[] = [
    ...results.map(({ toolCallId, content, isError }) => [toolCallId, { result: content, isError }] as const),
    ...approvals.map(({ toolCallId, approved, reason }) => {
      return [toolCallId, approved || (reason === undefined ? false : { deny: reason })] as const;
    }),
  ];
  for (const [id, answer] of given) {
    try {
      await session.answer(id, answer);
    } catch (error) {
      if ((error as { readonly kind?: unknown }).kind !== "invalidRequest") throw error;
      throw new Refusal(409, "invalidRequest", `The tool call ${id} has another answer already.`);
    }
  }
}

/** Returns the reply to answers that were kept while other calls still wait: those calls. No provider is asked. */
export function waitingReply({ provider, model }: ClientWrapper, toolCalls: readonly ToolCall[]): AssistantMessage {
  return {
    role: "assistant",
    content: "",
    reasoning: "",
    toolCalls,
    citations: [],
    finishReason: "toolCalls",
    metrics: { durationMs: 0, chunks: toolCalls.length, longestGapMs: 0, attempts: [] },
    provider,
    model,
  };
}
