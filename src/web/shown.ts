/** The server's history, and replies of the wire → messages as a page shows them. Pure. */

import type {
  AssistantMessage,
  AssistantTurn,
  Citation,
  ContentPart,
  Message,
  ToolCall,
  UserMessage,
} from "../contract/message.ts";
import type { ChatHistory } from "../dialects/native/wire.ts";
import type { ChatMessage, ChatReply, ChatToolCall, ChatUserMessage } from "./chat-message.ts";
import { callOf, movedCitation, withResult } from "./with-chunk.ts";

/** Returns the number of questions that the server has of these messages. */
export function questionsIn(messages: readonly ChatMessage[]): number {
  return messages.filter(({ role, state }) => role === "user" && state !== "failed").length;
}

/**
 * Returns the id of the message after these: its place at the server. The server has no message that got no reply, so
 * such a one has an id of its own.
 */
function idAfter(messages: readonly ChatMessage[], state?: ChatMessage["state"]): string {
  const place = messages.filter((message) => message.state !== "failed").length;
  return `m${place}${state === "failed" ? `-${messages.length}` : ""}`;
}

/** Returns the messages with one more of the user. */
export function withUser(
  messages: readonly ChatMessage[],
  given: UserMessage["content"],
  state: ChatUserMessage["state"],
): readonly ChatMessage[] {
  const parts: readonly ContentPart[] = typeof given === "string" ? [{ type: "text", text: given }] : given;
  const attachments = parts.filter((part) => part.type !== "text");
  const content = parts.map((part) => (part.type === "text" ? part.text : "")).join("");
  const id = idAfter(messages, state);
  return [...messages, { id, role: "user", content, ...(attachments[0] && { attachments }), state }];
}

/** Returns the messages; the last one, if it is the user's, has this state. */
export function marked(messages: readonly ChatMessage[], state: ChatUserMessage["state"]): readonly ChatMessage[] {
  const last = messages.at(-1);
  if (last?.role !== "user" || last.state === state) return messages;
  const before = messages.slice(0, -1);
  return [...before, { ...last, id: idAfter(before, state), state }];
}

/** Returns the reply after these messages, of which nothing has come. */
export function emptyReply(messages: readonly ChatMessage[]): ChatReply {
  const nothing = { toolCalls: [], citations: [], media: [], providerToolCalls: [] };
  return { id: idAfter(messages), role: "assistant", content: "", reasoning: "", ...nothing, state: "writing" };
}

/** Returns a reply that goes on, without the facts of its end. */
export function reopened(reply: ChatReply): ChatReply {
  const { finishReason: _reason, usage: _usage, estimatedUsage: _estimated, metrics: _metrics, ...parts } = reply;
  return { ...parts, state: "writing" };
}

/** Returns the messages with others in the place of the first ones; as they are, when these are not the first ones. */
export function withHead(
  messages: readonly ChatMessage[],
  head: readonly ChatMessage[],
  other: readonly ChatMessage[],
): readonly ChatMessage[] {
  if (head.some((message, place) => messages[place] !== message)) return messages;
  const all = [...other];
  for (const message of messages.slice(head.length)) all.push(numbered(message, idAfter(all, message.state)));
  return all;
}

function numbered(message: ChatMessage, id: string): ChatMessage {
  return message.id === id ? message : { ...message, id };
}

