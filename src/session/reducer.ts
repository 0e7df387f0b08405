/** Folds the records of a conversation into its state. Pure. */

import type { AssistantTurn, Message, ToolCall, UserMessage } from "../contract/message.ts";
import { estimateTokens } from "../tokens/estimate.ts";
import { keptOf, pendingCalls, tailOf, waitingCalls, withOrderedResults } from "./history.ts";
import type { EndRecord, OpenTurn, SessionRecord, SessionState } from "./record.ts";
import type { TurnUsage } from "./usage.ts";

/** Returns an array with `more` at its end. */
type Append = <T>(list: readonly T[], more: readonly T[]) => readonly T[];

/** For an array that other code also holds. */
const appendToCopy: Append = (list, more) => (more.length > 0 ? [...list, ...more] : list);

/** For an array that no other code holds yet: the time to read a long log stays linear in its length. */
export const appendInPlace: Append = (list, more) => {
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
    case "said": {
      if (turn) throw new TypeError("a turn begins inside another turn");
      const { messages, asked, id, title = state.title } = record;
      const resumed = resumedBy(state.history, messages);
      const begun = { messages: [...messages], asked, ...(id !== undefined && { id }), ...(resumed && { resumed }) };
      return { ...state, turn: begun, title, unanswered: undefined };
    }
    case "answer": {
      if (turn) throw new TypeError("a call is answered inside a turn");
      const { toolCallId, answer } = record;
      if (!waitingCalls(state.history, state.answers).some(({ id }) => id === toolCallId)) {
        throw new TypeError("an answer is without a call that waits");
      }
      return { ...state, answers: append(state.answers ?? [], [{ toolCallId, answer }]) };
    }
    case "cut":
      if (turn) throw new TypeError("the history is cut inside a turn");
      return {
        ...state,
        history: state.history.slice(0, record.length),
        answers: undefined,
        unanswered: undefined,
      };
    case "saved": {
      if (turn) throw new TypeError("the conversation is replaced inside a turn");
      const { systemPrompt, history, turns, answers } = record.session;
      const { title = state.title } = record;
      return { systemPrompt, history: [...history], turns: [...turns], answers: answers && [...answers], title };
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
      const messages = appendInPlace(inCallOrder(turn), [record.message]);
      const { reply: _text, ...rest } = turn;
      return {
        ...state,
        turn: { ...rest, messages, hasReply: true },
        turns: append(state.turns, listOf(record.usage)),
      };
    }
    case "result":
      if (!turn.hasReply && !turn.resumed) throw new TypeError("a tool result is without a call");
      return { ...state, turn: { ...turn, messages: appendInPlace(turn.messages, [record.message]) } };
    case "end": {
      const { stays, message, usage } = record;
      const turns = append(state.turns, listOf(usage));
      const { turn: _over, ...rest } = state;
      if (!stays) return { ...rest, turns, unanswered: questionIn(turn.messages) };
      const history = append(state.history, [...inCallOrder(turn), ...listOf(message)]);
      return { ...rest, turns, history, answers: undefined };
    }
  }
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
  const stays = message !== undefined || isRead || hasReplies || hasRun(turn);
  return { type: "end", stays, ...(message && { message }), ...(usage && { usage }) };
}

/** Returns the end of a history from the reply whose calls a turn with these messages runs. */
function resumedBy(history: readonly Message[], messages: readonly Message[]): readonly Message[] | undefined {
  if (messages.some(({ role }) => role !== "tool")) return undefined;
  const end = tailOf(history);
  return pendingCalls([...end, ...messages]).length > 0 ? end : undefined;
}

/** Returns the calls of an earlier turn that this one runs, as long as they have no result. */
export function resumedCalls({ resumed, messages }: OpenTurn): readonly ToolCall[] {
  if (!resumed) return [];
  const length = messages.findIndex(({ role }) => role !== "tool");
  return pendingCalls([...resumed, ...(length < 0 ? messages : messages.slice(0, length))]);
}

/** Whether the turn has run calls of an earlier turn: their results stay, so that no call runs twice. */
function hasRun(turn: OpenTurn): boolean {
  return turn.resumed !== undefined && resumedCalls(turn).length === 0;
}

/** Returns a turn's messages, with the results of its last reply in the order of that reply's calls. */
export function inCallOrder({ messages, resumed = [] }: OpenTurn): readonly Message[] {
  return withOrderedResults([...resumed.slice(0, 1), ...messages]).slice(Math.min(1, resumed.length));
}

function listOf<T>(item: T | undefined): readonly T[] {
  return item === undefined ? [] : [item];
}

function questionIn(messages: readonly Message[]): UserMessage | undefined {
  return messages.find((message) => message.role === "user");
}
