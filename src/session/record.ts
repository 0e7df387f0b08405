/** The records of a conversation, and the conversation at one moment. Types only: `reducer.ts` has the functions. */

import type { AssistantTurn, Media, Message, ToolMessage, UserMessage } from "../contract/message.ts";
import type { AnsweredCall } from "./call-answer.ts";
import type { SavedSession } from "./saved-session.ts";
import type { TurnUsage } from "./usage.ts";

/** One event of a conversation, as a `SessionStore` keeps it. All events in order are the conversation. Plain data. */
export type SessionRecord = SessionEvent & {
  /**
   * Distinguishes the record from all others of the conversation. A record that follows under the same key is a
   * repetition of an append whose answer was lost, and does not count.
   */
  readonly key?: string;
};

type SessionEvent =
  /** The system prompt changes; without `systemPrompt` there is none. */
  | { readonly type: "prompt"; readonly systemPrompt?: string }
  /**
   * A turn begins: the messages that it adds, and the provider and model that are asked. `id` is the name of the turn,
   * for a process that continues it. `title` is the title of the conversation from now on.
   */
  | {
      readonly type: "said";
      readonly messages: readonly Message[];
      readonly asked?: Asked;
      readonly id?: string;
      readonly title?: string;
    }
  /**
   * More of a reply, for the case that the process ends before the reply does.
   * - `rewind`: the number of UTF-16 units of visible text that are removed first.
   * - `text`: the visible text that is added.
   * - `unseenTokens`: the estimated tokens that are not visible (reasoning, arguments of calls, media).
   * - `media`: the media that are complete.
   */
  | {
      readonly type: "text";
      readonly text: string;
      readonly rewind?: number;
      readonly unseenTokens?: number;
      readonly media?: readonly Media[];
    }
  /** A reply is complete, and its tools run now. */
  | { readonly type: "reply"; readonly message: AssistantTurn; readonly usage?: TurnUsage }
  /** A call has its result. */
  | { readonly type: "result"; readonly message: ToolMessage }
  /** A call that the last turn has left open has an answer. The next turn carries it out. */
  | ({ readonly type: "answer" } & AnsweredCall)
  /** The turn is over: whether the history keeps it, and its last reply as the history keeps that. */
  | { readonly type: "end"; readonly stays: boolean; readonly message?: AssistantTurn; readonly usage?: TurnUsage }
  /** The history keeps only its first `length` messages. */
  | { readonly type: "cut"; readonly length: number }
  /** Another conversation takes the place of this one, with its `title`. */
  | { readonly type: "saved"; readonly session: SavedSession; readonly title?: string };

/** The provider and model of a request, as `ClientWrapper` names them. */
type Asked = Pick<TurnUsage, "provider" | "model">;

/** A conversation at one moment. */
export interface SessionState {
  readonly systemPrompt?: string | undefined;
  readonly history: readonly Message[];
  readonly turns: readonly TurnUsage[];
  /** The turn under way. */
  readonly turn?: OpenTurn | undefined;
  /** Answers to calls at the end of the history, until a turn that stays has carried them out. */
  readonly answers?: readonly AnsweredCall[] | undefined;
  /** The title that the records have set. */
  readonly title?: string | undefined;
  /** The last user message, if it got no reply and was removed from the history. */
  readonly unanswered?: UserMessage | undefined;
}

/** A turn under way: the messages that it has added so far, and its reply so far, as far as records say. */
export interface OpenTurn {
  /**
   * Results follow their calls in order of arrival; `inCallOrder` sorts them. The turn owns the array and appends to
   * it, so that a result costs the same however many there are.
   */
  readonly messages: readonly Message[];
  /** Whether the messages contain a reply, so that there are calls to answer. */
  readonly hasReply?: boolean;
  /** The end of the history, when the turn runs calls of it: the reply that made them, and the results so far. */
  readonly resumed?: readonly Message[] | undefined;
  readonly asked?: Asked | undefined;
  /** Its name, for a process that continues it. */
  readonly id?: string | undefined;
  /** Absent before the reply has begun. */
  readonly reply?:
    | { readonly text: string; readonly unseenTokens: number; readonly media?: readonly Media[] }
    | undefined;
}

/** The record of a turn's end. */
export type EndRecord = Extract<SessionRecord, { readonly type: "end" }>;
