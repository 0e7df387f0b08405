/** A conversation that the relay keeps → messages of AG-UI, and those of TanStack AI. */

import type {
  AssistantMessage,
  AssistantTurn,
  ContentPart,
  Message,
  ToolCall,
  ToolMessage,
} from "../../contract/message.ts";
import type { JsonObject } from "../../platform/json-object.ts";
import type { ChatHistory } from "../native/wire.ts";
import { type AgUiInterrupt, type AgUiMessage, interruptOf } from "./events.ts";
import { runIdOf } from "./request.ts";

/** A message, and its id, which stays the same while the conversation grows. */
interface Numbered {
  readonly id: string;
  readonly message: Message;
}

/**
 * Returns the conversation without the reply that is being written; `undefined` when none is being written: the reply
 * is in the conversation then.
 */
export function withoutReply(history: ChatHistory): readonly AgUiMessage[] | undefined {
  return history.turn && numbered(history).flatMap(agUiMessages);
}

/** Returns the conversation as messages of AG-UI. */
export function agUiHistory(history: ChatHistory): readonly AgUiMessage[] {
  return numbered(history).flatMap(agUiMessages);
}

/** Which messages a page asks for: at most `limit`, those before the message with the id `before`. */
export interface HistoryPage {
  readonly limit: number | undefined;
  readonly before: string | undefined;
}

/**
 * Returns the conversation as TanStack AI loads it. The reply that is being written is not in it: the page joins
 * `activeRun`, which shows it from its beginning.
 * @see https://tanstack.com/ai/latest/docs/guides/persistence
 */
export function tanStackHistory(history: ChatHistory, { limit = Infinity, before }: HistoryPage): JsonObject {
  const all = uiMessages(numbered(history));
  const at = before === undefined ? -1 : all.findIndex(({ id }) => id === before);
  const end = at < 0 ? all.length : at;
  const start = Math.max(0, end - limit);
  const cursor = all[start]?.id;
  const { run, turn } = history;
  const pending = interruptsOf(history);
  return {
    messages: all.slice(start, end),
    activeRun: turn && run !== undefined ? { runId: runIdOf(run) } : null,
    interrupts: run !== undefined && pending.length > 0 ? { runId: runIdOf(run), pending } : null,
    page: start > 0 && cursor !== undefined ? { truncated: true, cursor } : { truncated: false },
  };
}

/** Returns the calls that wait for a person: the page asks for a decision again. */
export function interruptsOf({ messages, waiting = [] }: ChatHistory): readonly AgUiInterrupt[] {
  const last = messages.findLast(({ role }) => role === "assistant");
  const calls = last?.role === "assistant" ? (last.toolCalls ?? []) : [];
  return calls.filter(({ id, needsApproval }) => needsApproval && waiting.includes(id)).map(interruptOf);
}

/** Returns the turns that have ended, and the new part of the turn under way. */
function numbered({ messages, turn = [], unanswered }: ChatHistory): readonly Numbered[] {
  const replied = turn.findIndex(({ role }) => role === "assistant");
  const kept = replied < 0 ? turn : turn.slice(0, replied);
  const question: readonly Message[] = unanswered === undefined ? [] : [{ role: "user", content: unanswered }];
  return [...messages, ...kept, ...question].map((message, index) => ({ id: `m${index + 1}`, message }));
}

function agUiMessages({ id, message }: Numbered): readonly AgUiMessage[] {
  switch (message.role) {
    case "system":
      return [];
    case "user":
      return [{ id, role: "user", content: userContent(message.content) }];
    case "assistant": {
      const { content, toolCalls = [] } = message;
      const reasoning = reasoningOf(message);
      return [
        ...(reasoning === "" ? [] : [{ id: `${id}-r1`, role: "reasoning", content: reasoning }]),
        {
          id,
          role: "assistant",
          content,
          ...(toolCalls.length > 0 && {
            toolCalls: toolCalls.map((call) => ({
              id: call.id,
              type: "function",
              function: { name: call.name, arguments: call.rawArguments ?? JSON.stringify(call.arguments) },
            })),
          }),
        },
      ];
    }
    case "tool": {
      const { toolCallId, content, isError } = message;
      return [{ id, role: "tool", toolCallId, content, ...(isError && { error: content }) }];
    }
  }
}

/** A message as TanStack AI shows it: results are parts of the message that has their calls. */
interface UiMessage {
  readonly id: string;
  readonly role: "user" | "assistant";
  readonly parts: readonly JsonObject[];
}

function uiMessages(messages: readonly Numbered[]): readonly UiMessage[] {
  const results = new Map<string, ToolMessage>();
  for (const { message } of messages) if (message.role === "tool") results.set(message.toolCallId, message);
  return messages.flatMap((one) => uiMessage(one, results));
}

function uiMessage({ id, message }: Numbered, results: ReadonlyMap<string, ToolMessage>): readonly UiMessage[] {
  switch (message.role) {
    case "user":
      return [{ id, role: "user", parts: userParts(message.content) }];
    case "assistant":
      return [{ id, role: "assistant", parts: replyParts(message, results) }];
    case "system":
    case "tool":
      return [];
  }
}

function replyParts(turn: AssistantTurn, results: ReadonlyMap<string, ToolMessage>): readonly JsonObject[] {
  const { content, toolCalls = [] } = turn;
  const reasoning = reasoningOf(turn);
  return [
    ...(reasoning === "" ? [] : [{ type: "thinking", content: reasoning }]),
    ...(content === "" ? [] : [{ type: "text", content }]),
    ...toolCalls.flatMap((call) => callParts(call, results.get(call.id))),
  ];
}

function callParts(
  { id, name, arguments: input, rawArguments }: ToolCall,
  result?: ToolMessage,
): readonly JsonObject[] {
  const call = { type: "tool-call", id, name, arguments: rawArguments ?? JSON.stringify(input), input };
  if (!result) return [{ ...call, state: "input-complete" }];
  const { content, isError } = result;
  const state = isError ? "error" : "complete";
  return [
    { ...call, state, output: isError ? { error: content } : parsed(content) },
    { type: "tool-result", toolCallId: id, content, state, ...(isError && { error: content }) },
  ];
}

/** Replies have it; turns that were written by hand, or cut by the end of a process, may not. */
function reasoningOf(turn: AssistantTurn): string {
  return (turn as Partial<AssistantMessage>).reasoning ?? "";
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function userParts(content: string | readonly ContentPart[]): readonly JsonObject[] {
  if (typeof content === "string") return [{ type: "text", content }];
  return content.flatMap((part) => (part.type === "text" ? [{ type: "text", content: part.text }] : mediaPart(part)));
}

function userContent(content: string | readonly ContentPart[]): string | readonly JsonObject[] {
  if (typeof content === "string") return content;
  return content.flatMap((part) => (part.type === "text" ? [{ type: "text", text: part.text }] : mediaPart(part)));
}

/** A part that only the provider's file store has is not shown. */
function mediaPart(part: Exclude<ContentPart, { readonly type: "text" }>): readonly JsonObject[] {
  const { mediaType } = part;
  const kind = part.type === "image" ? "image" : mediaKind(mediaType);
  const type = mediaType === undefined ? {} : { mimeType: mediaType };
  if ("url" in part) return [{ type: kind, source: { type: "url", value: part.url, ...type } }];
  if ("data" in part && typeof part.data === "string") {
    return [{ type: kind, source: { type: "data", value: part.data, ...type } }];
  }
  return [];
}

function mediaKind(mediaType = ""): string {
  const [kind] = mediaType.split("/");
  return kind === "audio" || kind === "video" || kind === "image" ? kind : "document";
}