/** Returns a reply with a reply of the wire behind it, complete or partial. */
export function joined(base: ChatReply, turn: AssistantTurn & Partial<AssistantMessage>): ChatReply {
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
    id: base.id,
    role: "assistant",
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

/** Returns whether a call waits for an answer. */
export function waits({ state }: ChatToolCall): boolean {
  return state === "needsApproval" || state === "needsResult";
}

/**
 * Returns a reply as the relay has it at its end, with the facts that only its chunks had: the results of calls, and
 * where each one was made.
 */
export function ended(reply: ChatReply, before: ChatReply): ChatReply {
  const gone = before.toolCalls.filter(({ id }) => !callOf(reply, id));
  const toolCalls = [...gone, ...reply.toolCalls].map((call): ChatToolCall => {
    const known = callOf(before, call.id) ?? call;
    const now = waits(call) ? { ...call, at: known.at } : known;
    if (now.state !== "running" && now.state !== "writing") return now;
    return { ...now, state: reply.state === "complete" ? "done" : "failed" }; // it runs no more
  });
  return { ...reply, toolCalls };
}

/** Returns how much of a reply has come. */
export function sizeOf({ content, reasoning, toolCalls, media, providerToolCalls }: ChatReply): number {
  return content.length + reasoning.length + toolCalls.length + media.length + providerToolCalls.length;
}

/** Returns whether a reply has all that the other has, and more. */
export function isAhead(one: ChatReply, other: ChatReply): boolean {
  const goesOn = one.content.startsWith(other.content) && one.reasoning.startsWith(other.reasoning);
  return goesOn && sizeOf(one) > sizeOf(other);
}

/**
 * Returns the messages of a history. A reply, the tools that ran for it, and the replies to their results are one
 * message.
 */
function shownHistory(history: readonly Message[]): readonly ChatMessage[] {
  let messages: readonly ChatMessage[] = [];
  for (const message of history) {
    const last = messages.at(-1);
    const reply = last?.role === "assistant" ? last : undefined;
    const before = reply ? messages.slice(0, -1) : messages;
    if (message.role === "user") messages = withUser(messages, message.content, "sent");
    if (message.role === "assistant") messages = [...before, joined(reply ?? emptyReply(before), message)];
    if (message.role === "tool" && reply) {
      messages = [...before, withResult(reply, message.toolCallId, message.content, message)];
    }
  }
  return messages;
}

/**
 * Returns the server's history in the place of the messages that are shown. Those that are the same stay the same
 * objects, and those that the server does not have stay.
 */
export function mergedHistory(
  mine: readonly ChatMessage[],
  { messages, run, turn = [], unanswered, waiting }: ChatHistory,
): readonly ChatMessage[] {
  // The replies of a turn under way come with its run.
  const written = run === undefined ? -1 : turn.findIndex(({ role }) => role === "assistant");
  const stored = withAnswers(shownHistory([...messages, ...(written < 0 ? turn : turn.slice(0, written))]), waiting);
  const all = unanswered === undefined ? stored : withUser(stored, unanswered, "failed");
  const merged = all.map((message, place) => preferred(mine[place], message));
  for (const [place, message] of mine.entries()) {
    if (message.state === "sending") merged.push({ ...message, id: idAfter(merged) });
    if (message.state === "failed" && merged[place]?.content !== message.content) merged.splice(place, 0, message);
  }
  return merged;
}

/** Returns the messages; calls of the last reply have their answers, when only others wait. */
function withAnswers(messages: readonly ChatMessage[], waiting: readonly string[] = []): readonly ChatMessage[] {
  const last = messages.at(-1);
  if (last?.role !== "assistant" || waiting.length === 0) return messages;
  const toolCalls = last.toolCalls.map(
    (call): ChatToolCall => (waits(call) && !waiting.includes(call.id) ? { ...call, state: "answered" } : call),
  );
  return [...messages.slice(0, -1), { ...last, toolCalls }];
}

/** Returns the message that is to be shown: the one that is shown, unless the server's is another, or knows more. */
function preferred(shown: ChatMessage | undefined, stored: ChatMessage): ChatMessage {
  if (!shown || factsOf(stored) !== factsOf(shown)) return stored;
  return "metrics" in stored && stored.metrics && !("metrics" in shown && shown.metrics) ? stored : shown;
}

function factsOf({ id, role, content, state, ...rest }: ChatMessage): string {
  const calls = "toolCalls" in rest ? rest.toolCalls : [];
  return JSON.stringify([id, role, content, state, calls.map((call) => [call.id, call.state, call.result])]);
}
