/** A turn of a chat, and the run that is watched for it. */

import type { StartRequest } from "../dialects/native.ts";
import { systemClock } from "../platform/clock.ts";
import type { ChatOptions } from "./chat.ts";
import type { ChatMessage, ChatReply } from "./chat-message.ts";
import { Link, type LinkParts } from "./link.ts";
import { LiveReply } from "./live-reply.ts";
import { emptyReply } from "./shown.ts";

const RECONNECT_FOR_MS = 300_000;

/** A message that the relay has not taken for so long has failed, in milliseconds. */
export const START_FOR_MS = 60_000;

const MAX_REPLY_BYTES = 67_108_864;

export type Messages = readonly ChatMessage[];

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

/** A run that is watched, or is about to be. */
export interface Watch {
  readonly turn: Turn;
  readonly abort: AbortController;
  run: string | undefined;
  reply: LiveReply;
  /** The relay has taken the run. */
  isOpened: boolean;
  /** Its reply is settled here; only its end is read. */
  isStopped: boolean;
  /** The messages that it left when it was stopped, and those with another last word. */
  left?: { readonly messages: Messages; readonly all: (last: ChatReply) => Messages };
  /** Resolves when it is read no more. */
  over: Promise<void>;
}

export function watchOf(turn: Turn, messages: Messages): Watch {
  return {
    turn,
    abort: new AbortController(),
    run: turn.run,
    reply: new LiveReply(turn.base ?? emptyReply(messages)),
    isOpened: false,
    isStopped: false,
    over: Promise.resolve(),
  };
}

/** @param start the body that starts the run; absent for one that others have started */
export function linkOf(
  { run, abort }: Watch,
  start: string | undefined,
  {
    requests,
    chat,
    reconnectForMs = RECONNECT_FOR_MS,
  }: Pick<LinkParts, "requests" | "chat"> & { readonly reconnectForMs?: number | undefined },
): Link {
  return new Link({
    requests,
    start,
    chat,
    run,
    signal: abort.signal,
    reconnectForMs,
    startForMs: Math.min(reconnectForMs, START_FOR_MS),
    idleMs: undefined,
    maxReplyBytes: MAX_REPLY_BYTES,
    now: systemClock(),
  });
}
