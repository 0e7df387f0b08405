/**
 * A turn that its process has left in the middle: what the store has of it, and what its viewers have seen, become one
 * state.
 */

import type { AssistantMessage, AssistantTurn, ToolCall, ToolMessage } from "../contract/message.ts";
import { canGoOn } from "../stream/rest-of-reply.ts";
import type { Conversation } from "./conversation.ts";
import { pendingCalls } from "./history.ts";
import type { OpenTurn, SessionRecord } from "./record.ts";
import { resumedCalls } from "./reducer.ts";
import { turnUsageOf } from "./usage.ts";

/** One reply of a turn and the results of its calls. */
export interface SeenStep {
  readonly reply: AssistantMessage;
  readonly results: readonly ToolMessage[];
}

/** The part of a turn that its viewers have seen. */
export interface SeenTurn {
  /** In order. The last reply may be partial. A turn that continues after answers may begin with results alone. */
  readonly steps: readonly SeenStep[];
  /** The ids of the calls behind the last step whose tools have perhaps begun. */
  readonly begun: ReadonlySet<string>;
}

/** The place at which a turn continues. */
export type TurnPlace =
  | {
      readonly type: "known";
      /** The reply that broke off; absent between two replies. */
      readonly reply?: AssistantMessage | undefined;
      /** The calls without a result. None of their tools has begun. */
      readonly calls: readonly ToolCall[];
    }
  /** Going on could run a tool twice, or leave something out. */
  | { readonly type: "unknown"; readonly why: string };

/** Brings the turn under way to the state that its viewers have seen, where they have seen more than the store has. */
export function catchUp(conversation: Conversation, { steps, begun }: SeenTurn): TurnPlace {
  const place = addSeen(conversation, steps);
  if (place.type === "unknown") return place;
  const begunCall = place.calls.find(({ id }) => begun.has(id));
  return begunCall ? unknown(`The tool ${begunCall.name} has begun, and has perhaps run.`) : place;
}

/** Adds the part of the turn that the store does not have. Returns the place behind it. */
function addSeen(conversation: Conversation, steps: readonly SeenStep[]): TurnPlace {
  const turn = openTurn(conversation);
  const replies = turn.messages.flatMap((message) => (message.role === "assistant" ? [message.content] : []));
  const stored = steps[0] && isOnlyResults(steps[0]) ? ["", ...replies] : replies;
  const count = stored.length;
  for (const [at, { reply }] of steps.slice(0, count).entries()) {
    const text = stored[at] ?? "";
    const isSame = at === steps.length - 1 ? text.startsWith(reply.content) : text === reply.content;
    if (!isSame) return unknown("The store and the log do not have the same text.");
  }
  const last = steps[count - 1];
  if (last) addResults(conversation, last.results);
  // A tool begins when the log has its call. A store that is slower may have neither the call nor the result.
  for (const step of steps.slice(count)) {
    if (callsOf(openTurn(conversation)).length > 0) return unknown("Results are missing that a later reply answers.");
    if (step.results.length === 0) return breakOff(conversation, step.reply);
    addReply(conversation, step.reply);
    addResults(conversation, step.results);
  }
  return betweenReplies(conversation);
}

/** The viewers have seen no more of the turn's last reply than the store has. */
function betweenReplies(conversation: Conversation): TurnPlace {
  const turn = openTurn(conversation);
  const { text = "", media = [] } = turn.reply ?? {};
  if (media.length > 0) return unknown("The reply has media.");
  const calls = callsOf(turn);
  return text === "" ? { type: "known", calls } : { type: "known", calls, reply: partialOf(turn, text) };
}

/** The viewers have seen a part of a reply that the store does not have complete. */
function breakOff(conversation: Conversation, reply: AssistantMessage): TurnPlace {
  const { text: stored = "", media = [] } = openTurn(conversation).reply ?? {};
  const { content, toolCalls } = reply;
  if (toolCalls.length > 0) {
    // No tool begins before its reply is complete: these calls are complete, and more may have been to come.
    addReply(conversation, reply);
    return { type: "known", calls: toolCalls };
  }
  if (media.length > 0 || !canGoOn(reply)) return unknown("The reply has media, or the provider has run a tool.");
  const text = stored.startsWith(content) ? stored : content;
  const rewind = text.startsWith(stored) ? 0 : stored.length;
  const rest = rewind > 0 ? text : text.slice(stored.length);
  if (rest !== "") conversation.record({ type: "text", text: rest, ...(rewind > 0 && { rewind }) });
  return { type: "known", calls: [], reply: { ...reply, content: text } };
}

/** Adds a reply whose calls are complete, without the parts that were cut. */
function addReply(conversation: Conversation, reply: AssistantMessage): void {
  const { unfinishedToolCalls: _unfinished, interrupted: _interrupted, media: all = [], ...rest } = reply;
  const media = all.filter(({ partial }) => !partial);
  const usage = turnUsageOf(reply);
  const message = { ...rest, ...(media.length > 0 && { media }) };
  conversation.record({ type: "reply", message, ...(usage && { usage }) });
}

function addResults(conversation: Conversation, results: readonly ToolMessage[]): void {
  for (const message of results) {
    const isMissing = callsOf(openTurn(conversation)).some(({ id }) => id === message.toolCallId);
    if (isMissing) conversation.record({ type: "result", message });
  }
}

/** Returns the calls of the turn that have no result. */
function callsOf(turn: OpenTurn): readonly ToolCall[] {
  return turn.hasReply ? pendingCalls(turn.messages) : resumedCalls(turn);
}

function openTurn({ state }: Conversation): OpenTurn {
  if (state.turn) return state.turn;
  throw new TypeError("no turn is under way");
}

function partialOf({ asked }: OpenTurn, content: string): AssistantMessage {
  const { provider = "", model = "" } = asked ?? {};
  return completed({ role: "assistant", content, interrupted: true }, { provider, model });
}

/** Returns a reply with all fields of a message: any program may have written the store. */
export function completed(
  reply: AssistantTurn & Partial<AssistantMessage>,
  { provider, model }: { readonly provider: string; readonly model: string },
): AssistantMessage {
  return {
    reasoning: "",
    citations: [],
    finishReason: "interrupted",
    metrics: { durationMs: 0, chunks: 0, longestGapMs: 0, attempts: [] },
    provider,
    model,
    ...reply,
    toolCalls: reply.toolCalls ?? [],
  };
}

/** Whether a step has the results of answered calls alone. */
export function isOnlyResults({ reply, results }: SeenStep): boolean {
  return reply.content === "" && reply.toolCalls.length === 0 && results.length > 0;
}

/** The records of one turn, from its beginning; `undefined` when the store has none with this id. */
export function recordsOfTurn(records: readonly SessionRecord[], id: string): readonly SessionRecord[] | undefined {
  const start = records.findLastIndex((record) => record.type === "said" && record.id === id);
  if (start < 0) return undefined;
  const length = records.slice(start).findIndex(({ type }) => type === "end");
  return records.slice(start, length < 0 ? undefined : start + length + 1);
}

function unknown(why: string): TurnPlace {
  return { type: "unknown", why };
}
