/** Folds the records of a conversation into its state. Pure. */

import { SendError } from "../contract/errors.ts";
import type { AssistantTurn, Message, UserMessage } from "../contract/message.ts";
import { estimateTokens } from "../tokens/estimate.ts";
import { checkedHistory, keptOf } from "./history.ts";
import type { EndRecord, OpenTurn, SessionRecord, SessionState } from "./record.ts";
import { recordFault } from "./record-fault.ts";
import type { TurnUsage } from "./usage.ts";

/** Returns an array with `more` at its end. */
type Append = <T>(list: readonly T[], more: readonly T[]) => readonly T[];

/** For an array that other code also holds. */
const appendToCopy: Append = (list, more) => (more.length > 0 ? [...list, ...more] : list);

/** For an array that no other code holds yet: the time to read a long log stays linear in its length. */
const appendInPlace: Append = (list, more) => {
  for (const item of more) (list as (typeof item)[]).push(item);
  return list;
};

/**
 * Returns the conversation after a record.
 * @throws {TypeError} when the record cannot follow the ones before it
 */
export function reduce(state: SessionState, record: SessionRecord, append: Append = appendToCopy): SessionState {
  const { turn } = state;
  switch (record.type) {
    case "prompt":
      return { ...state, systemPrompt: record.systemPrompt };
    case "said":
      if (turn) throw new TypeError("a turn begins inside another turn");
      return { ...state, turn: { messages: [...record.messages], asked: record.asked }, unanswered: undefined };
    case "cut":
      if (turn) throw new TypeError("the history is cut inside a turn");
      return { ...state, history: state.history.slice(0, record.length), unanswered: undefined };
    case "saved": {
      if (turn) throw new TypeError("the conversation is replaced inside a turn");
      const { systemPrompt, history, turns } = record.session;
      return { systemPrompt, history: [...history], turns: [...turns] };
    }
  }
  if (!turn) throw new TypeError(`a record of type ${JSON.stringify(record.type)} is outside any turn`);
  switch (record.type) {
    case "text": {
      const { text, rewind = 0, unseenTokens = 0 } = record;
      const media = [...(turn.reply?.media ?? []), ...(record.media ?? [])];
      const { text: before, unseenTokens: unseenBefore } = turn.reply ?? { text: "", unseenTokens: 0 };
      const kept = before.length - rewind;
      const withdrawn = rewind > 0 ? estimateTokens(before.slice(kept)) : 0; // generated, and so billed
      const reply = {
        text: before.slice(0, kept) + text,
        unseenTokens: unseenBefore + withdrawn + unseenTokens,
        ...(media.length > 0 && { media }),
      };
      return { ...state, turn: { ...turn, reply } };
    }
    case "reply": {
      const messages = appendInPlace(inCallOrder(turn.messages), [record.message]);
      const next = { messages, hasReply: true, asked: turn.asked };
      return { ...state, turn: next, turns: append(state.turns, listOf(record.usage)) };
    }
    case "result":
      if (!turn.hasReply) throw new TypeError("a tool result is without a call");
      return { ...state, turn: { ...turn, messages: appendInPlace(turn.messages, [record.message]) } };
    case "end": {
      const { stays, message, usage } = record;
      const turns = append(state.turns, listOf(usage));
      const { turn: _over, ...rest } = state;
      if (!stays) return { ...rest, turns, unanswered: userContentIn(turn.messages) };
      return { ...rest, turns, history: append(state.history, [...inCallOrder(turn.messages), ...listOf(message)]) };
    }
  }
}

/**
 * Returns the conversation of these records, which begin at its beginning.
 * @throws {SendError} kind `storage`, which names the first invalid record
 */
export function replay(records: readonly SessionRecord[]): SessionState {
  let state: SessionState = { history: [], turns: [] };
  for (const [index, record] of records.entries()) {
    const fault = recordFault(record);
    if (fault) throw damaged(`record ${index + 1} ${fault}`);
    try {
      state = reduce(state, record, appendInPlace);
    } catch (cause) {
      throw damaged(`record ${index + 1}: ${cause instanceof Error ? cause.message : String(cause)}`, cause);
    }
  }
  try {
    return { ...state, history: checkedHistory(state.history) };
  } catch (cause) {
    throw damaged(cause instanceof Error ? cause.message : String(cause), cause);
  }
}

function damaged(what: string, cause?: unknown): SendError {
  return new SendError("storage", `The stored session is damaged: ${what.replace(/\.$/, "")}.`, { cause });
}

/**
 * Returns the record that ends a turn.
 * @param reply the turn's last reply
 * @param interrupted whether that reply is partial, or the turn was left
 * @param discards whether an interrupted turn is removed (`onInterrupt: "discard"`)
 */
export function endRecordOf(
  turn: OpenTurn,
  reply: AssistantTurn | undefined,
  { interrupted, discards, usage }: { interrupted: boolean; discards: boolean; usage?: TurnUsage | undefined },
): EndRecord {
  const [message] = reply && !(interrupted && discards) ? keptOf(reply, interrupted) : [];
  // The model has read the tool results even when its reply to them is empty.
  const isRead = !interrupted && turn.messages.at(-1)?.role === "tool";
  const hasReplies = turn.messages.some(({ role }) => role === "assistant") && !(interrupted && discards);
  const stays = message !== undefined || isRead || hasReplies;
  return { type: "end", stays, ...(message && { message }), ...(usage && { usage }) };
}

/** Returns a turn's messages, with the results of its last reply in the order of that reply's calls. */
export function inCallOrder(messages: readonly Message[]): readonly Message[] {
  const asked = messages.findLastIndex(({ role }) => role === "assistant");
  const reply = messages[asked];
  if (reply?.role !== "assistant") return messages;
  const places = new Map((reply.toolCalls ?? []).map(({ id }, place) => [id, place]));
  const placeOf = (message: Message) => (message.role === "tool" ? (places.get(message.toolCallId) ?? -1) : -1);
  const results = messages.slice(asked + 1).sort((a, b) => placeOf(a) - placeOf(b));
  return [...messages.slice(0, asked + 1), ...results];
}

function listOf<T>(item: T | undefined): readonly T[] {
  return item === undefined ? [] : [item];
}

function userContentIn(messages: readonly Message[]): UserMessage["content"] | undefined {
  const said = messages.find((message) => message.role === "user");
  return said?.content;
}
