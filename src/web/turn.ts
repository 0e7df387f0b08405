/** A turn of a chat: what is asked for, and what is asked for again when it has failed. Pure. */

import { SendError } from "../contract/errors.ts";
import type { UserMessage } from "../contract/message.ts";
import type { ChatReply } from "../dialects/native/chat-message.ts";
import { userMessage } from "../dialects/native/shown.ts";
import type { StartRequest } from "../dialects/native/wire.ts";
import type { ChatOptions } from "./chat.ts";
import { type Messages, marked } from "./shown.ts";

/** A turn that is asked for, or that others have asked for. */
export interface Turn {
  /** The fields of its request; absent for a run that others have started. */
  readonly fields?: Partial<StartRequest> | undefined;
  readonly options?: ChatOptions | undefined;
  /** The messages before the reply. */
  readonly messages: Messages;
  /** The reply that continues. */
  readonly base?: ChatReply | undefined;
  /** The messages if nothing comes of it; absent where the message of the user stays, as failed. */
  readonly undo?: Messages | undefined;
  /** The run, if it has begun, or may have. */
  readonly run?: string | undefined;
}

/** Returns the turn with another message of the user. */
export function asked(messages: Messages, message: UserMessage["content"]): Turn {
  return { fields: { message }, messages: [...messages, userMessage(message, "sending")] };
}

/**
 * Returns the turn with another reply in the place of one, and of everything after it.
 * @param messageId that of the reply, or of the message before it
 * @param message takes the place of the user's message
 * @throws {SendError} kind `invalidRequest` when there is none
 */
export function rewritten(undo: Messages, messageId: string | undefined, message?: UserMessage["content"]): Turn {
  const at = undo.findIndex(({ id, role }) => id === messageId && (role === "user" || message === undefined));
  if (at < 0) throw new SendError("invalidRequest", `Unknown message ${messageId}.`);
  const messages = undo.slice(0, message === undefined && undo[at]?.role === "user" ? at + 1 : at);
  const keep = { turns: messages.filter(({ role, state }) => role === "user" && state !== "failed").length };
  if (message !== undefined) return { ...asked(messages, message), fields: { message, keep } };
  // The server has a question without a reply behind all that it keeps.
  if (messages.at(-1)?.state === "failed")
    return { fields: { regenerate: true }, messages: marked(messages, "sending") };
  return { fields: { regenerate: true, keep }, messages, undo };
}

/** Returns a turn that has failed, to be asked for again. Its message goes behind all that was said since. */
export function sentAgain(turn: Turn, messages: Messages): Turn {
  const { message, keep } = turn.fields ?? {};
  if (message === undefined || keep) return turn;
  const at = messages.findLastIndex(({ state }) => state === "failed");
  return { ...turn, ...asked(messages.toSpliced(at, 1), message) };
}
