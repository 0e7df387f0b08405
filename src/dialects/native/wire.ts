/** The relay's own wire: requests as JSON, replies as server-sent events. Types only. */

import type { MessageChunk } from "../../contract/chunk.ts";
import type { SendErrorData } from "../../contract/errors.ts";
import type { AssistantMessage, Message, ToolMessage, UserMessage } from "../../contract/message.ts";
import type { ReplyOutline } from "../outline.ts";
import type { ChatMessage } from "./chat-message.ts";

/** The body of `POST /`: starts a run, or attaches to it when a request with this id has started it. */
export interface StartRequest {
  /** The id of the run: random, 22 to 128 characters of `A-Z a-z 0-9 _ -`. A repeated request carries the same. */
  readonly run: string;
  /** The conversation. Default: one of its own, named as the run. */
  readonly chat?: string | undefined;
  /** The whole conversation, for a relay without a session store. */
  readonly messages?: readonly Message[] | undefined;
  /** The new turn of the user, for a relay with a session store. */
  readonly message?: UserMessage["content"] | undefined;
  /** Results of calls that the last reply left open, for a relay with a session store. */
  readonly results?: readonly ToolMessage[] | undefined;
  /**
   * Decisions about calls that wait for approval; may come with `results`. The run continues when no call waits any
   * more. With a session store, earlier decisions are kept, and an empty array continues after a failure. Without one,
   * the calls are those at the end of `messages`, which the relay must have signed.
   */
  readonly answers?: readonly CallApproval[] | undefined;
  /** Asks for another reply to the last turn of the user, for a relay with a session store. */
  readonly regenerate?: boolean | undefined;
  /**
   * How many messages of the chat's history stay before the new turn, to edit an earlier question (`message`) or to
   * have it answered again (`regenerate`: the question is the last one that stays). Default: all of them; with
   * `regenerate`, all but the last reply. `{ turns }` counts the questions of the user only, as `createChats` does: the
   * page shows a reply and its tools as one message.
   */
  readonly keep?: number | { readonly turns: number } | undefined;
  /**
   * The texts of the user's earlier turns, as the front end shows them: for one that sends its conversation with each
   * request. Where the history begins with them and has another turn then, `message` takes the place of that turn and
   * of all that follows. Where the history begins in another way, the front end does not know it, and all of it stays.
   */
  readonly earlier?: readonly string[] | undefined;
  /**
   * The id under which the front end knows `message`. Where the history has a turn of the user with this id, `message`
   * takes the place of that turn and of all that follows: a page that shows a part of the history asks again so.
   */
  readonly question?: string | undefined;
  /** The id under which the front end knows the reply. Default: `run`. */
  readonly messageId?: string | undefined;
  /** The options that the relay allows a browser to choose. */
  readonly options?: Readonly<Record<string, unknown>> | undefined;
}

/** The decision of a person about a call that waits for approval (`needsApproval`). */
export interface CallApproval {
  readonly toolCallId: string;
  readonly approved: boolean;
  /** Why not, for the model. */
  readonly reason?: string | undefined;
}

/** The body of `POST /:chat/stop`. Without `run`, the chat's last run stops. */
export interface StopRequest {
  readonly run?: string | undefined;
}

/** The body of an answer that is not a reply: why the relay, or the provider behind it, has refused the request. */
export interface RefusalBody {
  readonly error: Pick<
    SendErrorData,
    "kind" | "message" | "code" | "status" | "retryable" | "retryAfterMs" | "requestId"
  >;
}

/** The answer to `GET /:chat`: the conversation as far as the relay keeps it. */
export interface ChatHistory {
  readonly messages: readonly Message[];
  /** The chat's last run, which is being written or has ended. Its reply is the last message once it has ended. */
  readonly run?: string | undefined;
  /** The id under which front ends know the reply of that run. */
  readonly messageId?: string | undefined;
  /**
   * The messages that the turn under way has added so far. It is being written, or the process that wrote it has died:
   * the events of the run show which.
   */
  readonly turn?: readonly Message[] | undefined;
  /** The last message of the user, when it got no reply. `regenerate` asks it again. */
  readonly unanswered?: UserMessage["content"] | undefined;
  /** The ids of the calls of the last reply that wait for an answer. Absent when there are none. */
  readonly waiting?: readonly string[] | undefined;
}

/** The answer to `GET /:chat?view=page`: the conversation as a page shows it. */
export interface ShownHistory {
  /** The last message of the user has `failed` when it got no reply. */
  readonly messages: readonly ChatMessage[];
  /** The run whose reply comes next. It is being written, or the process that wrote it has died. */
  readonly run?: string | undefined;
}

/** One conversation of the caller. */
export interface ChatSummary {
  /** The id that the browser gave it. */
  readonly id: string;
  /** The beginning of the first message of the user; empty while there is none. */
  readonly title: string;
  /** The time of the last write, in milliseconds since 1970. */
  readonly updatedAt: number;
}

/** The answer to `GET /`: a page of the caller's conversations, the one that was written last first. */
export interface ChatList {
  readonly chats: readonly ChatSummary[];
  /** The `cursor` of the next page. Absent on the last page. */
  readonly next?: string | undefined;
}

/** One event of a reply. `id` is that of the log entry: absent while the run is not resumable. */
export type NativeEvent =
  /** The provider has accepted the request. The first event; repeated on every attach. */
  | { readonly type: "opened"; readonly run: string; readonly provider: string; readonly model: string }
  | {
      readonly type: "chunks";
      readonly id?: string | undefined;
      /**
       * The id that the chunks follow, where those of several entries are joined, or entries between do not show.
       * Absent: the number before `id`, or nothing for a viewer that has seen nothing.
       */
      readonly after?: string | undefined;
      readonly chunks: readonly MessageChunk[];
    }
  /**
   * The message so far, in the place of everything before. `tools`: the calls so far, once they have results.
   * `outline`: the order of the parts, where it is not the usual one; it is not on the wire.
   */
  | {
      readonly type: "snapshot";
      readonly id?: string | undefined;
      readonly message: AssistantMessage;
      readonly tools?: readonly MessageChunk[] | undefined;
      readonly outline?: ReplyOutline | undefined;
    }
  /** The server is about to close the connection, not the run: attach again after so many milliseconds. */
  | { readonly type: "reconnect"; readonly afterMs: number }
  /** The end of the run. A body without one of these two was cut. */
  | { readonly type: "complete"; readonly message: AssistantMessage }
  | { readonly type: "failed"; readonly error: SendErrorData };

/** The id of the end's event: no cursor, because nothing follows it. */
export const END_ID = "end";

/** An event on the wire. A summary is the chunks of the reply so far, in the order in which they came. */
export type WireEvent =
  | Exclude<NativeEvent, { readonly type: "snapshot" }>
  | { readonly type: "snapshot"; readonly id?: string | undefined; readonly chunks: readonly MessageChunk[] };
