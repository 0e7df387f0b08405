/** What happens in a conversation, one thing a record, and what the conversation then is. Pure. */

import { SendError } from "../contract/errors.ts";
import type { AssistantTurn, Media, Message, ToolMessage, UserMessage } from "../contract/message.ts";
import { estimateTokens } from "../tokens/estimate.ts";
import { checkedHistory, keptOf } from "./history.ts";
import { recordFault } from "./record-fault.ts";
import type { SavedSession } from "./saved-session.ts";
import type { TurnUsage } from "./usage.ts";

/** One thing that happened; what a `SessionStore` keeps. All together, in order, are the conversation. Plain data. */
export type SessionRecord =
  /** The system prompt is another; without a text there is none. */
  | { readonly type: "prompt"; readonly systemPrompt?: string }
  /** A turn begins: what is sent now, and who is asked. */
  | { readonly type: "said"; readonly messages: readonly Message[]; readonly asked?: Asked }
  /**
   * More of a reply's visible text, after its last `rewind` UTF-16 units were taken back, and about how many tokens came that are
   * not seen (thinking, arguments of calls, media), and which media are complete. Said for the case that no more comes.
   */
  | {
      readonly type: "text";
      readonly text: string;
      readonly rewind?: number;
      readonly unseenTokens?: number;
      readonly media?: readonly Media[];
    }
  /** A reply is whole, and its tools are run now. */
  | { readonly type: "reply"; readonly message: AssistantTurn; readonly usage?: TurnUsage }
  /** A tool has answered. */
  | { readonly type: "result"; readonly message: ToolMessage }
  /** The turn is over: whether anything of it stays, and its last reply as it stays. */
  | { readonly type: "end"; readonly stays: boolean; readonly message?: AssistantTurn; readonly usage?: TurnUsage }
  /** All but the first messages are forgotten. */
  | { readonly type: "cut"; readonly length: number }
  /** The conversation is another. */
  | { readonly type: "saved"; readonly session: SavedSession };

/** Who is asked, as `ClientWrapper` names it. */
type Asked = Pick<TurnUsage, "provider" | "model">;

/** A conversation at one moment. */
export interface SessionState {
  readonly systemPrompt?: string | undefined;
  readonly history: readonly Message[];
  readonly turns: readonly TurnUsage[];
  /** The turn under way. */
  readonly turn?: OpenTurn | undefined;
  /** What the user said last, when nothing came back and it was taken out of the history. */
  readonly unanswered?: UserMessage["content"] | undefined;
}

/** A turn under way: what it has added so far, and what came of its reply, as far as that was recorded. */
export interface OpenTurn {
  /**
   * Results stand behind their calls in the order in which they came; `inCallOrder` puts them right. The list is the turn's own and
   * grows: a result costs the same, however many there are.
   */
  readonly messages: readonly Message[];
  /** Whether a reply is among the messages, so that there are calls to answer. */
  readonly hasReply?: boolean;
  readonly asked?: Asked | undefined;
  /** Absent before the reply has begun. */
  readonly reply?:
    | { readonly text: string; readonly unseenTokens: number; readonly media?: readonly Media[] }
    | undefined;
}

export type EndRecord = Extract<SessionRecord, { readonly type: "end" }>;

/** A list with more at its end. */
type Append = <T>(list: readonly T[], more: readonly T[]) => readonly T[];

/** For a list that others hold, too. */
const copied: Append = (list, more) => (more.length > 0 ? [...list, ...more] : list);

/** For one that nobody else holds yet: thousands of turns are read in a time that grows with them, not with their square. */
const grown: Append = (list, more) => {
  for (const item of more) (list as (typeof item)[]).push(item);
  return list;
};

