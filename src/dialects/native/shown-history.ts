/** The conversation that a relay keeps → messages as a page shows them. Pure. */

import type { AssistantMessage, AssistantTurn, Citation, Message, ToolCall } from "../../contract/message.ts";
import type { ChatMessage, ChatReply, ChatToolCall } from "./chat-message.ts";
import { EMPTY_REPLY, movedCitation, numbered, userMessage } from "./shown.ts";
import type { ChatHistory, ShownHistory } from "./wire.ts";

/**
 * Returns a conversation as a page shows it. A reply, the tools that ran for it, and the replies to their results are
 * one message. The replies of a turn under way come with its run.
 */
export function shownHistory({ messages, run, turn = [], unanswered, waiting }: ChatHistory): ShownHistory {
  const written = run === undefined ? -1 : turn.findIndex(({ role }) => role === "assistant");
  const stored = written < 0 ? turn : turn.slice(0, written);
  const all = withAnswers(shownMessages([...messages, ...stored]), waiting);
  const shown = run === undefined && turn.length > 0 ? interrupted(all) : all;
  return {
    messages: numbered(unanswered === undefined ? shown : [...shown, userMessage(unanswered, "failed")]),
    ...(turn.length > 0 && { run }),
  };
}

function shownMessages(history: readonly Message[]): readonly ChatMessage[] {
  let messages: readonly ChatMessage[] = [];
  for (const message of history) {
    const last = messages.at(-1);
    const reply = last?.role === "assistant" ? last : undefined;
    const before = reply ? messages.slice(0, -1) : messages;
    if (message.role === "user") messages = [...messages, userMessage(message.content, "sent")];
    if (message.role === "assistant") messages = [...before, joined(reply ?? EMPTY_REPLY, message)];
    if (message.role === "tool" && reply) {
      const { toolCallId, content: result, isError, denied } = message;
      const state = denied ? "denied" : isError ? "failed" : "done";
      messages = [...before, withCalls(reply, (call) => (call.id === toolCallId ? { ...call, state, result } : call))];
    }
  }
  return messages;
}

/** Returns a reply with another one behind it. */
function joined(base: ChatReply, turn: AssistantTurn & Partial<AssistantMessage>): ChatReply {
  const { content, reasoning = "", citations = [], media = [], providerToolCalls = [], steps, interrupted } = turn;
  const { finishReason, usage, estimatedUsage, metrics, provider, model } = turn;
  const waiting = new Set(turn.toolCalls?.map(({ id }) => id));
  const start = base.content.length;
  let at = start;
  const calls = (steps ?? [turn]).flatMap((step: AssistantTurn) => {
    at += step.content.length;
    return (step.toolCalls ?? []).map((call) => shownCall(call, at, waiting.has(call.id)));
  });
  return {
    ...base,
    content: base.content + content,
    reasoning: base.reasoning + reasoning,
    toolCalls: [...base.toolCalls, ...calls],
    citations: [...base.citations, ...citations.map((citation: Citation) => movedCitation(citation, start))],
    media: [...base.media, ...media],
    providerToolCalls: [...base.providerToolCalls, ...providerToolCalls],
    state: interrupted ? "interrupted" : "complete",
    finishReason,
    usage,
    estimatedUsage,
    metrics,
    provider,
    model,
  };
}

function shownCall({ id, name, needsApproval, ...call }: ToolCall, at: number, waits: boolean): ChatToolCall {
  const state = waits ? (needsApproval ? "needsApproval" : "needsResult") : "done";
  return { id, name, arguments: call.arguments, state, at };
}

/** Returns the messages; calls of the last reply have their answers, when only others wait. */
function withAnswers(messages: readonly ChatMessage[], waiting: readonly string[] = []): readonly ChatMessage[] {
  const last = messages.at(-1);
  if (last?.role !== "assistant" || waiting.length === 0) return messages;
  const isAnswered = ({ id, state }: ChatToolCall): boolean => state.startsWith("needs") && !waiting.includes(id);
  const answered = withCalls(last, (call) => (isAnswered(call) ? { ...call, state: "answered" } : call));
  return [...messages.slice(0, -1), answered];
}

/** Returns the messages; the last reply is that of a turn whose process has ended. A person may still allow a call. */
function interrupted(messages: readonly ChatMessage[]): readonly ChatMessage[] {
  const last = messages.at(-1);
  if (last?.role !== "assistant") return messages;
  const closed = withCalls(last, (call) => (call.state === "needsResult" ? { ...call, state: "failed" } : call));
  return [...messages.slice(0, -1), { ...closed, state: "interrupted" }];
}

function withCalls(reply: ChatReply, changed: (call: ChatToolCall) => ChatToolCall): ChatReply {
  return { ...reply, toolCalls: reply.toolCalls.map(changed) };
}
