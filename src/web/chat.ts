/** A chat as a program uses it. Types only. */

import type { SendError } from "../contract/errors.ts";
import type { UserMessage } from "../contract/message.ts";
import type { SendOptions } from "../contract/options.ts";
import type { TokenUsage } from "../contract/usage.ts";
import type { ChatMessage, ChatReply } from "../dialects/native/chat-message.ts";
import type { RelayAddress } from "./requests.ts";

/**
 * The state of a chat.
 * - `idle`: it waits for the user.
 * - `sending`: a message is on its way, or the model has not begun.
 * - `streaming`: a reply is being written.
 * - `reconnecting`: the connection is lost, and is made again. The reply continues meanwhile.
 * - `failed`: `error` has the reason, and `retry` tries again.
 */
export type ChatStatus = "idle" | "sending" | "streaming" | "reconnecting" | "failed";

/**
 * A chat at one moment. It never changes: a change makes a new one, at most once a frame. Messages that did not change
 * are the same objects in it, and so are their parts.
 */
export interface ChatSnapshot {
  readonly messages: readonly ChatMessage[];
  readonly status: ChatStatus;
  /** Why the chat has failed. Present only with the status `failed`. */
  readonly error: SendError | undefined;
  /** The tokens of the last reply, where the relay exposes them. */
  readonly usage: TokenUsage | undefined;
  /** Whether the server's history is there. */
  readonly isLoaded: boolean;
}

/** The options of a call that a page may choose, if the relay allows them (`allow`), and the name of a model. */
export type ChatOptions = Omit<
  SendOptions,
  "signal" | "timeouts" | "retries" | "headers" | "maxReplyBytes" | "output" | "tools"
> & {
  /** The public name of one of the relay's `models`. */
  readonly model?: string | undefined;
};

/** The options of `createChats`. They are read when they are used: a program may change its object. */
export interface ChatsOptions extends RelayAddress {
  /** The public name of one of the relay's `models`, for all messages. */
  readonly model?: string | undefined;
  /** Options of all messages. Those of one message win. */
  readonly options?: ChatOptions | (() => ChatOptions) | undefined;
  /**
   * How long a reply is waited for without any progress while connections fail, in milliseconds. Time in which the page
   * is hidden or offline does not count.
   * @default 300_000 (5 minutes)
   */
  readonly reconnectForMs?: number | undefined;
}

/**
 * One conversation that the server keeps. It lives outside of components: a page that goes away only unsubscribes, and
 * the reply continues. Its functions need no `this`.
 *
 * `send`, `retry`, `edit`, `regenerate` and `answer` resolve when the reply has ended, with the reply; with `undefined`
 * when there is none. A failure does not reject them: the snapshot has it. A mistake of the program does.
 */
export interface Chat {
  readonly id: string;
  /** The chat at this moment. The same object until something changes. */
  readonly snapshot: ChatSnapshot;
  /** The chat as `open` has made it, for pages that a server has rendered. */
  readonly initial: ChatSnapshot;
  /**
   * Calls `listener` after each change of the snapshot. The first subscription loads the chat.
   * @returns a function that ends it
   */
  readonly subscribe: (listener: () => void) => () => void;
  /**
   * Reads the server's history, and watches the reply that is being written. A subscription does this once; call it to
   * see what another device has said since. Never rejects.
   */
  readonly load: () => Promise<void>;
  /**
   * Sends a message.
   * @throws {SendError} kind `busy` while a reply is being written
   */
  readonly send: (content: UserMessage["content"], options?: ChatOptions) => Promise<ChatReply | undefined>;
  /** Stops the reply, for all its viewers. Resolves with what has come of it, which stays in the chat. */
  readonly stop: () => Promise<ChatReply | undefined>;
  /**
   * Loads the chat again, sends the message again, or asks for the reply again: the one that has failed.
   * @throws {SendError} kind `busy` while a reply is being written
   */
  readonly retry: () => Promise<ChatReply | undefined>;
  /** Replaces a message of the user, and everything after it. A reply that is being written is stopped. */
  readonly edit: (
    messageId: string,
    content: UserMessage["content"],
    options?: ChatOptions,
  ) => Promise<ChatReply | undefined>;
  /**
   * Writes a reply again; everything after it is deleted. A reply that is being written is stopped.
   * @param messageId that of the reply, or of the message before it; default: the last reply
   */
  readonly regenerate: (messageId?: string, options?: ChatOptions) => Promise<ChatReply | undefined>;
  /**
   * Answers a call that waits. The server keeps the answer, and the call is `answered`, on all devices. When all calls
   * of the reply are answered, the reply continues.
   * @param answer `true` lets a call run that `needsApproval`; `false` or `{ deny: "the reason" }` refuses it. For a
   * call that `needsResult` it is the result, a string or a value that becomes JSON; or `{ deny }`
   */
  readonly answer: (callId: string, answer: unknown) => Promise<ChatReply | undefined>;
}