/** @throws {TypeError} when that cannot have happened now */
export function applied(state: SessionState, record: SessionRecord, append: Append = copied): SessionState {
  const { turn } = state;
  switch (record.type) {
    case "prompt":
      return { ...state, systemPrompt: record.systemPrompt };
    case "said":
      if (turn) throw new TypeError("there is a turn that begins within another");
      return { ...state, turn: { messages: [...record.messages], asked: record.asked }, unanswered: undefined };
    case "cut":
      if (turn) throw new TypeError("there is a turn of which something is forgotten before it is over");
      return { ...state, history: state.history.slice(0, record.length), unanswered: undefined };
    case "saved": {
      if (turn) throw new TypeError("there is a turn in which the conversation becomes another");
      const { systemPrompt, history, turns } = record.session;
      return { systemPrompt, history: [...history], turns: [...turns] };
    }
  }
  if (!turn) throw new TypeError(`there is a record of the type ${JSON.stringify(record.type)} outside any turn`);
  switch (record.type) {
    case "text": {
      const { text, rewind = 0, unseenTokens = 0 } = record;
      const media = [...(turn.reply?.media ?? []), ...(record.media ?? [])];
      const { text: before, unseenTokens: unseenBefore } = turn.reply ?? { text: "", unseenTokens: 0 };
      const kept = before.length - rewind;
      const withdrawn = rewind > 0 ? estimateTokens(before.slice(kept)) : 0; // written, and billed, all the same
      const reply = {
        text: before.slice(0, kept) + text,
        unseenTokens: unseenBefore + withdrawn + unseenTokens,
        ...(media.length > 0 && { media }),
      };
      return { ...state, turn: { ...turn, reply } };
    }
    case "reply": {
      const messages = grown(inCallOrder(turn.messages), [record.message]);
      const next = { messages, hasReply: true, asked: turn.asked };
      return { ...state, turn: next, turns: append(state.turns, listOf(record.usage)) };
    }
    case "result":
      if (!turn.hasReply) throw new TypeError("there is a tool result without a call");
      return { ...state, turn: { ...turn, messages: grown(turn.messages, [record.message]) } };
    case "end": {
      const { stays, message, usage } = record;
      const turns = append(state.turns, listOf(usage));
      const { turn: _over, ...rest } = state;
      if (!stays) return { ...rest, turns, unanswered: saidIn(turn.messages) };
      return { ...rest, turns, history: append(state.history, [...inCallOrder(turn.messages), ...listOf(message)]) };
    }
  }
}

/**
 * The conversation of these records, from its beginning.
 * @throws {SendError} kind `storage` that names the first record which makes no sense
 */
export function restored(records: readonly SessionRecord[]): SessionState {
  let state: SessionState = { history: [], turns: [] };
  for (const [index, record] of records.entries()) {
    const fault = recordFault(record);
    if (fault) throw damaged(`record ${index + 1} ${fault}`);
    try {
      state = applied(state, record, grown);
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
  return new SendError("storage", `The session that was kept is damaged: ${what.replace(/\.$/, "")}.`, { cause });
}

/**
 * How a turn ends that had this last reply. `interrupted`: the reply is not whole, or its turn was left.
 * @param discards whether an interrupted turn is taken back
 */
export function endOf(
  turn: OpenTurn,
  reply: AssistantTurn | undefined,
  { interrupted, discards, usage }: { interrupted: boolean; discards: boolean; usage?: TurnUsage | undefined },
): EndRecord {
  const [message] = reply && !(interrupted && discards) ? keptOf(reply, interrupted) : [];
  // The model has read tool results even when it had nothing to say to them.
  const isRead = !interrupted && turn.messages.at(-1)?.role === "tool";
  const hasReplies = turn.messages.some(({ role }) => role === "assistant") && !(interrupted && discards);
  const stays = message !== undefined || isRead || hasReplies;
  return { type: "end", stays, ...(message && { message }), ...(usage && { usage }) };
}

/** A turn's messages, the results of its last reply in the order of that reply's calls. */
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

function saidIn(messages: readonly Message[]): UserMessage["content"] | undefined {
  const said = messages.find((message) => message.role === "user");
  return said?.content;
}
