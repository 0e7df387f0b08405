/** A turn of a chat: what is asked for, and what is asked for again when it has failed. Pure. */

import { SendError } from "../contract/errors.ts";
import type { UserMessage } from "../contract/message.ts";
import type { ChatReply, ChatToolCall } from "../dialects/native/chat-message.ts";
import { withUser } from "../dialects/native/shown.ts";
import type { StartRequest } from "../dialects/native/wire.ts";
import { fieldsOf, withCalls } from "./answers.ts";
import type { ChatOptions } from "./chat.ts";
import { type Messages, marked, questionsIn } from "./shown.ts";

/** A turn that is asked for, or that others have asked for. */
export interface Turn {
  /** The fields of its request; absent for a run that others have started. */
  readonly fields?: Partial<StartRequest>;
  readonly options?: ChatOptions | undefined;
  /** The messages before the reply. */
  readonly messages: Messages;
  /** The reply that goes on. */
  readonly base?: ChatReply | undefined;
  /** The messages if nothing comes of it; absent where the message of the user stays, as failed. */
  readonly undo?: Messages | undefined;
  /** The run, if it has begun, or may have. */
  readonly run?: string | undefined;
}

/** Returns the turn with another message of the user. */
export function asked(messages: Messages, message: UserMessage["content"]): Turn {
  return { fields: { message }, messages: withUser(messages, message, "sending") };
}

/**
 * Returns the turn with a message in the place of one of the user, and of everything after it.
 * @throws {SendError} kind `invalidRequest` when there is none
 */
export function edited(messages: Messages, messageId: string, message: UserMessage["content"]): Turn {
  const at = messages.findIndex(({ id, role }) => id === messageId && role === "user");
  if (at < 0) throw new SendError("invalidRequest", `The user has no message ${messageId}.`);
  const before = messages.slice(0, at);
  const turn = asked(before, message);
  return { ...turn, fields: { message, keep: { turns: questionsIn(before) } } };
}

/**
 * Returns the turn with another reply in the place of one, and of everything after it.
 * @param messageId that of the reply, or of the message before it; default: the last one
 * @throws {SendError} kind `invalidRequest` when there is none
 */
export function rewritten(undo: Messages, messageId: string | undefined = undo.at(-1)?.id): Turn {
  const at = undo.findIndex(({ id }) => id === messageId);
  if (at < 0) throw new SendError("invalidRequest", "There is no such reply to write again.");
  const messages = undo.slice(0, undo[at]?.role === "user" ? at + 1 : at);
  return { fields: { regenerate: true, keep: { turns: questionsIn(messages) } }, messages, undo };
}

/**
 * Returns the turn in which the last reply goes on, since its last call has an answer.
 * @param answers the calls that were answered here, as they are shown now
 */
export function continued(
  undo: Messages,
  reply: ChatReply,
  answers: ReadonlyMap<string, ChatToolCall>,
  call: ChatToolCall,
  answer: unknown,
): Turn {
  const base = withCalls(reply, (each) =>
    each === call || each.state === "answered" ? (answers.get(each.id) ?? { ...each, state: "running" }) : undefined,
  );
  return { fields: fieldsOf(call, answer), messages: undo.slice(0, -1), base, undo };
}

/** A turn that has failed, as `retry` asks for it, and why. */
export interface Failure {
  readonly turn: Turn;
  readonly error: SendError;
}

/** A turn, and how far it came. */
interface TurnTried {
  readonly turn: Turn;
  /** The relay has taken the run. */
  readonly isOpened: boolean;
  readonly run: string | undefined;
}

/**
 * Returns what is to be asked for again after a failure; `undefined` for a run of others of which nothing came.
 * @param before the messages before its reply
 * @param after the messages with what came of it
 */
export function failureOf(
  { turn, isOpened, run }: TurnTried,
  error: SendError,
  before: Messages,
  after: Messages,
): Failure | undefined {
  if (after !== turn.undo && after.at(-1)?.role === "assistant") {
    const fields = { regenerate: true };
    return { turn: { fields, messages: before, undo: after, options: turn.options }, error };
  }
  if (!turn.fields) return undefined;
  const mayHaveBegun = !isOpened && error.status === undefined;
  return { turn: { ...turn, messages: marked(before, "sending"), run: mayHaveBegun ? run : undefined }, error };
}

/** Returns a turn that has failed, to be asked for again. Its message goes behind all that was said since. */
export function sentAgain(turn: Turn, messages: Messages): Turn {
  const { message, keep } = turn.fields ?? {};
  if (message === undefined || keep !== undefined) return turn;
  const at = messages.findLastIndex(({ state }) => state === "failed");
  const others = messages.filter((_message, place) => place !== at);
  return { ...turn, messages: withUser(others, message, "sending") };
}
