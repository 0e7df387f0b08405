/** Replies and the server's history → messages as a page shows them. Pure. */

import type {
  AssistantMessage,
  AssistantTurn,
  ContentPart,
  Message,
  ToolCall,
  UserMessage,
} from "../contract/message.ts";
import type { ChatMessage, ChatReply, ChatToolCall, ChatUserMessage } from "./chat-message.ts";
import { callOf, withResult } from "./with-chunk.ts";

/** Returns the id of the message at a place of a chat. */
export function idAt(place: number): string {
  return `m${place}`;
}

/** Returns a message of the user as a page shows it. */
export function shownUser(
  place: number,
  content: UserMessage["content"],
  state: ChatUserMessage["state"],
): ChatUserMessage {
  const parts: readonly ContentPart[] = typeof content === "string" ? [{ type: "text", text: content }] : content;
  const attachments = parts.filter((part) => part.type !== "text");
  return {
    id: idAt(place),
    role: "user",
    content: parts.map((part) => (part.type === "text" ? part.text : "")).join(""),
    ...(attachments.length > 0 && { attachments }),
    state,
  };
}

/** Returns the content of a message as it is sent. */
export function contentOf({ content, attachments }: ChatUserMessage): UserMessage["content"] {
  return attachments ? [...(content ? [{ type: "text", text: content } as const] : []), ...attachments] : content;
}

/** Returns a reply of which nothing has come. */
export function emptyReply(place: number): ChatReply {
  return {
    id: idAt(place),
    role: "assistant",
    content: "",
    reasoning: "",
    toolCalls: [],
    citations: [],
    media: [],
    providerToolCalls: [],
    state: "writing",
  };
}

/** Returns a complete or partial reply of the wire as a page shows it. */
export function shownReply(place: number, turn: AssistantTurn & Partial<AssistantMessage>): ChatReply {
  const { steps, toolCalls = [], unfinishedToolCalls = [], interrupted } = turn;
  const { finishReason, usage, estimatedUsage, metrics, provider, model } = turn;
  const own = {
    ...emptyReply(place),
    content: turn.content,
    reasoning: turn.reasoning ?? "",
    citations: turn.citations ?? [],
    media: turn.media ?? [],
    providerToolCalls: turn.providerToolCalls ?? [],
  };
  const at = own.content.length;
  const waiting = new Set(toolCalls.map(({ id }) => id));
  const calls = steps
    ? stepsJoined(steps).map((call) => (waiting.has(call.id) ? call : ({ ...call, state: "done" } as const)))
    : [
        ...toolCalls.map((call) => shownCall(call, at)),
        ...unfinishedToolCalls.map((call) => ({ ...call, state: "failed", at }) as const),
      ];
  return {
    ...own,
    toolCalls: calls,
    state: interrupted ? "interrupted" : "complete",
    finishReason,
    usage,
    estimatedUsage,
    metrics,
    provider,
    model,
  };
}

function shownCall({ id, name, arguments: given, ...call }: ToolCall, at: number): ChatToolCall {
  const needsApproval = "needsApproval" in call && call.needsApproval === true;
  return { id, name, arguments: given, state: needsApproval ? "needsApproval" : "needsResult", at };
}

function stepsJoined(steps: readonly AssistantMessage[]): readonly ChatToolCall[] {
  return steps.map((step) => shownReply(0, step)).reduce(joined, emptyReply(0)).toolCalls;
}

/**
 * Returns a reply as the relay has it at its end, with what only its chunks have said: the results of calls, and where
 * each one was made.
 */
export function ended(reply: ChatReply, before: ChatReply): ChatReply {
  const calls = reply.toolCalls.map((call): ChatToolCall => {
    const known = callOf(before, call.id);
    if (!known) return call;
    const { at, state, result } = known;
    const hasResult = call.state === "done" && (state === "done" || state === "failed");
    return { ...call, at, ...(hasResult && { state, result }) };
  });
  const gone = before.toolCalls.filter(({ id }) => !callOf(reply, id));
  return { ...reply, toolCalls: [...gone, ...calls].map((call) => closed(call, reply.state)) };
}

