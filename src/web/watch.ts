/** The run that is watched for a turn of a chat. */

import type { ChatReply } from "../dialects/native/chat-message.ts";
import { emptyReply } from "../dialects/native/shown.ts";
import { eventsOf, type LinkEvent, type LinkParts } from "./link.ts";
import { type LiveReply, liveReply } from "./live-reply.ts";
import type { Messages } from "./shown.ts";
import type { Turn } from "./turn.ts";

/** A message that the relay has not taken for so long has failed, in milliseconds. */
export const START_FOR_MS = 60_000;

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
  /** The messages before its reply, and those with it, when it was settled. */
  left?: { readonly before: Messages; readonly after: Messages };
  /** Resolves when it is read no more. */
  over: Promise<void>;
}

/** Returns the watch of a turn whose run is about to be read. */
export function watchOf(turn: Turn, messages: Messages): Watch {
  return {
    turn,
    abort: new AbortController(),
    run: turn.run,
    reply: liveReply(turn.base ? reopened(turn.base) : emptyReply(messages)),
    isOpened: false,
    isStopped: false,
    over: Promise.resolve(),
  };
}

/** Returns a reply that goes on, without the facts of its end. */
function reopened(reply: ChatReply): ChatReply {
  const { finishReason: _reason, usage: _usage, estimatedUsage: _estimated, metrics: _metrics, ...parts } = reply;
  return { ...parts, state: "writing" };
}

/**
 * Reads the events of a watch.
 * @param start the body that starts the run; absent for one that others have started
 */
export function eventsOfWatch(
  { run, abort }: Watch,
  start: string | undefined,
  { requests, chat, reconnectForMs }: Pick<LinkParts, "requests" | "chat" | "reconnectForMs">,
): AsyncGenerator<readonly LinkEvent[], never> {
  return eventsOf({ requests, start, chat, run, signal: abort.signal, reconnectForMs, startForMs: START_FOR_MS });
}