/** A call that did not come to its end runs no more. */
function closed(call: ChatToolCall, state: ChatReply["state"]): ChatToolCall {
  if (call.state !== "running" && call.state !== "writing") return call;
  return { ...call, state: state === "complete" ? "done" : "failed" };
}

/** Whether nothing of a reply has come. */
export function isEmpty({ content, reasoning, toolCalls, media, providerToolCalls }: ChatReply): boolean {
  return !content && !reasoning && ![toolCalls, media, providerToolCalls].some(({ length }) => length > 0);
}

/** Whether a reply has what the other has, and more. */
export function isAhead(one: ChatReply, other: ChatReply): boolean {
  const isLonger = one.content.length > other.content.length || one.reasoning.length > other.reasoning.length;
  return isLonger && one.content.startsWith(other.content) && one.reasoning.startsWith(other.reasoning);
}

/** Returns one reply of two that follow each other. */
export function joined(one: ChatReply, other: ChatReply): ChatReply {
  const length = one.content.length;
  return {
    ...other,
    id: one.id,
    content: one.content + other.content,
    reasoning: one.reasoning + other.reasoning,
    toolCalls: [...one.toolCalls, ...other.toolCalls.map((call) => ({ ...call, at: call.at + length }))],
    citations: [
      ...one.citations,
      ...other.citations.map(({ startIndex, endIndex, ...rest }) => ({
        ...rest,
        ...(startIndex !== undefined && { startIndex: startIndex + length }),
        ...(endIndex !== undefined && { endIndex: endIndex + length }),
      })),
    ],
    media: [...one.media, ...other.media],
    providerToolCalls: [...one.providerToolCalls, ...other.providerToolCalls],
  };
}

/** One message as a page shows it, and the number of messages in the server's history before it. */
export interface Placed {
  readonly message: ChatMessage;
  readonly before: number;
}

/** Returns the server's history as a page shows it: replies, and the tools between them, are one message each. */
export function shownHistory(history: readonly Message[]): readonly Placed[] {
  const shown: Placed[] = [];
  for (const [before, message] of history.entries()) {
    const last = shown.at(-1);
    const reply = last?.message.role === "assistant" ? last.message : undefined;
    switch (message.role) {
      case "user":
        shown.push({ message: shownUser(shown.length, message.content, "sent"), before });
        break;
      case "assistant": {
        const next = shownReply(shown.length, message);
        if (last && reply) shown[shown.length - 1] = { ...last, message: joined(reply, next) };
        else shown.push({ message: next, before });
        break;
      }
      case "tool": {
        const { toolCallId, content, isError } = message;
        if (last && reply)
          shown[shown.length - 1] = { ...last, message: withResult(reply, toolCallId, content, isError) };
        break;
      }
      case "system":
    }
  }
  return shown;
}

/** Returns the message that is to be shown: the one that is shown, unless the server's is another, or knows more. */
export function preferred(shown: ChatMessage | undefined, told: ChatMessage): ChatMessage {
  if (!shown || told.role !== shown.role || factsOf(told) !== factsOf(shown)) return told;
  const knowsMore = told.role === "assistant" && told.metrics && shown.role === "assistant" && !shown.metrics;
  return knowsMore ? told : shown;
}

function factsOf(message: ChatMessage): string {
  const { id, content, state } = message;
  const calls = message.role === "assistant" ? message.toolCalls : [];
  return JSON.stringify([id, content, state, calls.map((call) => [call.id, call.state, call.result])]);
}

/** Returns messages whose last one, if it is the user's, has this state. */
export function marked(messages: readonly ChatMessage[], state: ChatUserMessage["state"]): readonly ChatMessage[] {
  const last = messages.at(-1);
  return last?.role === "user" && last.state !== state ? [...messages.slice(0, -1), { ...last, state }] : messages;
}
